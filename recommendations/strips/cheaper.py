"""Look-alikes of a product that cost less."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from catalog.models import Product
from recommendations.models import EmbeddingModel
from recommendations.search.calibration import calibration_of
from recommendations.search.filters import Filters
from recommendations.search.request import POOL
from recommendations.search.results import Match
from recommendations.strips.badges import as_product
from recommendations.strips.cards import Card, Deck

LEAST_SAVING = Decimal("0.10")  # of the product's price
LEAST = 2  # one card is no row


def cheaper_cards(
    product: Product, alike: Iterable[Match], shown: Sequence[Card], model: EmbeddingModel | None, limit: int
) -> list[Card]:
    """Cards of products of its category that look like it and cost at least `LEAST_SAVING` less, most similar first.
    None if there are fewer than `LEAST`, or none that is not among the cards above; nor without a calibration, because
    then nobody knows what looks alike.

    Args:
        alike: matches of a search for it, with their vectors.
        shown: the cards above.
    """
    meaning = calibration_of(model)
    if meaning is None or not product.price:
        return []
    most = product.price * (1 - LEAST_SAVING)
    deck = Deck(model, reference=as_product(product, Filters(category=product.category)))
    cheaper = [
        match for match in alike if (match.match or 0) >= meaning.floor and _is_within(match.product, product, most)
    ]
    deck.add(cheaper[: limit * POOL])
    cards = deck.dealt(limit)
    above = {each.pk for card in shown for each in (card.product, *card.others)}
    if len(cards) < LEAST or all(card.product.pk in above for card in cards):
        return []
    return cards


def saving_of(product: Product, cards: Sequence[Card]) -> int:
    """What each of them saves at least, in whole percent of the product's price."""
    prices = [card.product.price for card in cards if card.product.price is not None]
    return int(100 - 100 * max(prices) / product.price) if prices and product.price else 0


def _is_within(other: Product, product: Product, most: Decimal) -> bool:
    is_comparable = other.category_id == product.category_id and other.currency == product.currency
    return is_comparable and other.price is not None and other.price <= most
