"""The vector index of each model: built when it pays, dropped with its model, never inside a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from recommendations.models import KEPT, EmbeddingModel, EmbeddingState, ImageEmbedding
from recommendations.querysets import OPERATOR_CLASSES

INDEX_LOCK = 0x100CA12  # Postgres advisory lock: one build or drop at a time


def ensure_index(model: EmbeddingModel) -> bool:
    """Build the model's HNSW index once it pays; whether it exists afterwards.

    Below EMBEDDING_INDEX_MIN_ROWS an exact scan is as fast. Building after the backfill is several times cheaper
    than keeping the index up to date during it. CONCURRENTLY: searches and stores go on meanwhile.
    """
    if not index_due(model):
        return index_exists(model)
    with _index_lock() as ours:
        if not ours:
            return False  # another process is building it
        # Asked again under the lock: a model that was retired meanwhile must not be left with an index.
        if not index_exists(model) and EmbeddingModel.objects.filter(pk=model.pk, state__in=KEPT).exists():
            with connection.cursor() as cursor:
                # An interrupted concurrent build leaves an invalid index under the name. CONCURRENTLY again: a plain
                # drop locks the whole table, and behind its wait for one long query all searches would queue.
                cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{model.index_name}"')
                cursor.execute(index_sql(model))
                cursor.execute("ANALYZE recommendations_imageembedding")
    return index_exists(model)


def drop_index(model: EmbeddingModel) -> bool:
    """Drop it, if there is one; False while another process builds an index."""
    with _index_lock() as ours:
        if ours:
            with connection.cursor() as cursor:
                cursor.execute(f'DROP INDEX CONCURRENTLY IF EXISTS "{model.index_name}"')
        return ours


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


def index_bytes(model: EmbeddingModel) -> int:
    """Its size on disk; 0 without one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(pg_relation_size(to_regclass(%s)), 0)", [model.index_name])
        return cursor.fetchone()[0]


def index_sql(model: EmbeddingModel) -> str:
    """The statement for the model's partial HNSW index; not inside a transaction.

    Per model, because a partial index holds one dimension, and because dropping a model is dropping its index.
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


@contextmanager
def _index_lock() -> Iterator[bool]:
    """Whether the lock is ours. Not waiting: a waiting statement holds a snapshot, and a concurrent build waits for
    all older snapshots."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [INDEX_LOCK])
        ours = bool(cursor.fetchone()[0])
    try:
        yield ours
    finally:
        if ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [INDEX_LOCK])
