"""What this process has claimed and neither stored nor given back yet."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError

from recommendations.embeddings import claims
from recommendations.embeddings.claims import Claim
from recommendations.models import EmbeddingModel, Stage
from recommendations.pipeline import event_log, stage_metrics

logger = logging.getLogger(__name__)

_in_hand: set[Claim] = set()
_counting = threading.Lock()


def claim(model: EmbeddingModel, image_ids: Sequence[int] | None = None) -> list[Claim]:
    """A batch of pictures, or of these; none while the pipeline is paused."""
    with stage_metrics.timed(Stage.CLAIM):
        claimed = claims.claim_batch(model, settings.EMBEDDING_BATCH_SIZE, image_ids)
    stage_metrics.passed(Stage.CLAIM, len(claimed))
    if claimed:
        event_log.claimed(claimed, model.name)
    with _counting:
        _in_hand.update(claimed)
    return claimed


def settled(done: Iterable[Claim]) -> None:
    """They are stored, or given back."""
    with _counting:
        _in_hand.difference_update(done)


def give_back() -> None:
    """Make everything pending again that this process has in hand; what it stores afterwards counts for nothing."""
    with _counting:
        held = list(_in_hand)
    if held:
        claims.release(held)
        settled(held)


@contextmanager
def nothing_kept() -> Iterator[None]:
    """However work ends, by a lost database or a second Ctrl-C: what is still in hand is given back."""
    try:
        yield
    finally:
        try:
            give_back()
        except DatabaseError as error:
            logger.warning("Claims could not be given back, their leases see to it: %s", error)
        with _counting:
            _in_hand.clear()
