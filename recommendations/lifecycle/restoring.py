"""Restoring lost artifacts: from quarantine, from a cache, or from their weights."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from django.conf import settings

from catalog.locks import session_lock
from ml.weights import edition_of, model_of, split_setting
from recommendations.lifecycle import artifacts
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.lifecycle.publishing import can_export, find_weights, publish
from recommendations.models import EmbeddingModel, ModelState
from recommendations.models.embedding_model import WeightsSource

logger = logging.getLogger(__name__)

MODELS_LOCK = 0x100CA11  # Postgres advisory lock: one process makes a model at a time
#: Wait after a download or an export that failed. Missing files are looked for in every sweep.
PATIENCE_SECONDS = 300.0


def models_lock(log: Callable[[str], None] = logger.info, *, wait: bool = True) -> AbstractContextManager[None]:
    """The lock on making models. This session holds it, not a transaction: an export may take a minute.

    Raises:
        ModelUnavailable: another process has it, without `wait`.
    """

    def taken() -> None:
        if not wait:
            raise ModelUnavailable("Another process is making a model. Try again in a minute.")
        log("Another process is making a model. Waiting for it to finish…")

    return session_lock(MODELS_LOCK, on_wait=taken)


_tried_at: dict[int, float] = {}  # model → time of the last expensive attempt that failed
_said: dict[int, str] = {}  # model → the last error logged for it


def restore_lost_networks() -> None:
    """Restore the artifact of each model in use if the media storage lacks it, even if no picture waits: photo searches
    need it. An artifact that cannot be restored is logged once, and reported by `/readyz`."""
    for model in EmbeddingModel.objects.exclude(state=ModelState.RETIRED).order_by("pk"):
        if time.monotonic() - _tried_at.get(model.pk, -float("inf")) < PATIENCE_SECONDS:
            continue
        try:
            if restore_network(model):
                logger.warning("The artifact of %s was lost and is in the media storage again.", model.name)
            _said.pop(model.pk, None)
        except (ModelUnavailable, OSError) as error:
            if _said.get(model.pk) != str(error):
                logger.error("%s", error)
            _said[model.pk] = str(error)


def restore_network(model: EmbeddingModel) -> bool:
    """Restore the artifact of `model` if the media storage lacks it; False if it is there already.

    Raises:
        ModelUnavailable: it is lost, and the weights here are not those that it was made from.
        OSError: the storage does not answer.
    """
    if artifacts.is_stored(model):
        return False
    with models_lock():
        model.refresh_from_db()
        if model.state == ModelState.RETIRED:
            raise ModelUnavailable(f"Model {model.name} was retired.")
        if not artifacts.is_stored(model) and not artifacts.store_again(model):
            _make_again(model)
    return True


def _make_again(model: EmbeddingModel) -> None:
    lost = f"The artifact of model {model.name} is lost or damaged ({artifacts.storage_name(model.graph_sha256)})"
    refusals = []
    for setting in _candidates(model):
        if not can_export(setting):
            refusals.append(f"{_named(setting)} needs the package onnx (requirements/worker.txt)")
            continue
        try:
            found = find_weights(setting, pooling=model.pooling, log=logger.info)
            if (found.sha256, found.spec) != (model.weights_sha256, model.spec):
                refusals.append(f"the weights here ({found.name}) are different")
                continue
            model.graph_sha256 = publish(found, log=logger.info).graph_sha256
        except ModelUnavailable as error:
            if not _is_missing_file(setting):
                _tried_at[model.pk] = time.monotonic()
            refusals.append(str(error).rstrip("."))
            continue
        model.save(update_fields=["graph_sha256"])
        return
    raise ModelUnavailable(
        f"{lost}. It cannot be made again: {'; '.join(refusals)}. Restore that file of the media storage from a "
        f"backup, or put the weights back where they were ({_named(model.weights or model.source)})."
    )


def _candidates(model: EmbeddingModel) -> list[str]:
    """Settings that may find its weights: the edition of a bundled model, their former place, EMBEDDING_WEIGHTS, and
    their name. "bundled", recorded by an earlier release, may be another edition in this one."""
    edition = edition_of(model.weights_sha256)
    former = "" if edition and model_of(model.weights) else model.weights
    named = "" if edition or model.source == WeightsSource.FILE else model.source
    places = (edition.name if edition else "", former, settings.EMBEDDING_WEIGHTS, named)
    return list(dict.fromkeys(filter(None, places)))


def _named(setting: str) -> str:
    """A setting without folders, because messages may reach anyone."""
    return Path(setting).name


def _is_missing_file(setting: str) -> bool:
    base, _ = split_setting(setting)
    return Path(base).is_absolute() and not Path(base).exists()
