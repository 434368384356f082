"""The Celery application. The database is the record of what is to do; Celery only brings it about sooner."""

import os
from typing import Any

from celery import Celery, signals
from django.conf import settings
from kombu.exceptions import OperationalError

from shop.embedded import servers
from shop.embedded.programs import ServiceError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")


class ShopCelery(Celery):
    def _connection(self, url: str, **kwargs: Any) -> Any:
        """Every connection, for reading and writing, is made here: start the embedded Redis first."""
        if not settings.REDIS_URL:
            try:
                url = servers.services(settings.VAR_DIR).ensure_redis()
            except ServiceError as error:
                raise OperationalError(str(error)) from error
        return super()._connection(url, **kwargs)  # type: ignore[misc]


@signals.setup_logging.connect
def keep_logging(**_: Any) -> None:
    """Django has set the log up already (LOGGING). Where anybody listens here, Celery leaves it as it is."""


app = ShopCelery("lookalike")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_init.connect
def share_the_cores(**_: Any) -> None:
    """Before children are forked: several that each took every core would only get into each other's way."""
    children = settings.CELERY_WORKER_CONCURRENCY
    if children > 1 and not settings.EMBEDDING_THREADS:
        settings.EMBEDDING_THREADS = max(1, len(os.sched_getaffinity(0)) // children)
