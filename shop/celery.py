"""The Celery application. The database is the record of what is to do; Celery only brings it about sooner."""

import os
import signal
import threading
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


@signals.worker_ready.connect
def say_that_we_live(**_: Any) -> None:
    from recommendations.pipeline.heartbeat import Heartbeat  # apps are loaded by now

    heartbeat = Heartbeat()
    heartbeat.start()
    signals.worker_shutdown.connect(lambda **_: heartbeat.stop(), weak=False)


@signals.worker_process_init.connect
def guard_child(**_: Any) -> None:
    """Runs in each child, once it is forked. That a child is sent SIGTERM itself, as supervisors do with whole groups,
    needs no more: billiard makes it an exception, and what is in hand is given back."""
    from recommendations.pipeline import in_hand, shutdown

    shutdown.guard_child(in_hand.give_back)


@signals.worker_shutting_down.connect
def stop_in_time(how: str, **_: Any) -> None:
    """Runs in the worker's main process, which by itself would wait for its children for ever."""
    from recommendations.pipeline import shutdown

    if how == "Warm":
        shutdown.ask()
        last_word = threading.Timer(shutdown.GRACE + 1, os.kill, (os.getpid(), signal.SIGQUIT))
        last_word.daemon = True
        last_word.start()


@signals.worker_init.connect
def share_the_cores(**_: Any) -> None:
    """Before children are forked: several that each took every core would only get into each other's way."""
    children = settings.CELERY_WORKER_CONCURRENCY
    if children > 1 and not settings.EMBEDDING_THREADS:
        settings.EMBEDDING_THREADS = max(1, len(os.sched_getaffinity(0)) // children)
