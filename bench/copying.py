"""Vectors into Postgres, fast."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

import numpy as np


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
