"""Curation: the pins, vetoes and rules for a product's strip, and writing vetoes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import transaction
from django.db.models import Q

from catalog.models import Category, Product
from recommendations.models import MOST_BOOST, Effect, Pin, Rule, Veto
from recommendations.search.filters import Scope


@dataclass(frozen=True)
class Boost:
    """Attributes:
    categories: ids; None for any.
    brand: empty for any.
    cosine: added to the similarity.
    """

    categories: frozenset[int] | None
    brand: str
    cosine: float

    def moves(self, product: Product) -> bool:
        is_there = self.categories is None or product.category_id in self.categories
        return is_there and self.brand in ("", product.brand)


@dataclass(frozen=True)
class Curation:
    """Attributes:
    pins: products to show first, in order, published or not.
    vetoed: ids of products that must not appear. A veto outweighs a pin.
    barred: scopes that rules exclude. A pin outweighs them, because it names the product.
    """

    pins: list[Product]
    vetoed: frozenset[int]
    barred: tuple[Scope, ...]
    boosts: tuple[Boost, ...]

    def moved(self, products: Sequence[Product]) -> np.ndarray:
        """What rules add to each product's similarity, float [n]; together at most as much as one rule may."""
        total = [sum(boost.cosine for boost in self.boosts if boost.moves(product)) for product in products]
        return np.clip(np.array(total, float), -MOST_BOOST, MOST_BOOST)


def curation_for(product: Product) -> Curation:
    """The curation of a product's strip. Three queries, and up to two more if there are pins or rules that move
    categories."""
    pins = Pin.objects.filter(product=product).select_related("shown")
    pairs = Veto.objects.of(product.pk).values_list("a_id", "b_id")
    rules = [rule for rule in Rule.objects.filter(active=True).select_related("category", "beside") if
             rule.beside is None or product.category.path.startswith(rule.beside.path)]  # fmt: skip
    return Curation(
        pins=[pin.shown for pin in pins.prefetch_related("shown__images")],
        vetoed=frozenset(pk for pair in pairs for pk in pair) - {product.pk},
        barred=tuple(scope_of(rule) for rule in rules if rule.effect == Effect.EXCLUDE),
        boosts=_boosts([rule for rule in rules if rule.effect == Effect.BOOST]),
    )


def set_vetoes(product: Product, others: Iterable[Product]) -> None:
    """Make `others` the products that never share a strip with `product`; earlier vetoes with other products end.

    Raises:
        ValueError: the product itself is among them.
    """
    wanted = {other.pk for other in others}
    if product.pk in wanted:
        raise ValueError("A product is never shown next to itself anyway.")
    with transaction.atomic():
        Veto.objects.of(product.pk).exclude(Q(a__in=wanted) | Q(b__in=wanted)).delete()
        Veto.objects.bulk_create(
            [Veto(a_id=min(product.pk, pk), b_id=max(product.pk, pk)) for pk in sorted(wanted)], ignore_conflicts=True
        )


def barred_everywhere() -> tuple[Scope, ...]:
    """Scopes that rules exclude from the strips of all products. One query."""
    rules = Rule.objects.filter(active=True, effect=Effect.EXCLUDE, beside=None).select_related("category")
    return tuple(scope_of(rule) for rule in rules)


def scope_of(rule: Rule) -> Scope:
    """The products that the rule applies to."""
    return Scope(rule.category.path if rule.category else "", rule.brand)


def _boosts(rules: Sequence[Rule]) -> tuple[Boost, ...]:
    paths = {rule.category.path for rule in rules if rule.category}
    places: dict[str, set[int]] = {path: set() for path in paths}
    if paths:
        below = Q()
        for path in paths:
            below |= Q(path__startswith=path)
        for pk, found in Category.objects.filter(below).values_list("pk", "path"):
            for path in paths:
                if found.startswith(path):
                    places[path].add(pk)
    return tuple(
        Boost(frozenset(places[rule.category.path]) if rule.category else None, rule.brand, rule.boost or 0.0)
        for rule in rules
    )
