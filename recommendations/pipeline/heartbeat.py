"""Workers say every few seconds that they live, so that staff see from anywhere whether and where there are any."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connections
from django.db.models import Q
from django.db.models.functions import Now

from recommendations.models import Worker

logger = logging.getLogger(__name__)

BEAT_SECONDS = 10.0
ALIVE = timedelta(seconds=45)  # heard from since then; a machine under load may be late once or twice
FORGET = timedelta(days=1)  # what was not heard from for so long is nobody's question any more


class Heartbeat:
    """Of this process, from a thread of its own: the worker may be deep in a batch, or have nothing to do for hours."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}/{os.getpid()}"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Whoever ends in order is gone at once from the list."""
        self._stopped.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            self._quietly(self._beat)
            if self._stopped.wait(BEAT_SECONDS):
                break
        self._quietly(self._leave)

    def _beat(self) -> None:
        Worker.objects.bulk_create(
            [Worker(name=self.name, started_at=Now(), seen_at=Now())],
            update_conflicts=True, unique_fields=["name"], update_fields=["seen_at"],
        )  # fmt: skip
        Worker.objects.filter(seen_at__lt=Now() - FORGET).delete()

    def _leave(self) -> None:
        Worker.objects.filter(name=self.name).delete()

    def _quietly(self, step: Callable[[], None]) -> None:
        """Without its beat a worker works all the same. The connection is given up each time: the process forks."""
        try:
            step()
        except (DatabaseError, InterfaceError, OSError) as error:
            logger.debug("No heartbeat: %s", error)
        finally:
            connections.close_all()


def alive() -> Q:
    """Of `Worker`: those heard from lately, by the database's clock."""
    return Q(seen_at__gte=Now() - ALIVE)
