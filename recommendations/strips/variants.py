"""The same product in other colours, as far as the shop has named its style or its names and pictures tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.attributes import text_of
from catalog.models import Product
from recommendations.models import EmbeddingModel
from recommendations.search.filters import Filters
from recommendations.search.query_vectors import COLOUR, vectors_of
from recommendations.search.results import Match, Source
from recommendations.strips.cards import Deck
from recommendations.strips.styles import style_of

#: Products of one style that are read: some shops have a product for every size of every colour.
READ = 100
MOST = 12


@dataclass(frozen=True)
class Variant:
    """Attributes:
    colour: for people.
    """

    colour: str
    product: Product


def variants_of(
    product: Product, filters: Filters, alike: Iterable[Match] = (), model: EmbeddingModel | None = None
) -> list[Variant]:
    """One product for each other colour of its style, by colour. Two queries if the shop named the style; otherwise at
    most one, and none if no look-alike has its name.

    Args:
        filters: what may be shown.
        alike: matches of a search for it, with their vectors.
    """
    style = style_of(product)
    found = _named(product, filters) if style.told else _alike(product, alike, model)
    variants: dict[str, Variant] = {}
    for other in found:
        colour = style_of(other).colour
        if colour and colour != style.colour:
            variants.setdefault(colour, Variant(text_of(other.attributes.get(COLOUR)) or colour.capitalize(), other))
    return [variants[colour] for colour in sorted(variants)[:MOST]]


def _named(product: Product, filters: Filters) -> list[Product]:
    named = {"style": product.attributes["style"]}
    same = Product.objects.published().filter(filters.conditions(), attributes__contains=named)
    others = same.exclude(pk__in={product.pk, *filters.excluded}).for_cards()[:READ]
    key = style_of(product).key
    return [other for other in others if style_of(other).key == key]


def _alike(product: Product, alike: Iterable[Match], model: EmbeddingModel | None) -> list[Product]:
    """Those that would share a card with it, see `recommendations.strips.styles`."""
    key = style_of(product).key
    namesakes = [match for match in alike if style_of(match.product).key == key is not None]
    if not namesakes or model is None:
        return []
    own = vectors_of([product.pk], model).get(product.pk)
    deck = Deck(model, fixed=1)
    deck.add([Match(product, product.main_image, None, Source.VISUAL, vector=own), *namesakes])
    (card,) = deck.dealt(1)
    return list(card.others)
