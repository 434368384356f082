"""Counting searches of shoppers without results, for staff: the words, the day and how often, and nothing about who
searched."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Max, Sum
from django.utils import timezone

from catalog.models import SearchMiss

logger = logging.getLogger(__name__)

KEPT_DAYS = 90
SHOWN_DAYS = 30  # on the admin's start page
#: Different words that are counted on one day. More are a flood, and staff read the most frequent ones only.
MOST_A_DAY = 1000
LONGEST = 100


def note(text: str) -> None:
    """Count a search. What may be somebody's e-mail address is not stored. An unavailable database fails no search."""
    words = " ".join(text.casefold().replace("\0", " ").split())[:LONGEST].strip()
    if not words or "@" in words or not any(map(str.isalnum, words)):
        return
    day = timezone.localdate()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO catalog_searchmiss (day, words, searches)
                SELECT %(day)s, %(words)s, 1
                 WHERE (SELECT count(*) FROM catalog_searchmiss WHERE day = %(day)s) < %(most)s
                    OR EXISTS (SELECT FROM catalog_searchmiss WHERE day = %(day)s AND words = %(words)s)
                ON CONFLICT (day, words) DO UPDATE SET searches = least(catalog_searchmiss.searches + 1, 2147483647)
                """,
                {"day": day, "words": words, "most": MOST_A_DAY},
            )
    except DatabaseError as error:
        logger.warning("A search without results was not counted: %s", error)


def prune() -> int:
    """Delete counts older than `KEPT_DAYS`; returns their number."""
    oldest = timezone.localdate() - timedelta(days=KEPT_DAYS)
    return SearchMiss.objects.filter(day__lt=oldest).delete()[0]


def most_frequent(count: int, *, days: int = SHOWN_DAYS) -> list[dict[str, Any]]:
    """The words most searched for in vain, with `total` and `last`, the day of the last search."""
    since = timezone.localdate() - timedelta(days=days - 1)
    rows = SearchMiss.objects.filter(day__gte=since).values("words")
    ranked = rows.annotate(total=Sum("searches"), last=Max("day")).order_by("-total", "words")
    return [dict(row) for row in ranked[:count]]
