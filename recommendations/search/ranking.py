"""The order of results, computed from numbers only, without the database."""

from __future__ import annotations

import numpy as np


def by_value(scores: np.ndarray, prices: np.ndarray, reference: float, weight: float) -> np.ndarray:
    """Order by similarity plus saving, so that cheaper look-alikes come first.

    Args:
        scores: float [n], cosines.
        prices: float [n]; NaN for products without a price, which save nothing.
        reference: the price that savings are counted from; 0 means no savings.
        weight: a saving of the whole price weighs as much as this much cosine.

    Returns:
        int [n], positions.
    """
    saved = np.clip(np.nan_to_num(1.0 - prices / reference), 0.0, 1.0) if reference > 0 else 0.0
    return np.argsort(-(scores + weight * saved), kind="stable")


def diverse(scores: np.ndarray, vectors: np.ndarray, count: int, weight: float) -> np.ndarray:
    """Maximal marginal relevance (Carbonell and Goldstein 1998): each choice is similar to the query and dissimilar to
    the earlier choices.

    Args:
        scores: float [n].
        vectors: float32 [n, D], unit length.
        weight: 0 keeps the order of the scores.

    Returns:
        int [min(count, n)].
    """
    count = min(count, len(scores))
    closest = np.full(len(scores), -1.0)
    left = np.ones(len(scores), bool)
    chosen: list[int] = []
    for _ in range(count):
        worth = np.where(left, (1 - weight) * scores - weight * np.maximum(closest, 0.0), -np.inf)
        best = int(np.argmax(worth))
        chosen.append(best)
        left[best] = False
        closest = np.maximum(closest, vectors @ vectors[best])
    return np.array(chosen, int)
