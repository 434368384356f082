"""Brings vectors to the current version of the decoder, in the background: once, slowly, and without taking any out of
the search."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from django.conf import settings

from catalog.decoding import changed_since
from catalog.locks import advisory_lock
from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import DecoderUnavailable
from ml.runtimes import BadVector
from ml.spec import ModelSpec
from recommendations.embeddings import renewals
from recommendations.embeddings.renewals import Outdated
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.lifecycle.switching import running_network
from recommendations.models import EmbeddingModel
from recommendations.pipeline import control, shutdown
from recommendations.pipeline.decoding import MediaUnavailable, decoded, file_of

logger = logging.getLogger(__name__)

UNCHANGED = None


def is_due() -> bool:
    """Whether any vectors may be outdated; cheap."""
    return any(renewals.is_due(model) for model in EmbeddingModel.objects.kept())


def renew(
    *,
    model: EmbeddingModel | None = None,
    enough: Callable[[], bool] = lambda: False,
    advance: Callable[[int], None] = lambda _: None,
) -> int:
    """Look at vectors of earlier decoders. Where the picture has other pixels now, embed it again; otherwise record
    that its vector is right. A picture that cannot be decoded keeps its vector until the next pass.

    Does nothing while the pipeline is paused, or while another process renews.

    Args:
        model: only this one; by default every model kept complete, the active one first.
        enough: called before each batch; the first True leaves the rest for later.
        advance: called with the number of pictures that were looked at.

    Returns:
        The number of vectors that were replaced.

    Raises:
        ModelUnavailable, MediaUnavailable, DecoderUnavailable: no picture is at fault; nothing is lost.
    """
    replaced = 0
    with advisory_lock(renewals.RENEWAL_LOCK) as ours:
        for each in [model] if model else list(EmbeddingModel.objects.kept()):
            if ours and renewals.is_due(each):
                replaced += _renew(each, enough, advance)
    return replaced


def _renew(model: EmbeddingModel, enough: Callable[[], bool], advance: Callable[[int], None]) -> int:
    renewal, replaced = renewals.begun(model), 0
    with ThreadPoolExecutor(settings.EMBEDDING_DECODE_THREADS, "renew") as pool:
        while not enough() and not shutdown.asked() and control.current() is None:
            rows = renewals.next_rows(renewal, settings.EMBEDDING_BATCH_SIZE)
            if not rows:
                renewals.end(renewal)
                break
            if renewal.tries >= renewals.MOST_TRIES:
                logger.error("Image %s keeps its earlier vector: workers died on it.", rows[0].claim.image_id)
            else:
                renewals.begin(renewal, rows)
                try:
                    replaced += _renew_rows(rows, model, pool)
                except (ModelUnavailable, MediaUnavailable, DecoderUnavailable):
                    renewals.interrupt(renewal)
                    raise
            renewals.passed(renewal, rows)
            advance(len(rows))
    if replaced:
        logger.info("%d vectors of %s were made again with the current decoder.", replaced, model.name)
    return replaced


def _renew_rows(rows: Sequence[Outdated], model: EmbeddingModel, pool: ThreadPoolExecutor) -> int:
    spec, changed, inputs, unchanged = model.spec, [], [], []
    for row, seen in zip(rows, pool.map(lambda row: _seen(row, spec), rows), strict=True):
        if isinstance(seen, ImageRejected):
            logger.warning("Image %s keeps its earlier vector: %s (%s)", row.claim.image_id, seen.message, seen.code)
        elif seen is UNCHANGED:
            unchanged.append(row)
        else:
            changed.append(row)
            inputs.append(seen)
    if unchanged:
        renewals.confirm(unchanged)
    return _embed(changed, inputs, model)


def _embed(rows: list[Outdated], inputs: list[np.ndarray], model: EmbeddingModel) -> int:
    while rows:
        try:
            return renewals.replace(rows, running_network(model).embed(inputs, views=model.views))
        except BadVector as error:
            logger.warning("Vectors of %s stay as they are: %s", model.name, error)
            if error.index is None:
                return 0
            del rows[error.index], inputs[error.index]
    return 0


def _seen(row: Outdated, spec: ModelSpec) -> np.ndarray | ImageRejected | None:
    """The network's input; `UNCHANGED` if it is that of the earlier decoder."""
    try:
        data = file_of(row.claim)
        return decoded(data, spec) if changed_since(data, row.decoder) else UNCHANGED
    except ImageRejected as error:
        return error
