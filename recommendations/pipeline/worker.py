"""Claims, decodes, embeds and stores. Decoding and storing run in parallel with the network, so that it never waits."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from django.conf import settings
from django.db import connections

from catalog.models import ProductImage
from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import DecoderUnavailable
from ml.runtimes import BadVector
from ml.runtimes.onnx import OnnxEmbedder
from recommendations.embeddings import claims
from recommendations.embeddings.indexes import ensure_index, index_due
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.lifecycle.restoring import restore_lost_networks
from recommendations.lifecycle.switching import LifecycleError, ensure_active_model, finish_build, running_network
from recommendations.models import EmbeddingModel, ModelState, Stage
from recommendations.pipeline import control, event_log, in_hand, shutdown, stage_metrics
from recommendations.pipeline.control import Halt
from recommendations.pipeline.decoding import Batch, MediaUnavailable, prepare
from recommendations.pipeline.loader import BATCHES_AHEAD, Loader
from recommendations.search import calibration

logger = logging.getLogger(__name__)

DROPPED = "dropped"  # another worker took the picture over, or it was replaced or deleted in the meantime
PATIENCE = 0.5  # seconds between checks of work that other processes have claimed


@dataclass(frozen=True)
class Drained:
    """What one drain did.

    Attributes:
        more: work is left that another task can continue: `enough` ended the drain, other models need embeddings, or
            this process is shutting down.
        halt: why the drain stopped early.
        again: pictures were released for another attempt.
    """

    ready: int
    failed: int
    more: bool
    halt: Halt | None = None
    again: bool = False


#: Nothing can be embedded at the moment, for a reason that is not the picture's. Their messages are sentences.
UNAVAILABLE = (ModelUnavailable, MediaUnavailable, DecoderUnavailable)


class Halted(Exception):
    """The requested work must wait. The message is one sentence for the person who requested it."""

    def __init__(self, halt: Halt) -> None:
        found = control.current() if halt is Halt.PAUSED else None
        super().__init__(
            f"{found or 'The pipeline is paused.'} To continue, run `manage.py pipeline resume`."
            if halt is Halt.PAUSED
            else "Stopped. Finished pictures are stored. Workers or the next run continue with the rest."
        )


def sweep() -> bool:
    """Find work that no message announced. Returns whether `drain` has anything to do."""
    restore_lost_networks()
    if not ProductImage.objects.exists():
        return False  # an empty shop needs no model yet
    due = False
    for model in _kept_models():
        claims.add_missing_rows(model)
        _fail_exhausted(model)
        due |= claims.has_unfinished(model) or model.state == ModelState.BUILDING or finish_takes_long(model)
    return due and control.current() is None


def embed_now(image_ids: Sequence[int]) -> Drained:
    """Embed a few pictures in this thread with the active model. `drain` embeds them for the other models that are kept
    complete."""
    model = ensure_active_model()
    network = running_network(model)
    claims.add_missing_rows(model, image_ids)
    ready = failed = 0
    with in_hand.nothing_kept(), ThreadPoolExecutor(settings.EMBEDDING_DECODE_THREADS) as pool:
        while not shutdown.asked() and (claimed := in_hand.claim(model, image_ids)):
            batch = prepare(claimed, model, pool)
            stored = _store(batch, _embed(batch, network, model.views), model)
            ready, failed = ready + stored[0], failed + stored[1]
    stage_metrics.flush()
    if shutdown.asked():
        return Drained(ready, failed, more=True, halt=Halt.STOPPED)
    others = [claims.add_missing_rows(other, image_ids) for other in _kept_models() if other.pk != model.pk]
    return Drained(ready, failed, more=any(others))


def finish_takes_long(model: EmbeddingModel) -> bool:
    return index_due(model) or calibration.is_due(model)


def finish(model: EmbeddingModel) -> None:
    """Build the index, if the catalog is large enough, and calibrate match scores once every picture is done. May take
    minutes."""
    if model.state == ModelState.BUILDING:
        finish_build(model)
    else:
        ensure_index(model)
    calibration.calibrate_if_due(model)


def drain(
    *,
    model: EmbeddingModel | None = None,
    enough: Callable[[], bool] = lambda: False,
    advance: Callable[[int], None] = lambda _: None,
    finish: Callable[[EmbeddingModel], None] = finish,
) -> Drained:
    """Embed all pending pictures, and `finish` each model that is complete.

    Args:
        model: embed for this model only; by default for every model kept complete, the active one first.
        enough: called before each claim, from another thread; the first True leaves the rest for later.
        advance: called with the number of pictures done.

    Raises:
        ModelUnavailable: a model's network cannot run, and its pictures stay pending. Other models are embedded first.
        MediaUnavailable, DecoderUnavailable: the files cannot be read or decoded; the pictures stay pending.
    """
    ready = failed = 0
    if control.current() is not None:
        return Drained(0, 0, more=False, halt=Halt.PAUSED)
    unavailable: ModelUnavailable | None = None
    for each in [model] if model else _kept_models():
        try:
            drained = _drain(each, enough, advance, finish)
        except ModelUnavailable as error:
            unavailable = unavailable or error
            continue
        ready, failed = ready + drained.ready, failed + drained.failed
        if drained.more or drained.halt:
            return replace(drained, ready=ready, failed=failed)
    if unavailable is not None:
        raise unavailable
    return Drained(ready, failed, more=False)


def build(
    model: EmbeddingModel,
    *,
    advance: Callable[[int], None] = lambda _: None,
    waiting: Callable[[int], None] = lambda _: None,
) -> Drained:
    """Embed every picture with `model` and build its index; returns when the model is ready.

    Other processes may do the same work, and uploads and deletes may continue. After a kill, the next run continues;
    the pictures that were claimed wait until the lease expires.

    Args:
        waiting: called twice a second with the number of pictures that other processes have claimed, while there is
            nothing else to do.

    Raises:
        ModelUnavailable: the model's network cannot run.
        MediaUnavailable, DecoderUnavailable: the files cannot be read or decoded.
        LifecycleError: the model was retired in the meantime.
        Halted: the pipeline is paused, or this process is shutting down.
    """
    ready = failed = 0
    _require_kept(model)
    running_network(model)  # restores a lost network, even if there is nothing to embed
    while True:
        drained = drain(model=model, advance=advance)
        ready, failed = ready + drained.ready, failed + drained.failed
        _require_kept(model)
        if drained.halt or shutdown.asked():
            raise Halted(drained.halt or Halt.STOPPED)
        if model.state != ModelState.BUILDING and not claims.has_unfinished(model):
            return Drained(ready, failed, more=False)
        waiting(claims.unfinished(model))
        time.sleep(PATIENCE)


def _fail_exhausted(model: EmbeddingModel) -> None:
    stage_metrics.passed(Stage.WRITE, claims.fail_exhausted(model), "crashed")


def _require_kept(model: EmbeddingModel) -> None:
    model.refresh_from_db()
    if model.state == ModelState.RETIRED:
        raise LifecycleError(f"{model.name} was retired in the meantime.")


def _kept_models() -> list[EmbeddingModel]:
    """The active model, which is created on first use, then all others that are kept complete."""
    ensure_active_model()
    return list(EmbeddingModel.objects.kept())


def _drain(
    model: EmbeddingModel,
    enough: Callable[[], bool],
    advance: Callable[[int], None],
    finish: Callable[[EmbeddingModel], None],
) -> Drained:
    ready = failed = 0
    _fail_exhausted(model)
    while True:
        again = False
        if claims.has_unfinished(model):
            drained = _drain_backlog(model, enough, advance)
            ready, failed, again = ready + drained.ready, failed + drained.failed, drained.again
            if drained.more or drained.halt:
                return replace(drained, ready=ready, failed=failed)
        # Comparing the whole catalog takes a second for a million pictures, so it happens only when nothing else is
        # left.
        if not again and not claims.add_missing_rows(model):
            break
    finish(model)
    return Drained(ready, failed, more=False)


def _drain_backlog(model: EmbeddingModel, enough: Callable[[], bool], advance: Callable[[int], None]) -> Drained:
    # Before the first claim, so that a missing or damaged network costs no picture an attempt.
    network = running_network(model)
    ready = failed = 0
    again = False

    def collect(write: Future[tuple[int, int]]) -> None:
        nonlocal ready, failed
        done = write.result()
        ready, failed = ready + done[0], failed + done[1]
        advance(sum(done))

    with in_hand.nothing_kept(), Loader(model, enough) as loader, ThreadPoolExecutor(1, "store") as writer:
        writes: deque[Future[tuple[int, int]]] = deque()
        try:
            for batch in loader:
                vectors = _embed(batch, network, model.views)
                again |= bool(batch.again)
                writes.append(writer.submit(_store, batch, vectors, model))
                while len(writes) > BATCHES_AHEAD or (writes and writes[0].done()):
                    collect(writes.popleft())
            for write in writes:
                collect(write)
        finally:
            writer.submit(connections.close_all).result()  # the thread's own connection
    stage_metrics.flush()
    more = loader.had_enough or loader.halt is Halt.STOPPED
    return Drained(ready, failed, more=more, halt=loader.halt, again=again)


def _embed(batch: Batch, network: OnnxEmbedder, views: int) -> np.ndarray:
    """The vectors of a batch, float32 [n, D]. A picture without a valid vector becomes a failure; if the network itself
    fails, the whole batch is released (`in_hand.nothing_kept`)."""
    while True:
        try:
            with stage_metrics.timed(Stage.INFERENCE):
                vectors = network.embed(batch.inputs, views=views)
            stage_metrics.passed(Stage.INFERENCE, len(batch.claims))
            return vectors
        except BadVector as error:
            bad = range(len(batch.claims)) if error.index is None else [error.index]
            why = ImageRejected("bad_vector", f"The network returned no valid vector: {error.reason}.")
            stage_metrics.passed(Stage.INFERENCE, len(bad), why.code)
            for index in reversed(bad):
                batch.inputs.pop(index)
                batch.reject(batch.claims.pop(index), why)


def _store(batch: Batch, vectors: np.ndarray, model: EmbeddingModel) -> tuple[int, int]:
    with stage_metrics.timed(Stage.WRITE):
        ready = claims.store_vectors(batch.claims, vectors) if batch.claims else 0
        failed = claims.store_failures(batch.failures) if batch.failures else 0
    in_hand.settled([*batch.claims, *(claim for claim, _, _ in batch.failures)])
    if batch.claims:
        event_log.stored(batch.claims, model.name, ready)
    for claim, code, message in batch.failures:
        event_log.failed(claim, model.name, code, message)
    if batch.again:
        claims.try_again(batch.again)
        in_hand.settled(batch.again)
    stage_metrics.passed(Stage.WRITE, ready)
    stage_metrics.passed(Stage.WRITE, len(batch.claims) - ready, DROPPED)
    for code, count in Counter(code for _, code, _ in batch.failures).items():
        stage_metrics.passed(Stage.WRITE, count, code)
    stage_metrics.flush_if_due()
    return ready, failed
