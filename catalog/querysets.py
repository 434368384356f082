"""Each non-trivial question about products, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db import models
from django.db.models import F

if TYPE_CHECKING:
    from catalog.models import Category, Product  # noqa: F401  (the base class below)


class ProductQuerySet(models.QuerySet["Product"]):
    def published(self) -> Self:
        return self.filter(published=True)

    def in_subtree(self, category: Category) -> Self:
        return self.filter(category__path__startswith=category.path)

    def matching(self, text: str) -> Self:
        """Full-text search in the notation of web search engines ("red dress" -long), best first."""
        query = SearchQuery(text, config="english", search_type="websearch")
        return self.filter(search=query).order_by(SearchRank(F("search"), query).desc(), "-id")

    def for_cards(self) -> Self:
        """With what a product card shows: two queries, however many products."""
        return self.prefetch_related("images")

    def for_page(self) -> Self:
        return self.select_related("category").prefetch_related("images")
