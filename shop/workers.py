"""What worker processes do besides tasks: send heartbeats and shut down gracefully."""

import os
import signal
import threading
from typing import Any

from celery import signals

from recommendations.pipeline import in_hand, shutdown
from recommendations.pipeline.heartbeat import Heartbeat


def connect() -> None:
    signals.worker_ready.connect(start_heartbeat)
    signals.worker_process_init.connect(guard_child)
    signals.worker_shutting_down.connect(stop_in_time)


def start_heartbeat(**_: Any) -> None:
    heartbeat = Heartbeat()
    heartbeat.start()
    signals.worker_shutdown.connect(lambda **_: heartbeat.stop(), weak=False)


def guard_child(**_: Any) -> None:
    """Runs in each child after the fork. Nothing else is needed for a child that gets SIGTERM itself, as supervisors
    send it to a whole process group: billiard turns it into an exception, and claimed work is released."""
    shutdown.guard_child(in_hand.give_back)


def stop_in_time(how: str, **_: Any) -> None:
    """Runs in the worker's main process, which would otherwise wait for its children forever."""
    if how == "Warm":
        shutdown.ask()
        last_word = threading.Timer(shutdown.GRACE + 1, os.kill, (os.getpid(), signal.SIGQUIT))
        last_word.daemon = True
        last_word.start()
