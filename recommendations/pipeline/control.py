"""Pausing the pipeline. Uploads are accepted meanwhile; their pictures stay pending."""

from __future__ import annotations

from enum import Enum

from django.db import transaction

from recommendations.models import Pause
from recommendations.pipeline import nudges


class Halt(Enum):
    """Why work ended before it was done."""

    PAUSED = "paused"
    STOPPED = "stopped"  # this process was asked to end


def pause(*, by: str = "", reason: str = "", bulk_only: bool = False) -> Pause:
    """From the next claim on no worker takes a picture; what is in hand is finished or given back within seconds.
    Again while paused: changes all but since when.

    Args:
        by: who does it, for those who wonder.
        bulk_only: uploads are embedded all the same.
    """
    values = {"by": by[:150], "reason": reason[:200], "bulk_only": bulk_only}
    return Pause.objects.update_or_create(pk=1, defaults=values)[0]


def resume() -> bool:
    """Go on, and tell the workers; whether it was paused."""
    deleted, _ = Pause.objects.all().delete()
    if deleted:
        transaction.on_commit(nudges.nudge_bulk)
    return bool(deleted)


def current() -> Pause | None:
    """The pause that holds, if any."""
    return Pause.objects.first()
