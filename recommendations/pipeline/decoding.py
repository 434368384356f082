"""Turns claims into inputs of the network: reads, checks and decodes the files."""

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
# Failures that the machine may have caused, not the picture, are retried up to EMBEDDING_MAX_ATTEMPTS times.
WORTH_ANOTHER_TRY = PERHAPS_PASSING | {"unreadable_file"}
HUNG = 70  # exit code, EX_SOFTWARE of sysexits.h


class MediaUnavailable(Exception):
    """The media storage is unreachable, which is not the picture's fault: claims are released."""


@dataclass
class Batch:
    claims: list[Claim] = field(default_factory=list)
    inputs: list[np.ndarray] = field(default_factory=list)  # uint8 [S, S, 3] each
    failures: list[tuple[Claim, str, str]] = field(default_factory=list)  # code and message
    again: list[Claim] = field(default_factory=list)  # to retry

    def reject(self, claim: Claim, why: ImageRejected) -> None:
        if why.code in WORTH_ANOTHER_TRY and claim.attempts < settings.EMBEDDING_MAX_ATTEMPTS:
            logger.warning("Image %s will be tried again: %s (%s)", claim.image_id, why.logged, why.code)
            self.again.append(claim)
        else:
            self.failures.append((claim, why.code, why.message))


def prepare(claimed: Sequence[Claim], model: EmbeddingModel, pool: Executor) -> Batch:
    """Read and decode the claimed pictures.

    Raises:
        MediaUnavailable
        DecoderUnavailable
    """
    batch, spec = Batch(), model.spec
    inputs = [pool.submit(input_of, claim, spec) for claim in claimed]
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
    """Wait for all of them. A hanging decoder is killed in time. A hanging storage blocks its thread forever; threads
    cannot be killed, so this process ends. By then the leases have expired, and others have taken over the claims."""
    patience = settings.EMBEDDING_LEASE_SECONDS + 2 * WAIT_FACTOR * settings.IMAGE_DECODE_SECONDS
    for each in reading:  # they started in this order, so the first unfinished one is running
        try:
            each.exception(timeout=patience)
        except TimeoutError:
            logger.critical(
                "The media storage has not answered for %g seconds. This process ends so that another can take over.",
                patience,
            )
            logging.shutdown()
            os._exit(HUNG)


def file_of(claim: Claim) -> bytes:
    """
    Raises:
        MediaUnavailable
        ImageRejected: the file is missing, cannot be read, or is not the uploaded one.
    """
    data = _bytes_of(claim)
    if hashlib.sha256(data).hexdigest() != claim.digest:
        raise ImageRejected("checksum", f"The file {claim.file} differs from the uploaded one.")
    return data


def _bytes_of(claim: Claim) -> bytes:
    try:
        with stage_metrics.timed(Stage.READ):
            return _read(claim.file)
    except ConnectionError as error:
        raise MediaUnavailable(str(error)) from error
    except FileNotFoundError as error:
        raise ImageRejected("missing_file", f"The file {claim.file} is not in the media storage.") from error
    except Exception as error:  # storages may raise any exception
        raise ImageRejected("unreadable_file", f"The file {claim.file} cannot be read: {error}.") from error


def input_of(claim: Claim, spec: ModelSpec) -> np.ndarray | ImageRejected:
    """The network's input, uint8 [S, S, 3], or why there is none.

    Raises:
        MediaUnavailable, DecoderUnavailable
    """
    try:
        return decoded(file_of(claim), spec)
    except ImageRejected as error:
        return error


def _read(name: str) -> bytes:
    """Read the file; restore it from quarantine first if it is there, because a picture refers to it."""
    try:
        with default_storage.open(name) as file:
            data: bytes = file.read()
    except FileNotFoundError:
        if not quarantine.bring_back(name):
            raise
        with default_storage.open(name) as file:
            data = file.read()
    return data


def decoded(data: bytes, spec: ModelSpec) -> np.ndarray:
    """The network's input, uint8 [S, S, 3]: decoded in another process, which reports the time that resizing took.

    Raises:
        ImageRejected, DecoderUnavailable
    """
    began, fitting = time.perf_counter(), 0.0

    def fitted(seconds: float) -> None:
        nonlocal fitting
        fitting = seconds
        stage_metrics.took(Stage.PREPROCESS, seconds)

    try:
        return to_input(data, spec, fitted=fitted)
    finally:
        stage_metrics.took(Stage.DECODE, time.perf_counter() - began - fitting)
