"""What searches ask the table of words, in ways that stay quick when words are in many products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.search import SearchQueryField
from django.db import connection, transaction
from django.db.models import BooleanField, F, Func, Value

#: The newest products, looked at first: what many contain is among them, and needs no look into the index of words,
#: which reads all products with any of the words (100 ms of 300,000 for "sports shoes"; the sample takes 1).
NEWEST = 1000


class Matches(Func):
    template = "(%(expressions)s)"
    arg_joiner = " @@ "
    output_field = BooleanField()


def among(ids: list[int]) -> Any:
    """`pk__in` with one parameter, as text: thousands take longer to pass on than to look up."""
    array = Value("{" + ",".join(map(str, ids)) + "}")
    template = "(%(expressions)s::bigint[]))"
    return Func(F("pk"), array, template=template, arg_joiner=" = ANY (", output_field=BooleanField())


def tsquery(text: str) -> Any:
    return Func(Value(text), template="%(expressions)s::tsquery", output_field=SearchQueryField())


@dataclass(frozen=True)
class Sample:
    """The newest products, published or not.

    Attributes:
        size: how many, at most `NEWEST`.
        latest: the greatest id.
        found: for each query, ids of those that match.
    """

    size: int
    latest: int
    found: list[list[int]]

    @property
    def complete(self) -> bool:
        """Whether these are all products of the shop."""
        return self.size < NEWEST


def sample(queries: Sequence[str]) -> Sample:
    matching = ", array_agg(product_id) FILTER (WHERE vector @@ %s::tsquery)" * len(queries)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*), max(product_id){matching} FROM ("  # noqa: S608 (of parameters)
            "SELECT product_id, vector FROM catalog_searchtext ORDER BY product_id DESC LIMIT %s) AS newest",
            [*queries, NEWEST],
        )
        size, latest, *found = cursor.fetchone()
    return Sample(size, latest or 0, [ids or [] for ids in found])


def in_brands(words: Sequence[str]) -> set[str]:
    """Those of the words that a product has in its brand. They should be rare."""
    if not words:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT word FROM unnest(%s::text[]) AS word "
            "WHERE EXISTS (SELECT FROM catalog_searchtext WHERE vector @@ (quote_literal(word) || ':B')::tsquery)",
            [list(words)],
        )
        return {word for (word,) in cursor.fetchall()}


def probe(queries: Sequence[str], *, most: int, give: int) -> list[tuple[list[int], int]]:
    """For each query, ids of products that match, published or not, newest first, and how many there are.

    It uses only the index of words, which quickly finds that no product contains all of them. The planner alone reads
    the whole catalog for words that are each common but never occur together ("men women"): migration 0013.

    Args:
        most: counted. Of more, the count is `most` + 1.
        give: the most ids.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(ids, '{}'), count FROM unnest(%s::text[]) WITH ORDINALITY AS asked (query, place), "
            "LATERAL catalog_search_probe(query::tsquery, %s::int, %s::int) ORDER BY place",
            [list(queries), most, give],
        )
        return cursor.fetchall()


@contextmanager
def without(*plans: str) -> Iterator[None]:
    """Statements that the planner must answer in other ways, in one process. They may only read."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            names = "{" + ",".join(f"enable_{plan}" for plan in plans) + "}"
            cursor.execute(
                "SELECT set_config('max_parallel_workers_per_gather', '0', true), set_config(name, 'off', true) "
                "FROM unnest(%s::text[]) AS name",
                [names],
            )
        yield
        transaction.set_rollback(True)  # or the settings would last for an enclosing transaction
