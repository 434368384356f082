"""The scheduled recall check and its last result."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.utils import timezone

from recommendations.models import EmbeddingModel, SearchHealth
from recommendations.monitoring.recall import FLOOR, K, ModelChanged, RecallCheck

logger = logging.getLogger(__name__)

SAMPLE = 40  # products
KEPT_ROWS = 100  # per model: about three months of daily checks


def slice_of_check(so_far: dict[str, Any] | None, seconds: float) -> dict[str, Any] | None:
    """Start or continue a check for about `seconds`. Returns the state to continue with, None when the check is done.

    Each check uses a new random sample of products.
    """
    if so_far is None:
        model = EmbeddingModel.objects.active()
        if model is None:
            return None
        check = RecallCheck.begin(model, SAMPLE, seed=int(timezone.now().timestamp()))
    else:
        check = RecallCheck.from_state(so_far)
    try:
        if check.proceed(seconds=seconds):
            return check.to_state()
    except ModelChanged:
        return None  # the next check measures the new model
    keep(check)
    return None


def keep(check: RecallCheck) -> SearchHealth | None:
    """Store a finished check; None if there was nothing to measure."""
    if check.lowest is None:
        return None
    with transaction.atomic():
        row = SearchHealth.objects.create(model_id=check.model_id, lowest=check.lowest, report=check.to_json())
        old = SearchHealth.objects.filter(model_id=check.model_id).order_by("-pk").values("pk")[KEPT_ROWS:]
        SearchHealth.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
    logger.log(
        logging.WARNING if check.lowest < FLOOR else logging.INFO,
        "recall@%d lowest=%.3f %s", K, check.lowest,
        " ".join(f"{tally.leaves:.3g}={tally.recall:.3f}" for tally in check.tallies if tally.recall is not None),
    )  # fmt: skip
    return row


def latest(model: EmbeddingModel | None) -> SearchHealth | None:
    """The last finished check of this model."""
    return SearchHealth.objects.filter(model=model).order_by("-pk").first() if model else None


def recall_warning(model: EmbeddingModel) -> str | None:
    """The warning for operators if the last check was too low."""
    row = latest(model)
    if row is None or row.lowest >= FLOOR:
        return None
    return (
        f"Searches find only {row.lowest:.0%} of the nearest products; the minimum is {FLOOR:.0%} (recall@{K}, "
        f"measured on {row.measured_at:%Y-%m-%d}). Run `manage.py check_recall` to measure again. After many changes, "
        f'rebuild the vector index: REINDEX INDEX CONCURRENTLY "{model.index_name}".'
    )
