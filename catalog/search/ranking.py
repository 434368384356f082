"""The order of the products that match."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import F

from catalog.querysets import ProductQuerySet
from catalog.search.query import Condition

#: Of descriptions, attributes, brand and category, title. Less than 1 together, so that the marks of `_score` decide.
_WEIGHTS = "{0.02, 0.1, 0.3, 1.0}"


def ranked(products: ProductQuerySet, wanted: Condition) -> list[int]:
    """Ids of these products, best first. In one statement, also if they are a slice of others."""
    if not products.query.is_sliced:
        products = products.order_by()
    found, values = products.annotate(words=F("search_text__vector")).values_list("pk", "words").query.sql_with_params()
    score, scored = _score(wanted)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM ({found}) AS found (id, words) ORDER BY {score} DESC, id DESC",  # noqa: S608 (parameters)
            [*values, *scored],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _score(wanted: Condition) -> tuple[str, list[Any]]:
    """The whole title, then all words next to each other in the title, then all words in the title; within each by how
    often and where the words are, exact forms before others. An expression and its parameters."""
    parts: list[str] = ["0.0::real"]
    values: list[str] = []
    for words, share in ((wanted.rank, 0.9), (wanted.beginnings, 0.09)):  # less than 1 together
        if words:
            parts.append(f"{share} * ts_rank('{_WEIGHTS}'::real[], words, %s::tsquery)")
            values.append(words)
    for mark, worth in ((wanted.whole, 4), (wanted.phrase, 2), (wanted.title, 1)):
        if mark:
            parts.append(f"{worth} * (words @@ %s::tsquery)::int")
            values.append(mark)
    return f"({' + '.join(parts)})", values
