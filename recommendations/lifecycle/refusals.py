"""Refusals of hosts that would compute wrong vectors (`ml.runtimes.golden`), stored in the database.

A worker answers no requests, so its refusal is a row. Without it the queue would only seem slow.
"""

from __future__ import annotations

import logging
import socket
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, transaction
from django.db.models.functions import Now

from recommendations.models import EmbeddingModel, Refusal

logger = logging.getLogger(__name__)

FORGET = timedelta(days=1)  # after the last attempt of a host, which may be gone


def record(model: EmbeddingModel, reason: str) -> None:
    """Record that this host does not run the network. Each attempt refreshes the row."""
    try:
        with transaction.atomic():
            Refusal.objects.bulk_create(
                [Refusal(host=socket.gethostname(), model=model, reason=reason, seen_at=Now())],
                update_conflicts=True, unique_fields=["host", "model"], update_fields=["reason", "seen_at"],
            )  # fmt: skip
    except (DatabaseError, InterfaceError) as error:  # the refusal holds even unrecorded
        logger.warning("The refusal of %s could not be recorded: %s", model.name, error)


def take_back(model: EmbeddingModel) -> None:
    """Record that this host runs the network after all."""
    try:
        with transaction.atomic():
            Refusal.objects.filter(host=socket.gethostname(), model=model).delete()
    except (DatabaseError, InterfaceError) as error:
        logger.debug("A refusal of %s could not be taken back: %s", model.name, error)


def refusals(model: EmbeddingModel) -> list[str]:
    """A sentence for each host that recently refused this model."""
    found = Refusal.objects.filter(model=model, seen_at__gte=Now() - FORGET).select_related("model").order_by("host")
    return [str(refusal) for refusal in found]
