from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Catalog"

    def ready(self) -> None:
        from catalog.media import high_water, quarantine, rollbacks

        high_water.connect()
        quarantine.connect()
        rollbacks.connect()
