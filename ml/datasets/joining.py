"""Groups of things that belong together."""

from collections.abc import Iterable

import numpy as np


def joined(count: int, pairs: Iterable[tuple[int, int]]) -> np.ndarray:
    """int [count]: equal numbers, each a member's, for things that pairs connect, directly or through others."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for one, other in pairs:
        parent[root(one)] = root(other)
    return np.array([root(index) for index in range(count)], int)
