"""The order of what was found: numbers in, an order out. No database."""

from __future__ import annotations

import numpy as np


def by_value(scores: np.ndarray, prices: np.ndarray, reference: float, weight: float) -> np.ndarray:
    """Cheaper look-alikes first: likeness, and what is saved.

    Args:
        scores: float [n], cosines.
        prices: float [n]; NaN where there is none, which saves nothing.
        reference: the price to save from; from 0 nothing is saved.
        weight: a saving of everything weighs as much as this much cosine.

    Returns:
        int [n], positions.
    """
    saved = np.clip(np.nan_to_num(1.0 - prices / reference), 0.0, 1.0) if reference > 0 else 0.0
    return np.argsort(-(scores + weight * saved), kind="stable")


def diverse(scores: np.ndarray, vectors: np.ndarray, count: int, weight: float) -> np.ndarray:
    """Maximal marginal relevance (Carbonell and Goldstein 1998): each next one is like the query and unlike what was
    chosen before.

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
