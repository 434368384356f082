"""How far two rankings agree: numbers from two lists. No database."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

#: Weight of each rank against the one before: the first ten carry 86 % (Webber et al., table 2).
PERSISTENCE = 0.9


def overlap(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """The share of the longer list that both hold, 0 to 1; None for two empty ones."""
    longer = max(len(first), len(second))
    return len(set(first) & set(second)) / longer if longer else None


def rank_biased_overlap(
    first: Sequence[Hashable], second: Sequence[Hashable], persistence: float = PERSISTENCE
) -> float | None:
    """How far they agree from the top down, 0 to 1; None where one is empty.

    Agreement at the depths seen is taken to go on below them: RBO_ext of Webber, Moffat and Zobel, "A similarity
    measure for indefinite rankings" (2010), equation 32, which allows for lists of different lengths.

    Args:
        first, second: best first, nothing twice.
        persistence: 0 to 1, both excluded; the higher, the more lower ranks count.
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
