"""The Celery application. The database is the record of what is to do; Celery only brings it about sooner."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_ready, worker_shutdown
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


@setup_logging.connect
def keep_logging(**_: Any) -> None:
    """Django has set the log up already (LOGGING). Where anybody listens here, Celery leaves it as it is."""


app = ShopCelery("lookalike")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def say_that_we_live(**_: Any) -> None:
    from recommendations.heartbeat import Heartbeat  # apps are loaded by now

    heartbeat = Heartbeat()
    heartbeat.start()
    worker_shutdown.connect(lambda **_: heartbeat.stop(), weak=False)
