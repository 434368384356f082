"""Weights → an artifact that every host finds."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

from common.files import sha256_of
from ml.runtimes.exporting import export_in_own_process
from ml.spec import ModelSpec
from ml.weights import Weights, WeightsError, is_ready_made, resolve
from recommendations.lifecycle import artifacts
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.models.embedding_model import WeightsSource

Log = Callable[[str], None]
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Published:
    """An artifact in the media storage; `weights` is the setting that finds its weights again."""

    name: str
    source: str
    weights: str
    weights_sha256: str
    graph_sha256: str
    spec: ModelSpec


def can_export(setting: str | None) -> bool:
    """Whether this installation can make the artifact of the weights that `setting` names."""
    return is_ready_made(setting) or importlib.util.find_spec("onnx") is not None


def find_weights(setting: str | None, *, pooling: str | None, log: Log, progress: Progress | None = None) -> Weights:
    """The weights that `setting` names, or the best available without one. They may be downloaded but are not loaded.

    Raises:
        ModelUnavailable: the weights cannot be found, downloaded or used.
    """
    try:
        return resolve(setting, cache_dir=_cache(), pooling=pooling, log=log, progress=progress)
    except WeightsError as error:
        raise ModelUnavailable(str(error)) from error


def publish(weights: Weights, *, log: Log) -> Published:
    """Make the artifact of these weights, in a separate process unless it is bundled, and put it into the media storage
    and the cache.

    Raises:
        ModelUnavailable: the artifact cannot be made or stored.
    """
    try:
        return _publish(weights, log)
    except OSError as error:
        raise ModelUnavailable(
            f"The artifact of {weights.name} cannot be kept below {settings.VAR_DIR} ({error}). Make room and try "
            "again."
        ) from error


def _publish(weights: Weights, log: Log) -> Published:
    with TemporaryDirectory(dir=_cache()) as folder:
        graph = Path(folder) / "graph.onnx"
        graph_sha256 = _make_graph(weights, graph, log)
        artifacts.store(graph, graph_sha256)
        cached = artifacts.cache_path(graph_sha256)
        cached.parent.mkdir(parents=True, exist_ok=True)
        os.replace(graph, cached)
    return Published(
        name=weights.name,
        source=weights.source,
        weights=weights.setting or "",
        weights_sha256=weights.sha256,
        graph_sha256=graph_sha256,
        spec=weights.spec,
    )


def _make_graph(weights: Weights, graph: Path, log: Log) -> str:
    """Write the artifact to `graph` and return its SHA-256."""
    if weights.source == WeightsSource.BUNDLED and weights.path is not None:
        # The released file, as its hash says. It is tried on its golden pictures wherever it is loaded, so a copy is
        # enough, and the admin can add it within a request.
        shutil.copyfile(weights.path, graph)
        found = made_from = sha256_of(graph)
    else:
        try:
            exported = export_in_own_process(weights.setting, graph, _cache(), pooling=weights.spec.pooling, log=log)
        except WeightsError as error:
            raise ModelUnavailable(str(error)) from error
        found, made_from = exported["graph_sha256"], exported["weights_sha256"]
    if made_from != weights.sha256:
        raise ModelUnavailable(
            f"{weights.path} changed during the export: its sha256 is {made_from}, was {weights.sha256}. Try again."
        )
    return found


def _cache() -> Path:
    cache: Path = settings.VAR_DIR / "cache"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelUnavailable(f"The folder {cache} cannot be created: {error}.") from error
    return cache
