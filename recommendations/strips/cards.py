"""One card for products that shoppers take for one thing, and variety among the cards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.conf import settings

from catalog.models import Product
from recommendations.models import EmbeddingModel
from recommendations.search import query_vectors, ranking
from recommendations.search.cursor import DEPTH, to_cursor
from recommendations.search.filters import ANYTHING, Filters
from recommendations.search.photo import SeenPhoto
from recommendations.search.request import MAX_RESULTS, POOL, SearchRequest
from recommendations.search.results import CLOSEST, AboveBudget, Match, Results, Source
from recommendations.search.service import search_photo
from recommendations.strips import styles
from recommendations.strips.badges import NOTHING, Badge, Reference, as_photo, as_product

#: How often to look further where many products share a card: each time without the pictures that were found.
ROUNDS = 5
#: From this many products with one picture, it is a placeholder: of the real catalog's 39,571 pictures, 1,192 share a
#: file with another, and never more than three products have one.
PLACEHOLDER = 6


@dataclass(frozen=True)
class Card(Match):
    """A match as shoppers see it.

    Attributes:
        others: products that shoppers take for the same thing; they have no card of their own.
        badges: what is true of this card; on look-alikes only.
    """

    others: tuple[Product, ...] = ()
    badges: tuple[Badge, ...] = ()

    @property
    def colours(self) -> int:
        """How many colours of this product were found, among those whose colour is known."""
        return len({styles.style_of(product).colour for product in (self.product, *self.others)} - {""})


@dataclass(frozen=True)
class Cards(Results):
    matches: Sequence[Card]


def photo_cards(photo: SeenPhoto, request: SearchRequest, like: Product | None = None) -> Cards:
    """`search_photo` for shoppers: one card for each thing, nothing that is sold out. There are fewer than
    `request.limit` only if fewer things exist, or if hundreds of different files show few things. Products that share a
    card do not appear on later pages.

    Args:
        like: the product whose picture takes the place of a photo.

    Raises:
        NoColourPart: as for `search_photo`.
    """
    pool = min(MAX_RESULTS, request.limit * POOL)
    wanted = replace(request, limit=pool, filters=available(request.filters), vectors=True)
    first = found = search_photo(photo, wanted)
    reference = as_product(like, request.filters) if like else as_photo(photo, request.filters)
    deck = Deck(found.model, reference=reference)
    deck.add(found.matches)
    for _ in range(ROUNDS):
        if len(deck) > request.limit or found.next is None:
            break
        found = search_photo(photo, replace(wanted, limit=MAX_RESULTS, filters=deck.further(wanted.filters)))
        deck.add(found.matches)
    found = replace(first, next=found.next, above=first.above and _without_repeats(first.above, first.model, reference))
    chosen = deck.dealt(request.limit)
    shown = request.shown | {product.pk for match in chosen for product in (match.product, *match.others)}
    has_next = (len(deck) > request.limit or found.next is not None) and len(shown) <= DEPTH
    return Cards(**vars(found) | {"matches": chosen, "next": to_cursor(shown) if has_next else None})


def _without_repeats(above: AboveBudget, model: EmbeddingModel | None, reference: Reference) -> AboveBudget:
    deck = Deck(model, reference=reference)
    deck.add(above.alike)
    return replace(above, alike=deck.dealt(CLOSEST))


def available(filters: Filters = ANYTHING) -> Filters:
    """The same filters, restricted to what shoppers can buy unless the shop shows sold-out products."""
    return filters if settings.STRIP_SHOW_SOLD_OUT else replace(filters, in_stock=True)


class Deck:
    """Matches in order of their worth, and the cards that they make.

    Args:
        fixed: the first `fixed` matches each have a card and stay in front.
        reference: what badges compare look-alikes with.
    """

    def __init__(self, model: EmbeddingModel | None, fixed: int = 0, *, reference: Reference = NOTHING) -> None:
        self.model = model
        self._reference = reference
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

    def further(self, filters: Filters) -> Filters:
        """The same filters, without the products and the pictures that are here."""
        files = {match.image.digest for match in self.matches if match.image}
        return replace(filters.without(self.products), without_files=filters.without_files | files)

    def add(self, matches: Sequence[Match], worth: np.ndarray | None = None) -> None:
        """Add matches, best first; `worth` defaults to their scores. Vectors that matches do not carry are read."""
        new = {match.image.pk: match.vector for match in matches if match.image and match.image.pk not in self._vectors}
        if new and self.model is not None:
            known = {pk: vector for pk, vector in new.items() if vector is not None}
            if missing := [pk for pk in new if pk not in known]:
                known |= query_vectors.picture_vectors(missing, self.model)
            self._see(known, self.model)
        self.matches += matches
        self._worth += [match.score or 0.0 for match in matches] if worth is None else worth.tolist()
        self._groups = styles.collapsed(self._looks(), self._fixed)

    def dealt(self, limit: int, variety: float = 0.0) -> list[Card]:
        """The cards to show: the fixed ones, then look-alikes with variety among them, then the others."""
        groups = self._enough(limit)
        before, rest = groups[: self._fixed], groups[self._fixed :]
        visual = [group for group in rest if self.matches[group[0]].source == Source.VISUAL]
        after = [group for group in rest if self.matches[group[0]].source != Source.VISUAL]
        if variety and visual:
            vectors = np.stack([self._vector(group[0]) for group in visual])
            worth = np.array([self._worth[group[0]] for group in visual])
            visual = [visual[place] for place in ranking.diverse(worth, vectors, limit - len(before), variety)]
        return [self._card(group) for group in [*before, *visual, *after][:limit]]

    def _enough(self, limit: int) -> list[list[int]]:
        """The groups. If they are fewer than `limit`, those of a placeholder are opened as far as necessary: its
        products are different things."""
        missing, found = limit - len(self._groups), self._groups[: self._fixed]
        for group in self._groups[self._fixed :]:
            opened = group[1 : 1 + max(missing, 0)] if self._is_placeholder(group) else []
            missing -= len(opened)
            found = [*found, [group[0], *group[1 + len(opened) :]], *([member] for member in opened)]
        return found

    def _is_placeholder(self, group: list[int]) -> bool:
        files = Counter(image.digest for place in group if (image := self.matches[place].image))
        return max(files.values(), default=0) >= PLACEHOLDER

    def _card(self, group: list[int]) -> Card:
        first = self.matches[group[0]]
        others = tuple(self.matches[place].product for place in group[1:])
        badges = self._reference.badges_of(first.product) if first.source == Source.VISUAL else ()
        return Card(**vars(first), others=others, badges=badges)

    def _vector(self, place: int) -> np.ndarray:
        image = self.matches[place].image
        found = self._vectors.get(image.pk) if image else None
        return found if found is not None else np.zeros(self.model.dimension if self.model else 1, np.float32)

    def _see(self, vectors: dict[int, np.ndarray], model: EmbeddingModel) -> None:
        self._vectors |= vectors
        # An untrained network sees almost no difference between pictures, so it cannot tell which show one thing.
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
