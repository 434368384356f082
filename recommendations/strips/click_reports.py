"""Which cards of strips are seen and clicked, as browsers report it. Shoppers are not distinguished, and nothing
personal is stored: no IP addresses, no cookies, no record of a single visit."""

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
MAX_AGE = timedelta(days=1)  # reports on older pages are ignored
MAX_BYTES = 16 * 1024
MAX_STRIPS = 10
Counts = Mapping[Place, tuple[int, int]]


class BadReport(ValueError):
    """Not a report that the shop's own pages send."""


def label_of(strip: Strip, results: Results) -> str:
    """Describes what a strip shows, with model and sources, signed, so that reports cannot invent them. It contains
    nothing about the shopper."""
    sources = [match.source.value for match in results.matches]
    described = [strip.value, results.model.name if results.model else "", sources]
    return signing.dumps(described, salt=SALT, compress=True)


def read_report(data: bytes) -> Counts:
    """`(seen, clicked)` of every place in a page's report, which has the form
    `{"strips": [{"label": ..., "seen": [0, 1], "clicked": [1]}]}` with places from 0.

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
    """Delete rows older than STRIP_CLICKS_DAYS; returns how many."""
    first = timezone.localdate() - timedelta(days=settings.STRIP_CLICKS_DAYS)
    return StripCount.objects.before(first).delete()[0]


def _indexes(places: Any, length: int) -> set[int]:
    if not isinstance(places, list) or not all(type(place) is int and 0 <= place < length for place in places):
        raise BadReport("These are not places of the strip.")
    return set(places)
