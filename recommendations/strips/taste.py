"""Products like those that a shopper viewed last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from catalog.models import Product
from recommendations.models import EmbeddingModel
from recommendations.search.filters import Filters
from recommendations.search.request import MAX_RESULTS, POOL, SearchRequest
from recommendations.search.results import Match
from recommendations.search.service import similar_to_taste
from recommendations.strips.cards import ROUNDS, Cards, Deck
from recommendations.strips.curation import barred_everywhere

#: The mean of a boot and a dress looks like neither, so each category is searched separately: the last few of them.
CATEGORIES = 3
#: In one category, the latest views show what the shopper wants now.
LATEST = 5


def inspired_by(viewed: Sequence[int], limit: int, *, excluded: frozenset[int] = frozenset()) -> Cards:
    """Products in stock that look like those viewed last, one card for each thing. The viewed products are left out,
    and so are those that a rule excludes everywhere.

    Args:
        viewed: ids of products, the last one first. Those that are gone or sold out are ignored.
        limit: cards, 1 to `MAX_RESULTS`; the category viewed last has the most of them.
        excluded: ids of further products to leave out.
    """
    there = Product.objects.published().filter(stock__gt=0).in_bulk(viewed)
    by_category: dict[int, list[Product]] = {}
    for product in (there[pk] for pk in viewed if pk in there):
        by_category.setdefault(product.category_id, []).append(product)
    if not by_category:
        return Cards(None, [])
    filters = Filters(in_stock=True, excluded=excluded | frozenset(viewed), barred=barred_everywhere())
    request = SearchRequest(min(MAX_RESULTS, limit * POOL), filters, vectors=True)
    model = EmbeddingModel.objects.active()
    liked = [products[:LATEST] for products in list(by_category.values())[:CATEGORIES]]
    deck = Deck(model)
    for _ in range(ROUNDS):
        answers = [similar_to_taste(products, [], request, model=model) for products in liked]
        deck.add(dealt([answer.matches for answer in answers], MAX_RESULTS))
        if len(deck) >= limit or not any(answer.next for answer in answers):
            break
        request = replace(request, filters=deck.further(filters))
    return Cards(model, deck.dealt(limit))


def dealt(hands: Sequence[Sequence[Match]], limit: int) -> list[Match]:
    """Several hands dealt into one row, each in its own order, no product twice: the second hand gets half as many
    places as the first, the third a third."""
    turns = [
        ((place + 1) * (row + 1), row, match) for row, hand in enumerate(hands) for place, match in enumerate(hand)
    ]
    turns.sort(key=lambda turn: turn[:2])
    row: dict[int, Match] = {}
    for _, _, match in turns:
        row.setdefault(match.product.pk, match)
    return list(row.values())[:limit]
