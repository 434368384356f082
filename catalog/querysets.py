"""The non-trivial queries on products."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import connection, models, transaction
from django.db.models import F

if TYPE_CHECKING:
    from catalog.models import Category, Product  # noqa: F401  (the base class below)


#: Words that more products contain are common.
FEW = 1000
#: How many products with common words are ranked: twice as many as numbered pages show (`catalog.pages`).
RANKED = 2000
CONFIG = "english"
#: A line of dashes. Postgres reads each as a negation and fails above 32 of them ("tsquery stack too small"), also if
#: spaces or operators of its own syntax are in between.
_DASHES = re.compile(r"(?:-[\s!&|()<]*){9,}")


def _query(text: str) -> SearchQuery:
    return SearchQuery(_without_lines(text), config=CONFIG, search_type="websearch")


def _without_lines(text: str) -> str:
    return _DASHES.sub(" ", text)


def _few(text: str) -> list[int] | None:
    """Ids of all products that contain the words, published or not; None if there are more than `FEW`.

    It uses only the text index, which quickly finds that no product contains all the words.
    """
    text = _without_lines(text)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(name, 'off', true), querytree(websearch_to_tsquery(%s, %s)) "
            "FROM unnest('{enable_seqscan,enable_indexscan,enable_indexonlyscan}'::text[]) AS name",
            [CONFIG, text],
        )
        needed = cursor.fetchall()[0][1]
        if needed == "T":  # no required word ("-red"), so nearly everything matches
            found = None
        else:
            cursor.execute(
                "SELECT id FROM catalog_product WHERE search @@ websearch_to_tsquery(%s, %s) LIMIT %s",
                [CONFIG, text, FEW + 1],
            )
            found = [pk for (pk,) in cursor.fetchall()]
        transaction.set_rollback(True)  # or the settings would last for an enclosing transaction
    return None if found is None or len(found) > FEW else found


class ProductQuerySet(models.QuerySet["Product"]):
    def published(self) -> Self:
        return self.filter(published=True)

    def in_subtree(self, category: Category) -> Self:
        return self.filter(category__path__startswith=category.path)

    def containing(self, text: str) -> Self:
        """Full-text search in web search syntax ("red dress" -long), unordered.

        It first runs a query to find out whether the words are rare; if so, it filters by their products' ids. The
        planner alone reads the whole catalog for words that are each common but never occur together ("men women").
        """
        found = _few(text)
        return self.filter(search=_query(text)) if found is None else self.filter(pk__in=found)

    def matching(self, text: str) -> Self:
        """`containing`, best first. For common words only the newest `RANKED` products are ranked: for "women" all are
        equally good, and ranking all of them took 0.4 s at 300,000 products."""
        found, query = _few(text), _query(text)
        if found is None:
            newest = self.filter(search=query).order_by("-id").values("pk")[:RANKED]
            products = self.filter(pk__in=newest)
        else:
            products = self.filter(pk__in=found)
        return products.order_by(SearchRank(F("search"), query).desc(), "-id")

    def for_cards(self) -> Self:
        """With the data of product cards: two queries, however many products."""
        return self.prefetch_related("images")

    def for_page(self) -> Self:
        return self.select_related("category").prefetch_related("images")
