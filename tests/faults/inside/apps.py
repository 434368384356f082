"""Faults that a signal from outside could not time exactly. A process with this app reads them from its environment:

FAULT_HOLD_PASSES=FILE     every forward pass waits while FILE exists
FAULT_DIE_AT_PUBLISH=1     the process exits silently instead of sending its first message to the workers
FAULT_LOG_TASKS=1          the log says when each task starts and ends
FAULT_VISIBILITY_TIMEOUT=N seconds after which the broker redelivers an unfinished message (settings.py)
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import Any

from django.apps import AppConfig

logger = logging.getLogger(__name__)


class FaultsConfig(AppConfig):
    name = "tests.faults.inside"
    label = "faults"

    def ready(self) -> None:
        if brake := os.environ.get("FAULT_HOLD_PASSES"):
            hold_passes(Path(brake))
        if os.environ.get("FAULT_DIE_AT_PUBLISH"):
            die_at_publish()
        if os.environ.get("FAULT_LOG_TASKS"):
            log_tasks()


def hold_passes(brake: Path) -> None:
    from ml.runtimes.onnx import OnnxEmbedder

    embed = OnnxEmbedder.embed

    def held(self: OnnxEmbedder, images: Any, *, views: int = 1) -> Any:
        while brake.exists():
            time.sleep(0.02)
        return embed(self, images, views=views)

    OnnxEmbedder.embed = held  # type: ignore[method-assign]


def die_at_publish() -> None:
    from celery import Celery

    def die(*_: Any, **__: Any) -> None:
        os._exit(9)

    Celery.send_task = die


def log_tasks() -> None:
    from celery.signals import task_postrun, task_prerun

    for signal, what in ((task_prerun, "Begun"), (task_postrun, "Done")):

        def say(task: Any, what: str = what, **_: Any) -> None:
            logger.warning("%s: %s", what, task.name)

        signal.connect(say, weak=False)
