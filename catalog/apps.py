from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = _("Catalog")

    def ready(self) -> None:
        from catalog.media import (  # noqa: PLC0415 (Django: after the registry is ready)
            high_water,
            quarantine,
            rendition_files,
            rollbacks,
        )
        from catalog.search import indexing  # noqa: PLC0415 (Django)
        from catalog.storefront import menu  # noqa: PLC0415 (Django)

        indexing.connect()
        high_water.connect()
        menu.connect()
        quarantine.connect()
        rendition_files.connect()
        rollbacks.connect()
