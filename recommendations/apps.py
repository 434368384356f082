from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecommendationsConfig(AppConfig):
    name = "recommendations"
    verbose_name = _("Similar products")

    def ready(self) -> None:
        from recommendations.embeddings import deletions  # noqa: PLC0415 (Django: after the registry is ready)
        from recommendations.pipeline import nudges, returns  # noqa: PLC0415 (Django)
        from recommendations.strips import recently_viewed  # noqa: PLC0415 (Django)

        nudges.connect()
        deletions.connect()
        returns.connect()
        recently_viewed.connect()
