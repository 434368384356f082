"""The cards that shoppers see beside a product or for a photo: what the shop wants, then what looks alike, then what
is near at hand; one card for what is one thing to a shopper, and variety among the deck."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from django.conf import settings
from django.db.models import Case, ExpressionWrapper, IntegerField, Q, Value, When
from django.db.models.expressions import Combinable

from catalog.models import Category, Product
from recommendations.models import EmbeddingModel
from recommendations.search import query_vectors
from recommendations.search.filters import Filters
from recommendations.search.service import (
    MAX_RESULTS,
    POOL,
    Match,
    Results,
    SearchRequest,
    Source,
    in_another_colour,
    similar_products,
)
from recommendations.strips.cards import Cards, Deck, available
from recommendations.strips.curation import Curation, curation_for

# What is like the product but for its looks counts as much, for places that no look-alike takes.
_ATTRIBUTES = {"gender": 2, "colour": 1, "usage": 1}


@dataclass(frozen=True)
class Arrangement:
    """In what order look-alikes stand. Measured by `python -m bench strips`: the first two cost .002 of the mean cosine
    of ten cards, the third .008 of the share of the product's type and colour, for a tenth more distance between deck.

    Attributes:
        category, gender: added to the cosine of what is of the product's own.
        variety: weight of being unlike the cards before against being like the product, 0 to 1.
    """

    category: float = 0.08
    gender: float = 0.05
    variety: float = 0.2

    def own_kind(self, product: Product, others: Sequence[Product]) -> np.ndarray:
        """What is added to the cosine of each, float [n]."""
        gender = _attribute(product, "gender")
        return np.array(
            [
                self.category * (other.category_id == product.category_id)
                + self.gender * (gender is not None and _attribute(other, "gender") == gender)
                for other in others
            ],
            float,
        )


ARRANGEMENT = Arrangement()


def product_strip(product: Product, limit: int, arrangement: Arrangement = ARRANGEMENT) -> Cards:
    """Cards for the page of `product`, `limit` of them if the shop has as many things to show; each with its source.

    What the shop pinned; what looks alike; the best of the product's category; of the category above; what is new.
    No product twice, none that the shop vetoed or a rule leaves out, none that is not on show, and none that is sold
    out unless the shop wants that. Costs a bounded number of queries, however long.
    """
    curation = curation_for(product)
    pins = [pin for pin in curation.pins if _is_available(pin) and pin.pk not in curation.vetoed][:limit]
    filters = available(Filters(barred=curation.barred)).without(
        curation.vetoed | {product.pk} | {pin.pk for pin in pins}
    )
    deck = Deck(EmbeddingModel.objects.active(), fixed=len(pins))
    deck.add([Match(pin, pin.main_image, None, Source.PINNED) for pin in pins])
    if deck.model is not None and len(deck) < limit:
        alike = partial(similar_products, product, model=deck.model)
        _add_look_alikes(deck, alike, product, limit, filters, curation, arrangement)
    for source, place in _near_at_hand(product):
        if len(deck) >= limit:
            break
        deck.add(_best(product, source, place, filters.without(deck.products), curation, limit))
    return Cards(deck.model, deck.dealt(limit, arrangement.variety))


def recoloured_strip(product: Product, colour: str, limit: int) -> Cards:
    """Cards of the same in `colour`: of its category and labelled with that colour, what is most like the product but
    for its own colour, as far as the shop's curation allows.

    Raises:
        NoColourPart: the model knows nothing of colours.
    """
    curation = curation_for(product)
    labelled = {query_vectors.COLOUR: frozenset({colour})}
    filters = available(Filters(category=product.category, attributes=labelled, barred=curation.barred))
    deck = Deck(EmbeddingModel.objects.active())
    search = partial(in_another_colour, product, colour, model=deck.model)
    _add_look_alikes(deck, search, product, limit, filters.without(curation.vetoed), curation, ARRANGEMENT)
    return Cards(deck.model, deck.dealt(limit, ARRANGEMENT.variety))


def _add_look_alikes(
    deck: Deck,
    search: Callable[[SearchRequest], Results],
    product: Product,
    limit: int,
    filters: Filters,
    curation: Curation,
    arrangement: Arrangement,
) -> None:
    """Enough of them for `limit` cards, if there are; where many are one thing, from as many as a search returns."""
    for pool in dict.fromkeys((min(MAX_RESULTS, limit * POOL), MAX_RESULTS)):
        found = search(SearchRequest(pool, filters.without(deck.products))).matches
        others = [match.product for match in found]
        worth = np.array([match.score for match in found], float)
        worth += arrangement.own_kind(product, others) + curation.moved(others)
        order = np.argsort(-worth, kind="stable")
        deck.add([found[place] for place in order], worth[order])
        if len(deck) >= limit or len(found) < pool:
            break


def _near_at_hand(product: Product) -> list[tuple[Source, Q]]:
    """Where to look when nothing looks alike, nearest first."""
    category = product.category
    places = [(Source.CATEGORY, Q(category__path__startswith=category.path))]
    if category.depth > 1:
        above = category.path[: -Category.steplen]
        places.append((Source.PARENT, Q(category__path__startswith=above)))
    return [*places, (Source.NEWEST, Q())]


def _best(product: Product, source: Source, place: Q, filters: Filters, curation: Curation, limit: int) -> list[Match]:
    """Products there that have most in common with this one, the newest of those first."""
    found = Product.objects.published().filter(place, filters.conditions()).exclude(pk__in=sorted(filters.excluded))
    if source != Source.NEWEST:
        found = found.annotate(in_common=_in_common(product)).order_by("-in_common", "-id")
    others = list(found.defer("search").for_cards()[: limit * POOL])
    order = np.argsort(-curation.moved(others), kind="stable")
    return [Match(others[position], others[position].main_image, None, source) for position in order]


def _in_common(product: Product) -> ExpressionWrapper:
    """How much of what is known of `product` holds for another: an integer."""
    alike = [
        (Q(attributes__contains={name: value}), weight)
        for name, weight in _ATTRIBUTES.items()
        if (value := _attribute(product, name)) is not None
    ]
    if product.brand:
        alike.append((Q(brand=product.brand), 1))
    common: Combinable = Value(0)
    for condition, weight in alike:
        common += Case(When(condition, then=Value(weight)), default=Value(0))
    return ExpressionWrapper(common, output_field=IntegerField())


def _is_available(product: Product) -> bool:
    return product.published and (product.in_stock or settings.STRIP_SHOW_SOLD_OUT)


def _attribute(product: Product, name: str) -> object:
    return product.attributes.get(name)
