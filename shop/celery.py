"""The Celery application. The database records the work to do; Celery's messages only make it start sooner."""

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
        """Creates every connection, for reading and writing, and starts the embedded Redis first."""
        if not settings.REDIS_URL:
            try:
                url = servers.services(settings.VAR_DIR).ensure_redis()
            except ServiceError as error:
                raise OperationalError(str(error)) from error
        return super()._connection(url, **kwargs)  # type: ignore[misc]


@signals.setup_logging.connect
def keep_logging(**_: Any) -> None:
    """Django has already configured logging (LOGGING). A receiver of this signal keeps Celery from changing it."""


app = ShopCelery("lookalike")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_init.connect
def share_the_cores(**_: Any) -> None:
    """Runs before children are forked: several children that each use every core would slow each other down."""
    children = settings.CELERY_WORKER_CONCURRENCY
    if children > 1 and not settings.EMBEDDING_THREADS:
        settings.EMBEDDING_THREADS = max(1, len(os.sched_getaffinity(0)) // children)
