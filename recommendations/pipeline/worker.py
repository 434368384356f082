"""Claim, decode, embed, store. Decoding and writing run beside the network, so that it never waits."""

from __future__ import annotations

import hashlib
import logging
import os
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError, connections

from catalog.decoding import to_input
from catalog.media import quarantine
from catalog.models import ProductImage
from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import PERHAPS_PASSING, DecoderUnavailable
from ml.pictures.decoding.protocol import WAIT_FACTOR
from ml.runtimes import BadVector
from ml.runtimes.onnx import OnnxEmbedder
from ml.spec import ModelSpec
from recommendations.embeddings import claims
from recommendations.embeddings.claims import Claim
from recommendations.embeddings.indexes import ensure_index, index_due
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.lifecycle.restoring import restore_lost_networks
from recommendations.lifecycle.switching import LifecycleError, ensure_active_model, finish_build, running_network
from recommendations.models import EmbeddingModel, ModelState, Stage
from recommendations.pipeline import control, event_log, shutdown, stage_metrics
from recommendations.pipeline.control import Halt
from recommendations.search import calibration

logger = logging.getLogger(__name__)

BATCHES_AHEAD = 2  # decoded while one is in the network; more would only hold leases longer
READ_FAILURES = {"missing_file", "unreadable_file", "checksum"}  # the others are the decoder's
# What may be the machine's doing as well as the picture's is tried again, up to EMBEDDING_MAX_ATTEMPTS times.
WORTH_ANOTHER_TRY = PERHAPS_PASSING | {"unreadable_file"}
DROPPED = "dropped"  # by then the picture was another worker's, replaced or deleted
HUNG = 70  # exit code, EX_SOFTWARE of sysexits.h
PATIENCE = 0.5  # seconds between looks at work that other processes have in hand


@dataclass
class Batch:
    claims: list[Claim] = field(default_factory=list)
    inputs: list[np.ndarray] = field(default_factory=list)  # uint8 [S, S, 3] each
    failures: list[tuple[Claim, str, str]] = field(default_factory=list)  # code and message
    again: list[Claim] = field(default_factory=list)  # to be tried once more

    def reject(self, claim: Claim, why: ImageRejected) -> None:
        if why.code in WORTH_ANOTHER_TRY and claim.attempts < settings.EMBEDDING_MAX_ATTEMPTS:
            logger.warning("Image %s is tried again: %s (%s)", claim.image_id, why.message, why.code)
            self.again.append(claim)
        else:
            self.failures.append((claim, why.code, why.message))


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


class MediaUnavailable(Exception):
    """The media storage is away: no picture's fault. What was claimed is given back."""


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


_in_hand: set[Claim] = set()  # claimed by this process, neither stored nor given back yet
_counting = threading.Lock()


def give_back() -> None:
    """Make everything pending again that this process has in hand; what it stores afterwards counts for nothing."""
    with _counting:
        held = list(_in_hand)
    if held:
        claims.release(held)
        _out_of_hand(held)


@contextmanager
def _nothing_kept() -> Iterator[None]:
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


def sweep() -> bool:
    """Find all that is to do and nobody was told of; whether there is anything for `drain`."""
    restore_lost_networks()
    if not ProductImage.objects.exists():
        return False  # an empty shop needs no model yet
    due = False
    for model in _kept_models():
        claims.add_missing_rows(model)
        claims.fail_exhausted(model)
        due |= claims.has_unfinished(model) or model.state == ModelState.BUILDING or finish_takes_long(model)
    return due and control.current() is None


def embed_now(image_ids: Sequence[int]) -> Drained:
    """Embed these few pictures in this thread, with the active model; for the other models kept complete they are
    left to `drain`."""
    model = ensure_active_model()
    network = running_network(model)
    claims.add_missing_rows(model, image_ids)
    ready = failed = 0
    with _nothing_kept(), ThreadPoolExecutor(settings.EMBEDDING_DECODE_THREADS) as pool:
        while not shutdown.asked() and (claimed := _claim(model, image_ids)):
            batch = _prepare(claimed, model, pool)
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
    claims.fail_exhausted(model)
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

    with _nothing_kept(), _Loader(model, enough) as loader, ThreadPoolExecutor(1, "store") as writer:
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


class _Loader:
    """Claims and decodes ahead of the network, in its own thread with its own database connection."""

    def __init__(self, model: EmbeddingModel, enough: Callable[[], bool]) -> None:
        self.had_enough = False
        self.halt: Halt | None = None
        self._model, self._enough = model, enough
        self._queue: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=BATCHES_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> _Loader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """What was claimed and will not be used stays in hand; see `_nothing_kept`."""
        self._stop.set()
        while self._thread.is_alive():
            with suppress(queue.Empty):
                self._queue.get(timeout=0.05)
        self._thread.join()

    def __iter__(self) -> Iterator[Batch]:
        while not self._halted() and (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            if self._halted():
                return
            yield item
        self._halted()  # also when the loader was quicker to end

    def _halted(self) -> bool:
        """Then what was claimed ahead is not begun."""
        if shutdown.asked():
            self.halt = Halt.STOPPED
        return self.halt is not None

    def _run(self) -> None:
        try:
            with ThreadPoolExecutor(settings.EMBEDDING_DECODE_THREADS, "decode") as pool:
                while not self._stop.is_set() and not shutdown.asked():
                    if self._enough():
                        self.had_enough = True
                        break
                    claimed = _claim(self._model)
                    if not claimed:
                        if control.current() is not None:
                            self.halt = Halt.PAUSED
                        break
                    self._queue.put(_prepare(claimed, self._model, pool))
            self._queue.put(None)
        except BaseException as error:  # noqa: BLE001  (raised again by the thread that reads the queue)
            self._queue.put(error)
        finally:
            connections.close_all()


def _claim(model: EmbeddingModel, image_ids: Sequence[int] | None = None) -> list[Claim]:
    claimed = claims.claim_batch(model, settings.EMBEDDING_BATCH_SIZE, image_ids)
    if claimed:
        event_log.claimed(claimed, model.name)
    with _counting:
        _in_hand.update(claimed)
    return claimed


def _out_of_hand(done: Iterable[Claim]) -> None:
    with _counting:
        _in_hand.difference_update(done)


def _prepare(claimed: Sequence[Claim], model: EmbeddingModel, pool: Executor) -> Batch:
    batch, spec = Batch(), model.spec
    inputs = [pool.submit(_input, claim, spec) for claim in claimed]
    _see_to_the_end(inputs)
    for claim, result in zip(claimed, [future.result() for future in inputs], strict=True):
        if isinstance(result, ImageRejected):
            batch.reject(claim, result)
        else:
            batch.claims.append(claim)
            batch.inputs.append(result)
    _count_prepared(batch)
    return batch


def _count_prepared(batch: Batch) -> None:
    unread = 0
    for _, code, _ in batch.failures:
        unread += code in READ_FAILURES
        stage_metrics.passed(Stage.READ if code in READ_FAILURES else Stage.DECODE, outcome=code)
    stage_metrics.passed(Stage.READ, len(batch.claims) + len(batch.failures) - unread)
    stage_metrics.passed(Stage.DECODE, len(batch.claims))
    stage_metrics.passed(Stage.PREPROCESS, len(batch.claims))


def _see_to_the_end(reading: Sequence[Future[np.ndarray | ImageRejected]]) -> None:
    """Wait for all. A decoder that hangs is killed in time; a storage that hangs holds its thread for ever, and a
    thread cannot be killed. The process can be, and others have taken its claims over by then."""
    patience = settings.EMBEDDING_LEASE_SECONDS + 2 * WAIT_FACTOR * settings.IMAGE_DECODE_SECONDS
    for each in reading:  # begun in this order, so that the first that is not done is at it
        try:
            each.exception(timeout=patience)
        except TimeoutError:
            logger.critical(
                "The media storage has not answered for %g seconds. This process ends, so that another can take over.",
                patience,
            )
            logging.shutdown()
            os._exit(HUNG)


def _input(claim: Claim, spec: ModelSpec) -> np.ndarray | ImageRejected:
    try:
        with stage_metrics.timed(Stage.READ):
            data = _read(claim.file)
    except ConnectionError as error:
        raise MediaUnavailable(str(error)) from error
    except FileNotFoundError:
        return ImageRejected("missing_file", f"The file {claim.file} is not in the media storage.")
    except Exception as error:  # noqa: BLE001 - storages raise what they like
        return ImageRejected("unreadable_file", f"The file {claim.file} cannot be read: {error}.")
    if hashlib.sha256(data).hexdigest() != claim.digest:
        return ImageRejected("checksum", f"The file {claim.file} is not the one that was uploaded.")
    try:
        return _decode(data, spec)
    except ImageRejected as error:
        return error


def _read(name: str) -> bytes:
    """From quarantine, where it was set aside: a picture names it, so it comes back."""
    try:
        with default_storage.open(name) as file:
            data: bytes = file.read()
    except FileNotFoundError:
        if not quarantine.bring_back(name):
            raise
        with default_storage.open(name) as file:
            data = file.read()
    return data


def _decode(data: bytes, spec: ModelSpec) -> np.ndarray:
    """In another process, which says how long the fitting took."""
    began, fitting = time.perf_counter(), 0.0

    def fitted(seconds: float) -> None:
        nonlocal fitting
        fitting = seconds
        stage_metrics.took(Stage.PREPROCESS, seconds)

    try:
        return to_input(data, spec, fitted=fitted)
    finally:
        stage_metrics.took(Stage.DECODE, time.perf_counter() - began - fitting)


def _embed(batch: Batch, network: OnnxEmbedder) -> np.ndarray:
    """One forward pass, float32 [n, D]. A picture that gives no vector becomes a failure of its own; when the network
    itself fails, the whole batch is given back (`_nothing_kept`)."""
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
    _out_of_hand([*batch.claims, *(claim for claim, _, _ in batch.failures)])
    if batch.claims:
        event_log.stored(batch.claims, model.name, ready)
    for claim, code, message in batch.failures:
        event_log.failed(claim, model.name, code, message)
    if batch.again:
        claims.try_again(batch.again)
        _out_of_hand(batch.again)
    stage_metrics.passed(Stage.WRITE, ready)
    stage_metrics.passed(Stage.WRITE, len(batch.claims) - ready, DROPPED)
    for code, count in Counter(code for _, code, _ in batch.failures).items():
        stage_metrics.passed(Stage.WRITE, count, code)
    stage_metrics.flush_if_due()
    return ready, failed
