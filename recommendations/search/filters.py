"""Which products may be found, whatever they look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.db.models import Q

from catalog.attributes import attribute_is
from catalog.models import Category


@dataclass(frozen=True)
class Scope:
    """Products of a category with all below it, of a brand, or of both.

    Attributes:
        path: of the category; empty for any.
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
    """All of them hold; of several brands or values of an attribute, one does.

    Attributes:
        category: this one and all below it.
        price_min, price_max, price_above: both bounds included, or costing more; products without a price meet none.
        in_stock: only what can be sent today.
        attributes: name → values, as in `Product.attributes`.
        excluded: ids of products that are not wanted.
        barred: and whole ranges of them.
    """

    category: Category | None = None
    price_min: Decimal | None = None
    price_max: Decimal | None = None
    price_above: Decimal | None = None
    in_stock: bool = False
    brands: frozenset[str] = frozenset()
    attributes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    excluded: frozenset[int] = frozenset()
    barred: tuple[Scope, ...] = ()

    def conditions(self, prefix: str = "") -> Q:
        """For `filter`; without `excluded`, and without `published`, which every search asks for.

        Args:
            prefix: from the rows that are filtered to their product, e.g. "image__product__".
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
        """Whether anything but single products is left out."""
        return bool(self.conditions())

    def without(self, products: set[int] | frozenset[int]) -> Filters:
        """The same, and none of these."""
        return replace(self, excluded=self.excluded | products)

    def above_budget(self) -> Filters:
        """The same, but for what costs more than `price_max`."""
        return replace(self, price_max=None, price_above=self.price_max)


ANYTHING = Filters()
