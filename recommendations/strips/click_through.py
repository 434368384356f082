"""Click-through rates of strips, with confidence intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from math import sqrt
from typing import Any

from django.db.models import Sum

from recommendations.models import StripCount

Z95 = 1.959964  # of the normal distribution: 95 % are within


@dataclass(frozen=True)
class ClickThrough:
    """Attributes:
    position: from 1; None for the total of all positions.
    """

    model: str
    strip: str
    source: str
    position: int | None
    seen: int
    clicked: int

    @property
    def rate(self) -> float | None:
        return self.clicked / self.seen if self.seen else None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.clicked, self.seen)

    def to_json(self) -> dict[str, Any]:
        low, high = self.interval
        return {
            "model": self.model or None,
            "strip": self.strip,
            "source": self.source,
            "position": self.position,
            "seen": self.seen,
            "clicked": self.clicked,
            "rate": self.rate,
            "low": low,
            "high": high,
        }


def click_through(since: date) -> list[ClickThrough]:
    """Rates since that day: for each model, strip and source first the total of all positions, then each position."""
    keys = ("model", "strip", "source", "position")
    summed = StripCount.objects.since(since).values(*keys).annotate(seen=Sum("seen"), clicked=Sum("clicked"))
    # A card that is seen before midnight and clicked after it is a click without a view on the second day.
    places = [ClickThrough(**{**row, "clicked": min(row["clicked"], row["seen"])}) for row in summed.order_by(*keys)]
    found: list[ClickThrough] = []
    for _, group in groupby(places, key=lambda place: (place.model, place.strip, place.source)):
        found += _with_total(group)
    return found


def wilson(hits: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of a rate, at the confidence of `z`; (0, 1) without trials.

    E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927). Unlike mean ± z
    standard errors, it is valid for few trials and for rates near 0, which click rates are.
    """
    if not trials:
        return 0.0, 1.0
    rate, spread = hits / trials, z * z / trials
    middle = (rate + spread / 2) / (1 + spread)
    margin = z * sqrt(rate * (1 - rate) / trials + spread / (4 * trials)) / (1 + spread)
    return max(0.0, middle - margin), min(1.0, middle + margin)


def _with_total(group: Iterable[ClickThrough]) -> list[ClickThrough]:
    places = list(group)
    first = places[0]
    seen, clicked = sum(place.seen for place in places), sum(place.clicked for place in places)
    return [ClickThrough(first.model, first.strip, first.source, None, seen, clicked), *places]
