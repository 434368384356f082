"""Ranking a gallery by similarity to each query, a block of queries at a time."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

T = TypeVar("T")

# 128 queries × 40,000 pictures: 20 MB of scores and 40 MB of order for each block in progress.
_QUERIES_AT_A_TIME = 128
_AHEAD = 2


def ranked(queries: np.ndarray, gallery: np.ndarray, own: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of (slice of queries, order int [b, n]), most similar first.

    Args:
        queries: float32 [q, D], unit length.
        gallery: float32 [n, D], unit length.
        own: int [q], the position of the query itself in the gallery, or −1; it comes last.
    """

    def order(block: slice) -> tuple[slice, np.ndarray]:
        return block, np.argsort(-_scores(queries[block], gallery, own[block]), axis=1)

    yield from _in_order(order, len(queries))


def nearest(queries: np.ndarray, gallery: np.ndarray, own: np.ndarray, k: int) -> np.ndarray:
    """The k most similar pictures, int [q, k'], most similar first; k' is smaller than k in a smaller gallery.

    Args: as for `ranked`. A query's own picture is never in its list.
    """
    available = len(gallery) - int((own >= 0).any())
    k = min(k, available)
    found = np.zeros((len(queries), k), np.int64)

    def best(block: slice) -> tuple[slice, np.ndarray]:
        scores = _scores(queries[block], gallery, own[block])
        first = np.argpartition(-scores, k - 1, axis=1)[:, :k] if k else np.zeros((len(scores), 0), np.int64)
        order = np.argsort(-np.take_along_axis(scores, first, axis=1), axis=1, kind="stable")
        return block, np.take_along_axis(first, order, axis=1)

    for block, positions in _in_order(best, len(queries)):
        found[block] = positions
    return found


def _scores(queries: np.ndarray, gallery: np.ndarray, own: np.ndarray) -> np.ndarray:
    scores: np.ndarray = queries @ gallery.T
    present = np.flatnonzero(own >= 0)
    scores[present, own[present]] = -np.inf
    return scores


def _in_order(work: Callable[[slice], T], count: int) -> Iterator[T]:
    """`work` on every block of queries, a few at a time: NumPy releases the interpreter's lock while it sorts."""
    blocks = [slice(start, start + _QUERIES_AT_A_TIME) for start in range(0, count, _QUERIES_AT_A_TIME)]
    with ThreadPoolExecutor(min(_AHEAD, os.cpu_count() or 1)) as threads:
        for start in range(0, len(blocks), _AHEAD):  # limits the blocks in memory
            yield from threads.map(work, blocks[start : start + _AHEAD])
