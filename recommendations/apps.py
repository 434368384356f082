from django.apps import AppConfig


class RecommendationsConfig(AppConfig):
    name = "recommendations"
    verbose_name = "Similar products"

    def ready(self) -> None:
        from recommendations.embeddings import deletions
        from recommendations.pipeline import nudges, returns
        from recommendations.strips import recently_viewed

        nudges.connect()
        deletions.connect()
        returns.connect()
        recently_viewed.connect()
