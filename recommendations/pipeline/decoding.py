"""From claims to the network's inputs: read, check and decode."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage

from catalog.decoding import to_input
from catalog.media import quarantine
from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import PERHAPS_PASSING
from ml.pictures.decoding.protocol import WAIT_FACTOR
from ml.spec import ModelSpec
from recommendations.embeddings.claims import Claim
from recommendations.models import EmbeddingModel, Stage
from recommendations.pipeline import stage_metrics

logger = logging.getLogger(__name__)

READ_FAILURES = {"missing_file", "unreadable_file", "checksum"}  # the others are the decoder's
# What may be the machine's doing as well as the picture's is tried again, up to EMBEDDING_MAX_ATTEMPTS times.
WORTH_ANOTHER_TRY = PERHAPS_PASSING | {"unreadable_file"}
HUNG = 70  # exit code, EX_SOFTWARE of sysexits.h


class MediaUnavailable(Exception):
    """The media storage is away: no picture's fault. What was claimed is given back."""


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


def prepare(claimed: Sequence[Claim], model: EmbeddingModel, pool: Executor) -> Batch:
    """Read and decode what was claimed.

    Raises:
        MediaUnavailable
        DecoderUnavailable
    """
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
