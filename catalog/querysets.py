"""Each non-trivial question about products, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import connection, models, transaction
from django.db.models import F

if TYPE_CHECKING:
    from catalog.models import Category, Product  # noqa: F401  (the base class below)


#: Words that more products contain than this are common.
FEW = 1000
#: How many products with common words are ranked. Twice as many as numbered pages show (`catalog.pages`).
RANKED = 2000
CONFIG = "english"


def _query(text: str) -> SearchQuery:
    return SearchQuery(text, config=CONFIG, search_type="websearch")


def _few(text: str) -> list[int] | None:
    """Ids of all products that contain the words, on show or not; None where there are more than `FEW`.

    By the text index only: it knows at once of words that stand together nowhere.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config(name, 'off', true), querytree(websearch_to_tsquery(%s, %s)) "
            "FROM unnest('{enable_seqscan,enable_indexscan,enable_indexonlyscan}'::text[]) AS name",
            [CONFIG, text],
        )
        needed = cursor.fetchall()[0][1]
        if needed == "T":  # nothing that must be there ("-red"): nearly everything is found
            found = None
        else:
            cursor.execute(
                "SELECT id FROM catalog_product WHERE search @@ websearch_to_tsquery(%s, %s) LIMIT %s",
                [CONFIG, text, FEW + 1],
            )
            found = [pk for (pk,) in cursor.fetchall()]
        transaction.set_rollback(True)  # or the settings would last as long as a transaction around this one
    return None if found is None or len(found) > FEW else found


class ProductQuerySet(models.QuerySet["Product"]):
    def published(self) -> Self:
        return self.filter(published=True)

    def in_subtree(self, category: Category) -> Self:
        return self.filter(category__path__startswith=category.path)

    def containing(self, text: str) -> Self:
        """Full-text search in the notation of web search engines ("red dress" -long), in no order.

        One query is made at once: whether the words are rare. Then their products are named one by one. Left to the
        planner, words that are common each, and stand together nowhere ("men women"), had the whole catalog read.
        """
        found = _few(text)
        return self.filter(search=_query(text)) if found is None else self.filter(pk__in=found)

    def matching(self, text: str) -> Self:
        """The same, best first. Of common words, the newest `RANKED` are ranked: of "women" all are as good, and
        ranking all of them took 0.4 s of 300,000 products."""
        found, query = _few(text), _query(text)
        if found is None:
            newest = self.filter(search=query).order_by("-id").values("pk")[:RANKED]
            products = self.filter(pk__in=newest)
        else:
            products = self.filter(pk__in=found)
        return products.order_by(SearchRank(F("search"), query).desc(), "-id")

    def for_cards(self) -> Self:
        """With what a product card shows: two queries, however many products."""
        return self.prefetch_related("images")

    def for_page(self) -> Self:
        return self.select_related("category").prefetch_related("images")
