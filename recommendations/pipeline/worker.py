"""Claim, decode, embed, store. Decoding and writing run beside the network, so that it never waits."""

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

DROPPED = "dropped"  # by then the picture was another worker's, replaced or deleted
PATIENCE = 0.5  # seconds between looks at work that other processes have in hand


@dataclass(frozen=True)
class Drained:
    """What one drain did, and whether work is left that somebody may go on with: because it was enough, for other
    models than the one embedded, or because this process is to end. `halt`: why it did not go on itself. `again`:
    pictures were given back for another try."""

    ready: int
    failed: int
    more: bool
    halt: Halt | None = None
    again: bool = False


#: Why nothing can be embedded just now, by no picture's fault. Sentences.
UNAVAILABLE = (ModelUnavailable, MediaUnavailable, DecoderUnavailable)


class Halted(Exception):
    """Work was asked for that must wait; one sentence for who asked."""

    def __init__(self, halt: Halt) -> None:
        found = control.current() if halt is Halt.PAUSED else None
        super().__init__(
            f"{found or 'The pipeline is paused.'} `manage.py pipeline resume` goes on."
            if halt is Halt.PAUSED
            else "Stopped. What was done is stored and the rest is pending; workers, or the next run, go on with it."
        )


def sweep() -> bool:
    """Find all that is to do and nobody was told of; whether there is anything for `drain`."""
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
    """Embed these few pictures in this thread, with the active model; for the other models kept complete they are
    left to `drain`."""
    model = ensure_active_model()
    network = running_network(model)
    claims.add_missing_rows(model, image_ids)
    ready = failed = 0
    with in_hand.nothing_kept(), ThreadPoolExecutor(settings.EMBEDDING_DECODE_THREADS) as pool:
        while not shutdown.asked() and (claimed := in_hand.claim(model, image_ids)):
            batch = prepare(claimed, model, pool)
            stored = _store(batch, _embed(batch, network), model)
            ready, failed = ready + stored[0], failed + stored[1]
    stage_metrics.flush()
    if shutdown.asked():
        return Drained(ready, failed, more=True, halt=Halt.STOPPED)
    others = [claims.add_missing_rows(other, image_ids) for other in _kept_models() if other.pk != model.pk]
    return Drained(ready, failed, more=any(others))


def finish_takes_long(model: EmbeddingModel) -> bool:
    return index_due(model) or calibration.is_due(model)


def finish(model: EmbeddingModel) -> None:
    """What is due once every picture is done: the index if it pays, and what the cosines mean. May take minutes."""
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
    """Embed whatever is to do, and `finish` each model when all is done.

    Args:
        model: only for this one; by default for every model kept complete, the active one first.
        enough: asked before each claim, from another thread; at the first True the rest is left for later.
        advance: called with the number of pictures done.

    Raises:
        ModelUnavailable: there is no network to run; pictures stay pending. Models whose network runs are seen to.
        MediaUnavailable, DecoderUnavailable: their files cannot be had, or decoded; they stay pending too.
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
    """Give every picture a vector of `model`, then its index; returns when it is ready.

    Other processes may be at the same work, and uploads and deletes may go on. After a kill, the next run goes on
    where this one was; what it had in hand waits for the end of the lease.

    Args:
        waiting: called twice a second with the number of pictures that other processes hold, while there is
            nothing else to do.

    Raises:
        ModelUnavailable: its network cannot be run.
        MediaUnavailable, DecoderUnavailable: the files cannot be had, or decoded.
        LifecycleError: it was retired meanwhile.
        Halted: the pipeline is paused, or this process is to end.
    """
    ready = failed = 0
    _require_kept(model)
    running_network(model)  # made again here if it was lost, even when there is nothing to embed
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
        raise LifecycleError(f"{model.name} was retired meanwhile.")


def _kept_models() -> list[EmbeddingModel]:
    """The active model, made on first use, and then all others that are kept complete."""
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
        # The whole catalog is compared only when nothing else is to do: at a million pictures that takes a second.
        if not again and not claims.add_missing_rows(model):
            break
    finish(model)
    return Drained(ready, failed, more=False)


def _drain_backlog(model: EmbeddingModel, enough: Callable[[], bool], advance: Callable[[int], None]) -> Drained:
    # Before the first claim: no picture is to suffer for a missing or damaged network.
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
                vectors = _embed(batch, network)
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


def _embed(batch: Batch, network: OnnxEmbedder) -> np.ndarray:
    """One forward pass, float32 [n, D]. A picture that gives no vector becomes a failure of its own; when the network
    itself fails, the whole batch is given back (`in_hand.nothing_kept`)."""
    while True:
        try:
            with stage_metrics.timed(Stage.INFERENCE):
                vectors = network.embed(batch.inputs)
            stage_metrics.passed(Stage.INFERENCE, len(batch.claims))
            return vectors
        except BadVector as error:
            bad = range(len(batch.claims)) if error.index is None else [error.index]
            why = ImageRejected("bad_vector", f"The network gave no vector: {error.reason}.")
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
