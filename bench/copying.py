"""Vectors into Postgres, fast."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import numpy as np
from django.db import connection, transaction

from recommendations.models import EmbeddingModel


def binary_copy(slices: Iterable[tuple[int, np.ndarray]], width: int) -> Iterator[bytes]:
    """PostgreSQL's binary COPY format for rows of (integer, halfvec).

    Args:
        slices: the number of the first row, and vectors, float [n, width], of it and those after it.
    """
    row = np.dtype(
        [
            ("fields", ">i2"), ("n_bytes", ">i4"), ("n", ">i4"),
            ("vector_bytes", ">i4"), ("width", ">i2"), ("unused", ">i2"), ("vector", ">f2", (width,)),
        ]
    )  # fmt: skip
    yield b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
    for start, part in slices:
        rows = np.zeros(len(part), row)
        rows["fields"], rows["n_bytes"], rows["n"] = 2, 4, np.arange(start, start + len(part))
        rows["vector_bytes"], rows["width"], rows["vector"] = 4 + 2 * width, width, part
        yield rows.tobytes()
    yield struct.pack(">h", -1)


def store_vectors(model: EmbeddingModel, prefix: str, blocks: Iterable[bytes]) -> None:
    """A ready embedding for each picture.

    Args:
        prefix: the SKU of the product of row n is `prefix` and n.
        blocks: of `binary_copy`.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE incoming (n integer, vector halfvec) ON COMMIT DROP")
        with cursor.copy("COPY incoming FROM STDIN (FORMAT BINARY)") as copy:
            for block in blocks:
                copy.write(block)
        cursor.execute(
            """
            INSERT INTO recommendations_imageembedding
                   (image_id, model_id, digest, state, attempts, error_code, error, vector, created_at, embedded_at)
            SELECT image.id, %s, image.digest, 'ready', 1, '', '', incoming.vector, now(), now()
              FROM incoming
              JOIN catalog_product AS product ON product.sku = %s || incoming.n
              JOIN catalog_productimage AS image ON image.product_id = product.id
             ORDER BY image.id
            """,
            [model.pk, prefix],
        )
