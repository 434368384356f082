import logging

from django.apps import AppConfig

from shop import checks  # noqa: F401  (registers them)


class ShopConfig(AppConfig):
    name = "shop"
    verbose_name = "Shop"

    def ready(self) -> None:
        logging.captureWarnings(True)  # Python's warnings are lines of the log like all others
