"""Hubness: compares every product with every other and counts how many look-alike lists contain it. No database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

# 512 x 8192 scores are 16 MB: small enough for any machine, large enough for the matrix product to run at full speed.
_QUERIES, _ROWS = 512, 8192
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Lists:
    """Attributes:
    positions: int32 [q, k], positions of products as in `nearest_of_all`, best first; -1 if there are fewer.
    scores: float32 [q, k], cosines; -inf if there are fewer.
    """

    positions: np.ndarray
    scores: np.ndarray


def nearest_of_all(
    vectors: np.ndarray,
    owners: np.ndarray,
    k: int,
    *,
    asking: np.ndarray | None = None,
    advance: Advance = lambda _: None,
) -> Lists:
    """Find the k most similar other products of each product, exactly: its first picture against all of theirs, each
    product once.

    Takes the time of a matrix product of rows x products x D, and 50 MB besides its input.

    Args:
        vectors: float16 or float32 [rows, D], unit length; the pictures of a product in order.
        owners: int [rows], ascending: the product of each row. Position p is the p-th distinct product.
        asking: int [q], positions of the products to compute lists for; by default all.
        advance: called with the number of lists, as a measure of progress; all lists are complete only at the end.
    """
    starts = np.flatnonzero(np.diff(owners, prepend=owners[:1] - 1)) if len(owners) else np.zeros(0, int)
    asking = np.arange(len(starts)) if asking is None else asking
    positions = np.full((len(asking), k), -1, np.int32)
    scores = np.full((len(asking), k), -np.inf, np.float32)
    ends = np.append(starts, len(vectors))
    # A block of rows never splits a product.
    cuts = np.unique(np.append(np.searchsorted(starts, np.arange(0, len(vectors), _ROWS)), len(starts)))
    told = 0
    for number, (first, last) in enumerate(pairwise(cuts), start=1):
        block = np.asarray(vectors[ends[first] : ends[last]], np.float32)
        own_rows = starts[first:last] - ends[first]
        for begin in range(0, len(asking), _QUERIES):
            some = slice(begin, begin + _QUERIES)
            cosines = np.asarray(vectors[starts[asking[some]]], np.float32) @ block.T
            np.clip(cosines, -1, 1, out=cosines)  # half-precision vectors are not exactly of length 1
            if len(own_rows) < len(block):
                cosines = np.maximum.reduceat(cosines, own_rows, axis=1)
            itself = asking[some] - first
            inside = np.flatnonzero((itself >= 0) & (itself < last - first))
            cosines[inside, itself[inside]] = -np.inf
            positions[some], scores[some] = _best(positions[some], scores[some], cosines, first)
        done = len(asking) * number // (len(cuts) - 1)
        advance(done - told)
        told = done
    return Lists(np.where(np.isfinite(scores), positions, -1), scores)


def _best(positions: np.ndarray, scores: np.ndarray, cosines: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Merge the best k so far with a block's candidates, best first."""
    k = scores.shape[1]
    if cosines.shape[1] > k:
        top = np.argpartition(cosines, -k, axis=1)[:, -k:]
    else:
        top = np.broadcast_to(np.arange(cosines.shape[1]), cosines.shape)
    all_scores = np.concatenate([scores, np.take_along_axis(cosines, top, axis=1)], axis=1)
    all_positions = np.concatenate([positions, (top + first).astype(np.int32)], axis=1)
    order = np.argsort(-all_scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(all_positions, order, axis=1), np.take_along_axis(all_scores, order, axis=1)


def occurrences(positions: np.ndarray, count: int) -> np.ndarray:
    """int [count]: the number of lists that contain each product, its k-occurrence.

    Args:
        positions: as in `Lists`.
    """
    return np.bincount(positions[positions >= 0].ravel(), minlength=count)


def skewness(values: np.ndarray) -> float:
    """Third standardised moment. For k-occurrences, this is the usual measure of hubness (Radovanović, Nanopoulos and
    Ivanović 2010, "Hubs in space", section 3): 0 is even, above 1.4 there are hubs. 0 for fewer than two distinct
    values.
    """
    if len(values) == 0:
        return 0.0
    away = values - np.mean(values)
    spread = float(np.sqrt(np.mean(away**2)))
    return float(np.mean(away**3) / spread**3) if spread > 0 else 0.0


def lower_fence(values: np.ndarray) -> float:
    """Values below it are outliers: Q1 - 1.5 (Q3 - Q1) (Tukey 1977). -inf for no values."""
    if len(values) == 0:
        return -np.inf
    low, high = np.percentile(values, [25, 75])
    return float(low - 1.5 * (high - low))
