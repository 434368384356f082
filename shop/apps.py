import logging

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

from shop import checks  # noqa: F401  (registers them)


class ShopConfig(AppConfig):
    name = "shop"
    verbose_name = "Shop"

    def ready(self) -> None:
        from shop import workers  # noqa: PLC0415 (Django: after the registry is ready)
        from shop.admin import accounts, groups, logins  # noqa: PLC0415 (Django)

        accounts.register()
        groups.connect()
        logins.connect()
        workers.connect()
        logging.captureWarnings(True)  # Python's warnings go to the log


class ShopAdminConfig(AdminConfig):
    default_site = "shop.admin.site.ShopAdminSite"
