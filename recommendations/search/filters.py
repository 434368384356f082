"""Filters: which products a search may find, whatever they look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.db.models import Q

from catalog.attributes import attribute_is
from catalog.facets.words import has_size
from catalog.models import Category


@dataclass(frozen=True)
class Scope:
    """Products of a category and those below it, of a brand, or of both.

    Attributes:
        path: tree path of the category; empty for any.
        brand: empty for any.
    """

    path: str = ""
    brand: str = ""

    def conditions(self, prefix: str = "") -> Q:
        found = Q()
        if self.path:
            found &= Q(**{f"{prefix}category__path__startswith": self.path})
        if self.brand:
            found &= Q(**{f"{prefix}brand": self.brand})
        return found


@dataclass(frozen=True)
class Filters:
    """A product must meet every filter. Several brands, or several values for one attribute, are alternatives.

    Attributes:
        category: this one and those below it.
        price_min, price_max: both inclusive.
        price_above: exclusive. Products without a price meet no price filter.
        in_stock: only products in stock.
        sizes: alternatives, as facets read them: of the column or the attribute.
        attributes: name → values, as in `Product.attributes`.
        excluded: ids of products to leave out.
        barred: scopes of products to leave out.
        without_files: digests of pictures to leave out; a product may still be found by another picture.
    """

    category: Category | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    price_above: Decimal | None = None
    in_stock: bool = False
    brands: frozenset[str] = frozenset()
    sizes: frozenset[str] = frozenset()
    attributes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    excluded: frozenset[int] = frozenset()
    barred: tuple[Scope, ...] = ()
    without_files: frozenset[str] = frozenset()

    def conditions(self, prefix: str = "") -> Q:
        """The conditions for `filter`, without `excluded` and `published`, which every search applies itself.

        Args:
            prefix: path from the filtered rows to their product, for example "image__product__".
        """
        found = Q()
        if self.category is not None:
            found &= Q(**{f"{prefix}category__path__startswith": self.category.path})
        if self.price_min is not None:
            found &= Q(**{f"{prefix}price__gte": self.price_min})
        if self.price_max is not None:
            found &= Q(**{f"{prefix}price__lte": self.price_max})
        if self.price_above is not None:
            found &= Q(**{f"{prefix}price__gt": self.price_above})
        if self.in_stock:
            found &= Q(**{f"{prefix}stock__gt": 0})
        if self.brands:
            found &= Q(**{f"{prefix}brand__in": sorted(self.brands)})
        if self.sizes:
            one_size = Q()
            for size in sorted(self.sizes):
                one_size |= has_size(size, prefix)
            found &= one_size
        for name, values in sorted(self.attributes.items()):
            one_of = Q()
            for value in sorted(values):
                one_of |= attribute_is(name, value, prefix=prefix)
            found &= one_of
        for scope in self.barred:
            found &= ~scope.conditions(prefix)
        return found

    @property
    def narrows(self) -> bool:
        """Whether the filters exclude more than single products."""
        return bool(self.conditions())

    def without(self, products: set[int] | frozenset[int]) -> Filters:
        """The same filters, with these products excluded too."""
        return replace(self, excluded=self.excluded | products)

    def above_budget(self) -> Filters:
        """The same filters for products that cost more than `price_max`."""
        return replace(self, price_max=None, price_above=self.price_max)


ANYTHING = Filters()
