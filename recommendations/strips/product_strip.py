"""The cards on a product page: what the shop pinned, then look-alikes, then other products of the category and those
above it; one card for each thing, and variety among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.conf import settings
from django.db.models import Case, ExpressionWrapper, IntegerField, Q, Value, When
from django.db.models.expressions import Combinable

from catalog.models import Category, Product
from recommendations.models import EmbeddingModel
from recommendations.search import query_vectors
from recommendations.search.filters import Filters
from recommendations.search.request import MAX_RESULTS, POOL, SearchRequest
from recommendations.search.results import Match, Source
from recommendations.search.service import find_similar
from recommendations.strips.badges import as_product
from recommendations.strips.cards import ROUNDS, Card, Cards, Deck, available
from recommendations.strips.cheaper import cheaper_cards
from recommendations.strips.curation import Curation, curation_for
from recommendations.strips.variants import Variant, variants_of

# Weights of what else products have in common, for places that no look-alike takes.
_ATTRIBUTES = {"gender": 2, "colour": 1, "usage": 1}


@dataclass(frozen=True)
class Arrangement:
    """In which order look-alikes are shown. Measured by `python -m bench strips`: the first two cost .002 of the mean
    cosine of ten cards; the third costs .008 of the share with the product's type and colour, and puts a tenth more
    distance between cards.

    Attributes:
        category, gender: added to the cosine of products with the same category or gender.
        variety: weight of being unlike the cards before against being like the product, 0 to 1.
    """

    category: float = 0.08
    gender: float = 0.05
    variety: float = 0.2

    def same_type(self, product: Product, others: Sequence[Product]) -> np.ndarray:
        """What is added to each one's cosine, float [n]."""
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


@dataclass(frozen=True)
class ProductCards(Cards):
    """Attributes:
    cheaper: look-alikes for less, see `recommendations.strips.cheaper`; empty unless requested.
    variants: the product in other colours; likewise.
    """

    cheaper: Sequence[Card] = ()
    variants: Sequence[Variant] = ()


def product_strip(
    product: Product,
    limit: int,
    arrangement: Arrangement = ARRANGEMENT,
    *,
    model: EmbeddingModel | None = None,
    whole: bool = False,
) -> ProductCards:
    """`limit` cards for the page of `product`, if the shop has that many things to show; each with its source.

    In order: pins, look-alikes, the best of the product's category, the best of the category above, the newest
    products. No product appears twice. Vetoed, excluded and unpublished products never appear, and sold-out ones only
    if the shop shows them. The number of queries is bounded, however long the strip.

    Args:
        model: the active model, where the caller has read it already.
        whole: also what a page shows below the cards, from the same search.
    """
    curation = curation_for(product)
    pins = [pin for pin in curation.pins if _is_available(pin) and pin.pk not in curation.vetoed][:limit]
    filters = available(Filters(barred=curation.barred)).without(
        curation.vetoed | {product.pk} | {pin.pk for pin in pins}
    )
    deck = Deck(model or EmbeddingModel.objects.active(), fixed=len(pins), reference=as_product(product, filters))
    deck.add([Match(pin, pin.main_image, None, Source.PINNED) for pin in pins])
    alike: list[Match] = []
    if deck.model is not None and len(deck) < limit:
        reach = MAX_RESULTS if whole else 0
        alike = _add_look_alikes(deck, product, SearchRequest(limit, filters), curation, arrangement, reach)
    for source, place in _fallbacks(product):
        if len(deck) >= limit:
            break
        deck.add(_best(product, source, place, filters.without(deck.products), curation, limit))
    cards = deck.dealt(limit, arrangement.variety)
    if not whole:
        return ProductCards(deck.model, cards)
    cheaper = cheaper_cards(product, alike, cards, deck.model, limit)
    variants = variants_of(product, filters, alike, deck.model)
    return ProductCards(deck.model, cards, cheaper=cheaper, variants=variants)


def refined_strip(product: Product, request: SearchRequest, *, model: EmbeddingModel | None = None) -> ProductCards:
    """Cards of what a shopper asked for: the product in another colour, more or less like examples, or both. In another
    colour, first the product itself, if the shop has it, then the most similar of its category that are labelled with
    that colour. Vetoes and rules apply; pins do not, and nothing but look-alikes fills free places.

    Args:
        model: as for `product_strip`.

    Raises:
        NoColourPart: the model has no part for the colour.
    """
    curation = curation_for(product)
    shown = available(replace(request.filters, barred=curation.barred)).without(curation.vetoed)
    variants, filters, same = variants_of(product, shown), shown, list[Match]()
    if colour := request.in_colour:
        labelled = {query_vectors.COLOUR: frozenset({colour})}
        filters = replace(shown, category=product.category, attributes=labelled)
        own = [each.product for each in variants if each.colour.casefold() == colour.casefold()]
        same = [Match(other, other.main_image, None, Source.STYLE) for other in own]
    deck = Deck(model or EmbeddingModel.objects.active(), fixed=len(same), reference=as_product(product, filters))
    deck.add(same)
    alike = _add_look_alikes(deck, product, replace(request, filters=filters), curation, ARRANGEMENT)
    cards = deck.dealt(request.limit, ARRANGEMENT.variety)
    return ProductCards(deck.model, cards, variants=variants or variants_of(product, shown, alike, deck.model))


def _add_look_alikes(
    deck: Deck,
    product: Product,
    request: SearchRequest,
    curation: Curation,
    arrangement: Arrangement,
    reach: int = 0,
) -> list[Match]:
    """Enough of them for `request.limit` cards, if they exist. Where many share a card, it looks further, at most
    `ROUNDS` times.

    Args:
        reach: how many matches the first search returns at least. Cards are made of the nearest only.

    Returns:
        All that the first search found.
    """
    filters = request.filters.without(deck.products)
    first: list[Match] | None = None
    for pool in (min(MAX_RESULTS, request.limit * POOL), *[MAX_RESULTS] * ROUNDS):
        wanted = replace(request, limit=max(pool, reach if first is None else 0), filters=filters, vectors=True)
        found = list(find_similar(product, wanted, model=deck.model).matches)
        first = found if first is None else first
        found = found[:pool]
        others = [match.product for match in found]
        moved = curation.moved(others)
        worth = np.array([match.score for match in found], float)
        worth += arrangement.same_type(product, others) + moved
        order = np.argsort(-worth, kind="stable")
        deck.add([found[place] for place in order], worth[order])
        filters = deck.further(filters)
        if len(deck) >= request.limit or len(found) < pool:
            break
    return first or []


def _fallbacks(product: Product) -> list[tuple[Source, Q]]:
    """Where to look for products when too few look alike, nearest first."""
    category = product.category
    places = [(Source.CATEGORY, Q(category__path__startswith=category.path))]
    if category.depth > 1:
        above = category.path[: -Category.steplen]
        places.append((Source.PARENT, Q(category__path__startswith=above)))
    return [*places, (Source.NEWEST, Q())]


def _best(product: Product, source: Source, place: Q, filters: Filters, curation: Curation, limit: int) -> list[Match]:
    """Products there that have the most in common with this one, the newest of those first."""
    found = Product.objects.published().filter(place, filters.conditions()).exclude(pk__in=sorted(filters.excluded))
    if source != Source.NEWEST:
        found = found.annotate(in_common=_in_common(product)).order_by("-in_common", "-id")
    others = list(found.for_cards()[: limit * POOL])
    order = np.argsort(-curation.moved(others), kind="stable")
    return [Match(others[position], others[position].main_image, None, source) for position in order]


def _in_common(product: Product) -> ExpressionWrapper:
    """How many of `product`'s attributes another product shares, weighted: an integer."""
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
