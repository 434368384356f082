"""The Celery application. The database is the record of what is to do; Celery only brings it about sooner."""

import os
from typing import Any

from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

from shop import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")


class ShopCelery(Celery):
    def _connection(self, url: str, **kwargs: Any) -> Any:
        """Every connection, for reading and writing, is made here: start the embedded Redis first."""
        if not settings.REDIS_URL:
            try:
                url = embedded.services(settings.VAR_DIR).ensure_redis()
            except embedded.ServiceError as error:
                raise OperationalError(str(error)) from error
        return super()._connection(url, **kwargs)  # type: ignore[misc]


app = ShopCelery("lookalike")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
