"""The non-trivial queries on products. Text search is `catalog.search.finding`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from django.db import models

if TYPE_CHECKING:
    from catalog.models import Category, Product  # noqa: F401  (the base class below)


class ProductQuerySet(models.QuerySet["Product"]):
    def published(self) -> Self:
        return self.filter(published=True)

    def in_subtree(self, category: Category) -> Self:
        return self.filter(category__path__startswith=category.path)

    def for_cards(self) -> Self:
        """With the data of product cards: two queries, however many products."""
        return self.prefetch_related("images")

    def for_page(self) -> Self:
        return self.select_related("category").prefetch_related("images")
