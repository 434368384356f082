"""What a shopper's last views suggest."""

from __future__ import annotations

from collections.abc import Sequence

from catalog.models import Product
from recommendations.models import EmbeddingModel
from recommendations.search.filters import Filters
from recommendations.search.service import MAX_RESULTS, POOL, Match, Results, SearchRequest, similar_to_taste
from recommendations.strips.cards import Cards, one_card_each
from recommendations.strips.curation import barred_everywhere

#: The mean of a boot and a dress looks like neither: each kind of thing is searched for by itself, the last few.
KINDS = 3
#: Of one kind, the latest tell what is sought now.
LATEST = 5


def inspired_by(viewed: Sequence[int], limit: int, *, excluded: frozenset[int] = frozenset()) -> Cards:
    """Products in stock that look like those viewed last, none of the viewed ones and none that a rule leaves out
    everywhere; one card for what is one thing.

    Args:
        viewed: ids of products, the last one first. Those that are gone or cannot be bought now say nothing.
        limit: 1 to `MAX_RESULTS` products, in which the kind viewed last has the most places.
        excluded: ids of further products that are not wanted.
    """
    there = Product.objects.published().filter(stock__gt=0).defer("search").in_bulk(viewed)
    kinds: dict[int, list[Product]] = {}
    for product in (there[pk] for pk in viewed if pk in there):
        kinds.setdefault(product.category_id, []).append(product)
    if not kinds:
        return Cards(None, [])
    filters = Filters(in_stock=True, excluded=excluded | frozenset(viewed), barred=barred_everywhere())
    request = SearchRequest(min(MAX_RESULTS, limit * POOL), filters)
    model = EmbeddingModel.objects.active()
    answers = [similar_to_taste(liked[:LATEST], [], request, model=model) for liked in list(kinds.values())[:KINDS]]
    return one_card_each(Results(model, dealt([answer.matches for answer in answers], MAX_RESULTS)), limit)


def dealt(hands: Sequence[Sequence[Match]], limit: int) -> list[Match]:
    """One row of several, each in its order, no product twice: the second row has half the places of the first, the
    third a third."""
    turns = [
        ((place + 1) * (row + 1), row, match) for row, hand in enumerate(hands) for place, match in enumerate(hand)
    ]
    turns.sort(key=lambda turn: turn[:2])
    row: dict[int, Match] = {}
    for _, _, match in turns:
        row.setdefault(match.product.pk, match)
    return list(row.values())[:limit]
