"""Which places of strips are seen and followed, as browsers report it. Nobody is told apart, so nothing personal is
ever there: no addresses, no cookies, no rows of one visit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.utils import timezone

from recommendations.models import Place, Strip, StripCount
from recommendations.search.results import Results

SALT = "recommendations.counting"
MAX_AGE = timedelta(days=1)  # of a page whose report counts
MAX_BYTES = 16 * 1024
MAX_STRIPS = 10
Counts = Mapping[Place, tuple[int, int]]


class BadReport(ValueError):
    """Not what the shop's own pages send."""


def label_of(strip: Strip, results: Results) -> str:
    """Names what is shown, model and sources included: signed, so that a report cannot invent them. Of the shopper it
    holds nothing."""
    sources = [match.source.value for match in results.matches]
    described = [strip.value, results.model.name if results.model else "", sources]
    return signing.dumps(described, salt=SALT, compress=True)


def read_report(data: bytes) -> Counts:
    """`(seen, clicked)` of every place that a page reports:
    `{"strips": [{"label": ..., "seen": [0, 1], "clicked": [1]}]}`, places from 0.

    Raises:
        BadReport
    """
    seen: Counter[Place] = Counter()
    clicked: Counter[Place] = Counter()
    try:
        strips = json.loads(data)["strips"]
        if not isinstance(strips, list) or len(strips) > MAX_STRIPS:
            raise BadReport("These are not the strips of one page.")
        for entry in strips:
            strip, model, sources = signing.loads(entry["label"], salt=SALT, max_age=MAX_AGE)
            places = [Place(model, strip, source, number) for number, source in enumerate(sources, start=1)]
            seen.update(places[index] for index in _indexes(entry["seen"], len(places)))
            clicked.update(places[index] for index in _indexes(entry["clicked"], len(places)))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, signing.BadSignature) as error:
        raise BadReport("This is not a report of this shop's pages.") from error
    return {place: (seen[place], clicked[place]) for place in seen.keys() | clicked.keys()}


def count(counts: Counts) -> None:
    StripCount.objects.add(timezone.localdate(), counts)


def prune() -> int:
    """Remove what is older than STRIP_CLICKS_DAYS; how many rows that were."""
    first = timezone.localdate() - timedelta(days=settings.STRIP_CLICKS_DAYS)
    return StripCount.objects.before(first).delete()[0]


def _indexes(places: Any, length: int) -> set[int]:
    if not isinstance(places, list) or not all(type(place) is int and 0 <= place < length for place in places):
        raise BadReport("These are not places of the strip.")
    return set(places)
