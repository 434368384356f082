from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    name = "recommendations"
    verbose_name = "Similar products"

    def ready(self) -> None:
        from recommendations import checks, deletions, nudges, returns, viewed  # noqa: F401  (registers the checks)

        nudges.connect()
        deletions.connect()
        returns.connect()
        viewed.connect()
