"""Artifacts, the exported networks: kept in the media storage for every host, cached below `VAR_DIR`, loaded once per
process."""

from __future__ import annotations

import hashlib
import logging
import shutil
import threading
import time
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext_lazy

from catalog.media import quarantine
from common.files import replacing, sha256_of
from ml import runtimes
from ml.runtimes import Int8Unavailable
from ml.runtimes.golden import WrongNumbers
from ml.weights import WeightsError, read_graph_meta
from recommendations.lifecycle import refusals

if TYPE_CHECKING:
    from ml.runtimes.onnx import OnnxEmbedder
    from recommendations.models import EmbeddingModel

logger = logging.getLogger(__name__)

# Two: a worker may fill a new model while it serves uploads with the active one. A network takes 100 to 400 MB.
MAX_LOADED = 2
TRY_AGAIN_SECONDS = 60.0  # after a refusal: loading takes a second, and every photo search would try it
_loading = threading.Lock()
_order = threading.Lock()
_loaded: dict[str, OnnxEmbedder] = {}  # by graph_sha256, the most recently used last
_refused: dict[str, tuple[float, str]] = {}  # graph_sha256 → when, and why this process computes nothing with it


class ModelUnavailable(Exception):
    """No network can run now. Pictures stay pending, and photo searches answer 503. The message is for operators: it
    may name files and settings. Shoppers see `UNAVAILABLE`."""


UNAVAILABLE = gettext_lazy("Photo search is unavailable right now. Try again later.")


class ArtifactMissing(ModelUnavailable):
    """The model's artifact is neither in the media storage nor in the cache."""


def storage_name(graph_sha256: str) -> str:
    return f"models/{graph_sha256}.onnx"


def cache_path(graph_sha256: str) -> Path:
    return settings.VAR_DIR / "cache" / storage_name(graph_sha256)


def store(path: Path, graph_sha256: str) -> None:
    """Put an artifact into the media storage, where every host finds it; an incomplete file there is replaced."""
    name = storage_name(graph_sha256)
    try:
        if default_storage.exists(name):
            if _stored_sha256(name) == graph_sha256:
                return
            default_storage.delete(name)
        with path.open("rb") as stream:
            default_storage.save(name, File(stream))
    except OSError as error:
        with suppress(OSError):
            default_storage.delete(name)
        raise ModelUnavailable(f"The artifact could not be put into the media storage: {error}") from error


def discard(graph_sha256: str) -> None:
    """Remove an artifact that no model needs any longer, here and from the storage, where it stays in quarantine for a
    while: a restored database may need it again."""
    with _order:
        _loaded.pop(graph_sha256, None)
    cached = cache_path(graph_sha256)
    for path in (cached, *cached.parent.glob(f"{graph_sha256}.int8*.onnx")):  # including those of an earlier release
        path.unlink(missing_ok=True)
    quarantine.set_aside(storage_name(graph_sha256))


def is_stored(model: EmbeddingModel) -> bool:
    """Whether the media storage has the intact artifact of `model`. Each process reads it once, and again if its time
    or size has changed.

    Raises:
        OSError: the storage does not answer.
    """
    name = storage_name(model.graph_sha256)
    try:
        changed, size = default_storage.get_modified_time(name), default_storage.size(name)
        return _sha256_in_storage(name, changed, size) == model.graph_sha256
    except FileNotFoundError:
        return False


def store_again(model: EmbeddingModel) -> bool:
    """Put the artifact back into the media storage, from quarantine or from this host's cache; whether it is there now.

    Raises:
        OSError: the storage does not answer.
        ModelUnavailable: the storage accepts no file.
    """
    name, path = storage_name(model.graph_sha256), cache_path(model.graph_sha256)
    if _is_whole(path, model.graph_sha256):
        store(path, model.graph_sha256)
    elif not default_storage.exists(name):
        quarantine.bring_back(name)
    return is_stored(model)


def is_published(model: EmbeddingModel) -> bool:
    """Whether a process without the artifact could get it."""
    if cache_path(model.graph_sha256).exists():
        return True
    try:
        return default_storage.exists(storage_name(model.graph_sha256))
    except OSError as error:
        logger.error("The media storage did not answer for %s: %s", storage_name(model.graph_sha256), error)
        return False


def problem(model: EmbeddingModel) -> str | None:
    """The reason why no process here can run the network of `model`; None if it can. A local file is read once, and
    again if it has changed; a file on another host is only checked for existence. A problem that this process met when
    it loaded the network comes first."""
    if refused := _refused.get(model.graph_sha256):
        return refused[1]
    if _is_whole(cache_path(model.graph_sha256), model.graph_sha256):
        return None
    if not is_published(model):
        return "the artifact is missing from the media storage"
    name = storage_name(model.graph_sha256)
    try:
        stored = Path(default_storage.path(name))
    except NotImplementedError:
        return None
    return None if _is_whole(stored, model.graph_sha256) else "the artifact in the media storage is damaged"


def _is_whole(path: Path, graph_sha256: str) -> bool:
    try:
        found = path.stat()
        return _sha256(path, found.st_mtime_ns, found.st_size) == graph_sha256
    except OSError:
        return False


@lru_cache(maxsize=8)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    return sha256_of(path)


@lru_cache(maxsize=8)
def _sha256_in_storage(name: str, changed: datetime, size: int) -> str:
    return _stored_sha256(name)


def _stored_sha256(name: str) -> str:
    digest = hashlib.sha256()
    with default_storage.open(name) as stored:
        for chunk in stored.chunks():
            digest.update(chunk)
    return digest.hexdigest()


def embedder(model: EmbeddingModel) -> OnnxEmbedder:
    """The network of `model`, ready to run. The first call in a process loads it; later calls are free while at most
    `MAX_LOADED` models are in use.

    Raises:
        ModelUnavailable: the artifact is missing, is not the one that the model row names, or computes other vectors
            here than where it was made.
    """
    key = model.graph_sha256
    found = _recall(key)
    if found is not None:
        return found
    with _loading:  # two requests that load at the same time would need memory for two copies
        found = _recall(key)
        if found is None:
            _require_not_just_refused(model)
            with _order:
                while len(_loaded) >= MAX_LOADED:
                    del _loaded[next(iter(_loaded))]
            found = _load(model)
            with _order:
                _loaded[key] = found
    return found


def local_path(model: EmbeddingModel) -> Path:
    """The artifact on this host, copied from the media storage if it is not here yet.

    Raises:
        ModelUnavailable: it is missing.
    """
    path = cache_path(model.graph_sha256)
    if not _is_whole(path, model.graph_sha256):
        _fetch(model, path)
    return path


def _require_not_just_refused(model: EmbeddingModel) -> None:
    at, reason = _refused.get(model.graph_sha256, (-TRY_AGAIN_SECONDS, ""))
    if reason and time.monotonic() - at < TRY_AGAIN_SECONDS:
        raise ModelUnavailable(_not_run(model, reason))


def _not_run(model: EmbeddingModel, reason: str) -> str:
    return f"The network of model {model.name} does not run here. {reason}"


def _recall(key: str) -> OnnxEmbedder | None:
    with _order:
        found = _loaded.pop(key, None)
        if found is not None:
            _loaded[key] = found
    return found


def _load(model: EmbeddingModel) -> OnnxEmbedder:
    path, threads = local_path(model), settings.EMBEDDING_THREADS or None
    try:
        if read_graph_meta(path).spec != model.spec:
            raise ModelUnavailable(f"The artifact of model {model.name} was made for other vectors than the model's.")
        network = runtimes.open(path, settings.EMBEDDING_PRECISION, threads=threads)
    except WrongNumbers as error:
        _refused[model.graph_sha256] = time.monotonic(), str(error)
        refusals.record(model, str(error))
        raise ModelUnavailable(_not_run(model, str(error))) from error
    except Int8Unavailable as error:
        _take_back(model)  # in floats it computes the right vectors
        raise ModelUnavailable(
            f"The network of model {model.name} cannot compute in int8: {error} Set EMBEDDING_PRECISION=float, or "
            "export it with `python -m ml export --precision compact --calibrate PHOTOS` and add that file as a model."
        ) from error
    except WeightsError as error:
        raise ModelUnavailable(f"The network of model {model.name} cannot be used: {error}") from error
    _take_back(model)
    return network


def _take_back(model: EmbeddingModel) -> None:
    _refused.pop(model.graph_sha256, None)
    refusals.take_back(model)


def _fetch(model: EmbeddingModel, path: Path) -> None:
    name = storage_name(model.graph_sha256)
    try:
        with replacing(path) as draft:
            with draft.open("wb") as target, default_storage.open(name) as stored:
                shutil.copyfileobj(stored, target)
            if (found := sha256_of(draft)) != model.graph_sha256:
                raise ArtifactMissing(
                    f"The artifact of model {model.name} in the media storage ({name}) is damaged: its sha256 is "
                    f"{found}. Restore it from a backup; a worker that has its weights makes it again."
                )
    except OSError as error:
        raise ArtifactMissing(
            f"The artifact of model {model.name} is not in the media storage ({name}): {error}. "
            "A worker, or `manage.py embed_catalog` where requirements/worker.txt is installed, makes it again."
        ) from error
