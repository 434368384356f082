"""Workers send a heartbeat every 10 s, so that staff can see which workers are running and where."""

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
ALIVE = timedelta(seconds=45)  # since the last heartbeat; a machine under load may miss one or two
FORGET = timedelta(days=1)  # after that, a silent worker is deleted from the table


class Heartbeat:
    """Sends this process's heartbeat from a separate thread: the worker may be busy with a batch, or idle for hours."""

    def __init__(self) -> None:
        self.name = f"{socket.gethostname()}/{os.getpid()}"
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop and remove this worker from the table at once."""
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
        """A failed heartbeat must not stop the worker. The connection is closed each time because the process forks."""
        try:
            step()
        except (DatabaseError, InterfaceError, OSError) as error:
            logger.debug("No heartbeat: %s", error)
        finally:
            connections.close_all()


def alive() -> Q:
    """Filter of `Worker`: those with a recent heartbeat, by the database's clock."""
    return Q(seen_at__gte=Now() - ALIVE)
