"""The cards that shoppers see beside a product or for a photo: what the shop wants, then what looks alike, then what
is near at hand; one card for what is one thing to a shopper, and variety among the cards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from django.conf import settings
from django.db.models import Case, ExpressionWrapper, IntegerField, Q, Value, When
from django.db.models.expressions import Combinable

from catalog.models import Category, Product
from recommendations.models import EmbeddingModel
from recommendations.search import query_vectors, ranking
from recommendations.search.cursor import DEPTH, to_cursor
from recommendations.search.filters import ANYTHING, Filters
from recommendations.search.photo import SeenPhoto
from recommendations.search.service import (
    MAX_RESULTS,
    POOL,
    Match,
    Results,
    Source,
    Wish,
    in_another_colour,
    search_seen,
    similar_products,
)
from recommendations.strips import styles
from recommendations.strips.curation import Wishes, wishes_for

# What is like the product but for its looks counts as much, for places that no look-alike takes.
_ATTRIBUTES = {"gender": 2, "colour": 1, "usage": 1}


@dataclass(frozen=True)
class Arrangement:
    """In what order look-alikes stand. Measured by `python -m bench strips`: the first two cost .002 of the mean cosine
    of ten cards, the third .008 of the share of the product's type and colour, for a tenth more distance between cards.

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


def product_strip(product: Product, limit: int, arrangement: Arrangement = ARRANGEMENT) -> Results:
    """Cards for the page of `product`, `limit` of them if the shop has as many things to show; each with its source.

    What the shop pinned; what looks alike; the best of the product's category; of the category above; what is new.
    No product twice, none that the shop vetoed or a rule leaves out, none that is not on show, and none that is sold
    out unless the shop wants that. Costs a bounded number of queries, however long.
    """
    wishes = wishes_for(product)
    pins = [pin for pin in wishes.pins if _is_available(pin) and pin.pk not in wishes.vetoed][:limit]
    filters = available(Filters(barred=wishes.barred)).without(wishes.vetoed | {product.pk} | {pin.pk for pin in pins})
    cards = _Cards(EmbeddingModel.objects.active(), fixed=len(pins))
    cards.add([Match(pin, pin.main_image, None, Source.PINNED) for pin in pins])
    if cards.model is not None and len(cards) < limit:
        alike = partial(similar_products, product, model=cards.model)
        _add_look_alikes(cards, alike, product, limit, filters, wishes, arrangement)
    for source, place in _near_at_hand(product):
        if len(cards) >= limit:
            break
        cards.add(_best(product, source, place, filters.without(cards.products), wishes, limit))
    return Results(cards.model, cards.chosen(limit, arrangement.variety))


def recoloured_strip(product: Product, colour: str, limit: int) -> Results:
    """Cards of the same in `colour`: of its category and labelled with that colour, what is most like the product but
    for its own colour, as far as the shop's wishes allow.

    Raises:
        NoColourPart: the model knows nothing of colours.
    """
    wishes = wishes_for(product)
    labelled = {query_vectors.COLOUR: frozenset({colour})}
    filters = available(Filters(category=product.category, attributes=labelled, barred=wishes.barred))
    cards = _Cards(EmbeddingModel.objects.active())
    search = partial(in_another_colour, product, colour, model=cards.model)
    _add_look_alikes(cards, search, product, limit, filters.without(wishes.vetoed), wishes, ARRANGEMENT)
    return Results(cards.model, cards.chosen(limit, ARRANGEMENT.variety))


def photo_cards(photo: SeenPhoto, wish: Wish) -> Results:
    """`search_seen` for shoppers: one card for what is one thing, nothing sold out. What a card stands for is not on
    the pages after it.

    Raises:
        NoColourPart: as for `search_seen`.
    """
    pool = min(MAX_RESULTS, wish.limit * POOL)
    found = search_seen(photo, replace(wish, limit=pool, filters=available(wish.filters)))
    cards = _Cards(found.model)
    cards.add(found.matches)
    chosen = cards.chosen(wish.limit, 0.0)
    shown = wish.shown | {product.pk for match in chosen for product in (match.product, *match.others)}
    has_next = (len(cards) > wish.limit or found.next is not None) and len(shown) <= DEPTH
    return replace(found, matches=chosen, next=to_cursor(shown) if has_next else None)


def one_card_each(results: Results, limit: int) -> Results:
    """The first of them, in their order, with one card for what is one thing."""
    cards = _Cards(results.model)
    cards.add(results.matches)
    return replace(results, matches=cards.chosen(limit, 0.0))


def available(filters: Filters = ANYTHING) -> Filters:
    """The same, and what shoppers can buy, unless the shop shows what is sold out."""
    return filters if settings.STRIP_SHOW_SOLD_OUT else replace(filters, in_stock=True)


class _Cards:
    """Matches in the order of their worth, and the cards that they make.

    Args:
        fixed: so many of the first have a card each, and stay in front.
    """

    def __init__(self, model: EmbeddingModel | None, fixed: int = 0) -> None:
        self.model = model
        self.matches: list[Match] = []
        self._fixed = fixed
        self._worth: list[float] = []
        self._vectors: dict[int, np.ndarray] = {}
        self._shapes: dict[int, np.ndarray] = {}
        self._groups: list[list[int]] = []

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def products(self) -> set[int]:
        return {match.product.pk for match in self.matches}

    def add(self, matches: Sequence[Match], worth: np.ndarray | None = None) -> None:
        """More of them, best first; `worth` is their score unless told."""
        new = [match.image.pk for match in matches if match.image and match.image.pk not in self._vectors]
        if new and self.model is not None:
            self._see(query_vectors.picture_vectors(new, self.model), self.model)
        self.matches += matches
        self._worth += [match.score or 0.0 for match in matches] if worth is None else worth.tolist()
        self._groups = styles.collapsed(self._looks(), self._fixed)

    def chosen(self, limit: int, variety: float) -> list[Match]:
        """Those to show: the fixed ones, look-alikes with variety among them, the others."""
        visual = [group for group in self._groups if self.matches[group[0]].source == Source.VISUAL]
        before = self._groups[: self._fixed]
        after = self._groups[self._fixed + len(visual) :]
        if variety and visual:
            vectors = np.stack([self._vector(group[0]) for group in visual])
            worth = np.array([self._worth[group[0]] for group in visual])
            visual = [visual[place] for place in ranking.diverse(worth, vectors, limit - len(before), variety)]
        return [self._card(group) for group in [*before, *visual, *after][:limit]]

    def _card(self, group: list[int]) -> Match:
        others = tuple(self.matches[place].product for place in group[1:])
        return replace(self.matches[group[0]], others=others)

    def _vector(self, place: int) -> np.ndarray:
        image = self.matches[place].image
        found = self._vectors.get(image.pk) if image else None
        return found if found is not None else np.zeros(self.model.dimension if self.model else 1, np.float32)

    def _see(self, vectors: dict[int, np.ndarray], model: EmbeddingModel) -> None:
        self._vectors |= vectors
        # To an untrained network all pictures are nearly one: it says nothing of what is one thing.
        if vectors and not model.untrained:
            shapes = query_vectors.without_colour(np.stack([*vectors.values()]), model.spec)
            self._shapes |= zip(vectors, shapes, strict=True)

    def _looks(self) -> list[styles.Look]:
        looks = []
        for match in self.matches:
            image, vector, shape = match.image, None, None
            if image and image.pk in self._shapes:
                vector, shape = self._vectors[image.pk], self._shapes[image.pk]
            looks.append(styles.Look(styles.style_of(match.product), image.digest if image else None, vector, shape))
        return looks


def _add_look_alikes(
    cards: _Cards,
    search: Callable[[Wish], Results],
    product: Product,
    limit: int,
    filters: Filters,
    wishes: Wishes,
    arrangement: Arrangement,
) -> None:
    """Enough of them for `limit` cards, if there are; where many are one thing, from as many as a search returns."""
    for pool in dict.fromkeys((min(MAX_RESULTS, limit * POOL), MAX_RESULTS)):
        found = search(Wish(pool, filters.without(cards.products))).matches
        others = [match.product for match in found]
        worth = np.array([match.score for match in found], float)
        worth += arrangement.own_kind(product, others) + wishes.moved(others)
        order = np.argsort(-worth, kind="stable")
        cards.add([found[place] for place in order], worth[order])
        if len(cards) >= limit or len(found) < pool:
            break


def _near_at_hand(product: Product) -> list[tuple[Source, Q]]:
    """Where to look when nothing looks alike, nearest first."""
    category = product.category
    places = [(Source.CATEGORY, Q(category__path__startswith=category.path))]
    if category.depth > 1:
        above = category.path[: -Category.steplen]
        places.append((Source.PARENT, Q(category__path__startswith=above)))
    return [*places, (Source.NEWEST, Q())]


def _best(product: Product, source: Source, place: Q, filters: Filters, wishes: Wishes, limit: int) -> list[Match]:
    """Products there that have most in common with this one, the newest of those first."""
    found = Product.objects.published().filter(place, filters.conditions()).exclude(pk__in=sorted(filters.excluded))
    if source != Source.NEWEST:
        found = found.annotate(in_common=_in_common(product)).order_by("-in_common", "-id")
    others = list(found.defer("search").for_cards()[: limit * POOL])
    order = np.argsort(-wishes.moved(others), kind="stable")
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
