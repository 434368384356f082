"""The vector index of each model: built once it pays, dropped with its model, never inside a transaction."""

from __future__ import annotations

from django.conf import settings
from django.db import connection

from catalog.locks import advisory_lock
from recommendations.models import KEPT, EmbeddingModel, EmbeddingState, ImageEmbedding
from recommendations.querysets import OPERATOR_CLASSES

INDEX_LOCK = 0x100CA12  # Postgres advisory lock: one build or drop at a time


def ensure_index(model: EmbeddingModel) -> bool:
    """Build the model's HNSW index once it pays; returns whether it exists afterwards.

    Below EMBEDDING_INDEX_MIN_ROWS an exact scan is as fast. Building after the backfill is several times cheaper than
    updating the index during it. With CONCURRENTLY, searches and writes continue during the build.
    """
    if not index_due(model):
        return index_exists(model)
    with advisory_lock(INDEX_LOCK) as ours:
        if not ours:
            return False  # another process is building it
        # Checked again under the lock: a model that was retired in the meantime must not keep an index.
        if not index_exists(model) and EmbeddingModel.objects.filter(pk=model.pk, state__in=KEPT).exists():
            with connection.cursor() as cursor:
                # An interrupted concurrent build leaves an invalid index under this name. It is dropped concurrently
                # too: a plain drop locks the whole table, and while it waits for one long query, all searches queue.
                cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{model.index_name}"')
                cursor.execute(index_sql(model))
                cursor.execute("ANALYZE recommendations_imageembedding")
    return index_exists(model)


def drop_index(model: EmbeddingModel) -> bool:
    """Drop the model's index, if it has one; returns False while another process builds an index."""
    with advisory_lock(INDEX_LOCK) as ours:
        if ours:
            with connection.cursor() as cursor:
                cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{model.index_name}"')
        return ours


def index_due(model: EmbeddingModel) -> bool:
    """Whether the model has no index yet and enough vectors for one."""
    if index_exists(model):
        return False
    enough = settings.EMBEDDING_INDEX_MIN_ROWS
    ready = ImageEmbedding.objects.filter(model=model, state=EmbeddingState.READY)
    return ready[:enough].count() >= enough


def index_exists(model: EmbeddingModel) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND indisvalid", [model.index_name])
        return cursor.fetchone() is not None


def index_bytes(model: EmbeddingModel) -> int:
    """Size of the model's index on disk; 0 if it has none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(pg_relation_size(to_regclass(%s)), 0)", [model.index_name])
        return cursor.fetchone()[0]


def index_sql(model: EmbeddingModel) -> str:
    """The statement that creates the model's partial HNSW index; it cannot run inside a transaction.

    One index for each model, because an index has one dimension, and because a model is dropped with its index.
    """
    return (
        f'CREATE INDEX CONCURRENTLY IF NOT EXISTS "{model.index_name}" ON recommendations_imageembedding '
        f"USING hnsw ((vector::halfvec({model.dimension:d})) {OPERATOR_CLASSES[model.metric]}) "
        f"WHERE model_id = {model.pk:d}"
    )


def build_progress() -> float | None:
    """Share of the table that the index build in progress has read, 0 to 1; None while none is running."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT blocks_done::float / greatest(blocks_total, 1) FROM pg_stat_progress_create_index "
            "WHERE relid = 'recommendations_imageembedding'::regclass AND phase LIKE 'building index%%'"
        )
        row = cursor.fetchone()
    return None if row is None else float(row[0])
