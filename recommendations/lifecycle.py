"""From weights to an active model, and its index."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from ml.embedder import export_in_own_process
from ml.spec import ModelSpec
from ml.weights import WeightsError
from recommendations import graphs
from recommendations.graphs import GraphMissing, ModelUnavailable
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding, ModelState
from recommendations.querysets import index_sql

if TYPE_CHECKING:
    from ml.runtimes.onnx import OnnxEmbedder

logger = logging.getLogger(__name__)

LOCKS = {"first_model": 0x100CA11, "index": 0x100CA12}  # Postgres advisory locks


def ensure_active_model(log: Callable[[str], None] = logger.info) -> EmbeddingModel:
    """The active model; on first use it is made from EMBEDDING_WEIGHTS, or the next best source there is.

    Order: EMBEDDING_WEIGHTS, bundled weights, Keras' ImageNet weights, an untrained network (recorded as such).

    Raises:
        ModelUnavailable: there is none yet, and it cannot be made here.
    """
    model = EmbeddingModel.objects.active()
    if model is None:
        with _first_model_lock():
            model = EmbeddingModel.objects.active() or _create_first_model(log)
    return model


def running_network(model: EmbeddingModel) -> OnnxEmbedder:
    """The network of `model`, loaded; made again from its weights if its graph was lost.

    Raises:
        ModelUnavailable: it is lost, and the weights at hand are not the ones that it was made from.
    """
    try:
        return graphs.embedder(model)
    except GraphMissing as error:
        if importlib.util.find_spec("tensorflow") is None:
            raise
        with _first_model_lock():
            model.refresh_from_db()
            if not graphs.is_published(model):
                exported = _export(logger.info)
                if exported["weights_sha256"] != model.weights_sha256:
                    raise ModelUnavailable(
                        f"{error} It cannot be made again either: the weights at hand ({exported['name']}) are others."
                    ) from error
                model.graph_sha256 = exported["graph_sha256"]
                model.save(update_fields=["graph_sha256"])
        return graphs.embedder(model)


def _export(log: Callable[[str], None]) -> dict[str, Any]:
    """Make the graph of the weights in force, publish and cache it; what `python -m ml export` says of it.

    Raises:
        ModelUnavailable: the weights cannot be had.
    """
    cache = settings.VAR_DIR / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache) as folder:
        graph = Path(folder) / "graph.onnx"
        try:
            exported = export_in_own_process(
                settings.EMBEDDING_WEIGHTS or None,
                graph,
                cache,
                pooling=settings.EMBEDDING_POOLING or None,
                log=log,
            )
        except WeightsError as error:
            raise ModelUnavailable(str(error)) from error
        graphs.publish(graph, exported["graph_sha256"])
        cached = graphs.cache_path(exported["graph_sha256"])
        cached.parent.mkdir(parents=True, exist_ok=True)
        os.replace(graph, cached)
    return exported


def _create_first_model(log: Callable[[str], None]) -> EmbeddingModel:
    if importlib.util.find_spec("tensorflow") is None:
        raise ModelUnavailable(
            "There is no embedding model yet, and TensorFlow, which makes the first one, is not installed here. "
            "Start a worker, or run `manage.py embed_catalog` where requirements/worker.txt is installed."
        )
    log("Preparing the embedding model (once; this takes a moment)…")
    exported = _export(log)
    model = EmbeddingModel.objects.create(
        name=exported["name"],
        source=exported["source"],
        weights_sha256=exported["weights_sha256"],
        graph_sha256=exported["graph_sha256"],
        **asdict(ModelSpec.from_meta(exported["spec"])),
        state=ModelState.ACTIVE,
        activated_at=timezone.now(),
    )
    log(f"Embedding model {model.name} is active ({model.dimension}-d, {model.input_size} px).")
    if model.untrained:
        log(UNTRAINED_WARNING)
    return model


UNTRAINED_WARNING = (
    "WARNING: the embedding network is UNTRAINED, so similar products will be poor. For good ones set "
    "EMBEDDING_WEIGHTS to a weights file, or to imagenet where a download is possible, and start with a new VAR_DIR."
)


def ensure_index(model: EmbeddingModel) -> bool:
    """Build the model's HNSW index once it pays; whether it exists afterwards.

    Below EMBEDDING_INDEX_MIN_ROWS an exact scan is as fast. Building after the backfill is several times cheaper
    than keeping the index up to date during it. CONCURRENTLY: searches and stores go on meanwhile.
    """
    if not index_due(model):
        return index_exists(model)
    with connection.cursor() as cursor:
        # Not waiting: a waiting statement holds a snapshot, and a concurrent build waits for all older snapshots.
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCKS["index"]])
        if not cursor.fetchone()[0]:
            return False  # another process is building it
        try:
            if not index_exists(model):
                # An interrupted concurrent build leaves an invalid index under the name.
                cursor.execute(f'DROP INDEX IF EXISTS "{model.index_name}"')
                cursor.execute(index_sql(model))
                cursor.execute("ANALYZE recommendations_imageembedding")
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCKS["index"]])
    return True


def index_due(model: EmbeddingModel) -> bool:
    """Whether there is no index yet, and enough vectors for one."""
    if index_exists(model):
        return False
    enough = settings.EMBEDDING_INDEX_MIN_ROWS
    ready = ImageEmbedding.objects.filter(model=model, state=EmbeddingState.READY)
    return ready[:enough].count() >= enough


def index_exists(model: EmbeddingModel) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid", [model.index_name])
        return cursor.fetchone() is not None


@contextmanager
def _first_model_lock() -> Iterator[None]:
    """Held by this session, not by a transaction: an export may take a minute."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCKS["first_model"]])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCKS["first_model"]])
