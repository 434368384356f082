"""Stored vectors by the thousand, for exports and reports. They travel in binary: reading digits takes far longer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from pgvector import HalfVector

from recommendations.embeddings.binary import vector_cursor
from recommendations.models import EmbeddingModel, ImageEmbedding

EXPORT_CHUNK = 1000  # rows a statement, 4 MB of 2048-d vectors
SHOWN_CHUNK = 2000


class StoredVector(NamedTuple):
    id: int
    sku: str
    digest: str
    file: str
    vector: HalfVector
    decoder: int


def stored_vectors(model: EmbeddingModel) -> Iterator[list[StoredVector]]:
    """Every current vector of `model`, in order of embedding, `EXPORT_CHUNK` at a time."""
    sql = """
        SELECT e.id, p.sku, i.digest, i.file, e.vector, e.decoder
          FROM recommendations_imageembedding e
          JOIN catalog_productimage i ON i.id = e.image_id AND i.digest = e.digest
          JOIN catalog_product p ON p.id = i.product_id
         WHERE e.model_id = %b AND e.state = 'ready' AND e.id > %b ORDER BY e.id LIMIT %b
    """
    last = 0
    while True:
        with vector_cursor() as cursor:
            rows = cursor.execute(sql, [model.pk, last, EXPORT_CHUNK], binary=True).fetchall()
        if not rows:
            return
        yield [StoredVector(*row) for row in rows]
        last = rows[-1][0]


def shown_vectors(model: EmbeddingModel) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Current vectors of published products, `SHOWN_CHUNK` at a time: int64 [n, 3] of product, position and picture,
    and float16 [n, D]."""
    last = 0
    while True:
        queryset = ImageEmbedding.objects.servable(model).filter(pk__gt=last).order_by("pk")
        columns = queryset.values_list("pk", "image__product_id", "image__position", "image_id", "vector")
        sql, parameters = columns[:SHOWN_CHUNK].query.sql_with_params()
        with vector_cursor() as cursor:
            rows = cursor.execute(sql, parameters, binary=True).fetchall()
        if not rows:
            return
        vectors = np.stack([row[4].to_numpy() for row in rows]).astype(np.float16)
        yield np.array([row[1:4] for row in rows], np.int64), vectors
        last = rows[-1][0]
