"""Measures of agreement between two rankings. No database."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

#: Weight of each rank relative to the previous one: the first ten ranks carry 86 % (Webber et al., table 2).
PERSISTENCE = 0.9


def overlap(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Share of the longer list that both lists contain, 0 to 1; None if both are empty."""
    longer = max(len(first), len(second))
    return len(set(first) & set(second)) / longer if longer else None


def rank_biased_overlap(
    first: Sequence[Hashable], second: Sequence[Hashable], persistence: float = PERSISTENCE
) -> float | None:
    """Top-weighted agreement of two rankings, 0 to 1; None if one is empty.

    The agreement at the visible depths is extrapolated: RBO_ext of Webber, Moffat and Zobel, "A similarity measure for
    indefinite rankings" (2010), equation 32, which allows lists of different lengths.

    Args:
        first, second: best first, without duplicates.
        persistence: between 0 and 1, exclusive; the higher it is, the more the lower ranks count.
    """
    shorter, longer = sorted((first, second), key=len)
    if not shorter:
        return None
    short, long = len(shorter), len(longer)
    common = [len(set(shorter[:depth]) & set(longer[:depth])) for depth in range(long + 1)]
    seen = sum(common[depth] / depth * persistence**depth for depth in range(1, long + 1))
    assumed = sum(
        common[short] * (depth - short) / (short * depth) * persistence**depth for depth in range(short + 1, long + 1)
    )
    beyond = ((common[long] - common[short]) / long + common[short] / short) * persistence**long
    return (1 - persistence) / persistence * (seen + assumed) + beyond
