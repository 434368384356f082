"""Pauses the pipeline. Uploads are still accepted; their pictures stay pending."""

from __future__ import annotations

from enum import Enum

from django.db import transaction

from recommendations.models import Pause
from recommendations.pipeline import nudges


class Halt(Enum):
    """Why work stopped early."""

    PAUSED = "paused"
    STOPPED = "stopped"  # this process is shutting down


def pause(*, by: str = "", reason: str = "", bulk_only: bool = False) -> Pause:
    """Stop all workers from claiming pictures; claimed work is finished or released within seconds. A second call
    changes everything except the time of the pause.

    Args:
        by: who paused the pipeline, shown to staff.
        bulk_only: still embed uploads.
    """
    values = {"by": by[:150], "reason": reason[:200], "bulk_only": bulk_only}
    return Pause.objects.update_or_create(pk=1, defaults=values)[0]


def resume() -> bool:
    """Resume and notify the workers. Returns whether the pipeline was paused."""
    deleted, _ = Pause.objects.all().delete()
    if deleted:
        transaction.on_commit(nudges.nudge_bulk)
    return bool(deleted)


def current() -> Pause | None:
    """The current pause, if any."""
    return Pause.objects.first()
