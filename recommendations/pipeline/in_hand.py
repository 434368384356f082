"""Claims of this process that are neither stored nor released yet."""

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
    """Claim a batch of pictures, or of `image_ids`; empty while the pipeline is paused."""
    with stage_metrics.timed(Stage.CLAIM):
        claimed = claims.claim_batch(model, settings.EMBEDDING_BATCH_SIZE, image_ids)
    stage_metrics.passed(Stage.CLAIM, len(claimed))
    if claimed:
        event_log.claimed(claimed, model.name)
    with _counting:
        _in_hand.update(claimed)
    return claimed


def settled(done: Iterable[Claim]) -> None:
    """Forget claims that are stored or released."""
    with _counting:
        _in_hand.difference_update(done)


def give_back() -> None:
    """Release all claims of this process: their pictures are pending again, and what it stores later has no effect."""
    with _counting:
        held = list(_in_hand)
    if held:
        claims.release(held)
        settled(held)


@contextmanager
def nothing_kept() -> Iterator[None]:
    """Release the remaining claims however the work ends, for example by a lost database or a second Ctrl-C."""
    try:
        yield
    finally:
        try:
            give_back()
        except DatabaseError as error:
            logger.warning("Claims could not be released; they expire with their leases: %s", error)
        with _counting:
            _in_hand.clear()
