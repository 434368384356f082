"""What looks like this product, or like this photo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from threading import BoundedSemaphore
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Count, Min

from catalog.models import Product, ProductImage
from ml.images import to_input
from recommendations import arranging, graphs, queries
from recommendations.filters import ANYTHING, Filters
from recommendations.graphs import ModelUnavailable
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.paging import DEPTH, to_cursor
from recommendations.plans import EFFORT, plan
from recommendations.queries import Query, query_of
from recommendations.querysets import Neighbour, similarity

# How much further a search looks that found too few products.
FURTHER = 4
MAX_RESULTS = 100
# A picture of the largest size takes some 300 MB while it is decoded.
_decoding = BoundedSemaphore(2)
DECODE_PATIENCE = 10.0  # seconds


# Added to the cosine of a look-alike of the product's own category, and of its gender.
OWN_CATEGORY, OWN_GENDER = 0.05, 0.02
# A saving of the whole price weighs as much as this much cosine.
SAVING = 0.3
# What is arranged anew is chosen from this many times the places to fill.
POOL = 4


class Sort(StrEnum):
    """What comes first."""

    LIKENESS = "likeness"
    VALUE = "value"


class Source(StrEnum):
    """Why a product is shown."""

    VISUAL = "visual"
    CATEGORY = "category"


@dataclass(frozen=True)
class Match:
    """A product to show. `image` is the picture that matched; `score` its cosine similarity, None if not visual.

    Where kind and colour are weighted, `score` is the weighted mean of their cosines.
    """

    product: Product
    image: ProductImage | None
    score: float | None
    source: Source

    def to_json(self) -> dict[str, Any]:
        """The shape that commands and API share."""
        return {
            "sku": self.product.sku,
            "slug": self.product.slug,
            "title": self.product.title,
            "price": None if self.product.price is None else str(self.product.price),
            "currency": self.product.currency,
            "score": None if self.score is None else round(self.score, 6),
            "image": self.image.file.url if self.image else None,
            "source": self.source.value,
        }


@dataclass(frozen=True)
class AboveBudget:
    """What there would be without a budget that nothing meets.

    Attributes:
        count: of products that meet all the other filters and cost more.
        lowest: what the cheapest of those costs.
        match: the cheapest of the most alike.
    """

    count: int
    lowest: Decimal
    match: Match

    def to_json(self) -> dict[str, Any]:
        return {"count": self.count, "lowest_price": str(self.lowest), "nearest": self.match.to_json()}


@dataclass(frozen=True)
class Results:
    """Attributes:
    above: set when a budget left nothing over.
    next: cursor of the page after this one; None on the last.
    """

    model: EmbeddingModel | None
    matches: list[Match]
    above: AboveBudget | None = None
    next: str | None = None

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "model": self.model.name if self.model else None,
            "results": [match.to_json() for match in self.matches],
        }
        if self.above:
            found["above_budget"] = self.above.to_json()
        if self.next:
            found["next"] = self.next
        return found


@dataclass(frozen=True)
class Wish:
    """How a search is to be answered, whatever it starts from.

    Attributes:
        limit: products, 1 to `MAX_RESULTS`.
        shown: products of the pages before, see `recommendations.paging`.
        colour: weight of the colour against the kind, 0 to 1; None as vectors are stored, which is one half.
        metric: None for the model's own.
        sort: `VALUE` puts cheaper look-alikes first: cheaper than the product that asks, or, for a photo, than what
            looks alike costs in the middle.
        own_kind: whether a product's look-alikes from its own category, and for the same gender, go a little before
            others.
    """

    limit: int
    filters: Filters = ANYTHING
    shown: frozenset[int] = frozenset()
    colour: float | None = None
    metric: str | None = None
    sort: Sort = Sort.LIKENESS
    own_kind: bool = False

    @property
    def is_arranged(self) -> bool:
        """Whether the order is another than that of likeness."""
        return self.own_kind or self.sort == Sort.VALUE


def similar_products(product: Product, wish: Wish, *, fill: bool = False) -> Results:
    """Products that look most like `product`, never itself, one hit a product, best first: `wish.limit` of them
    whenever so many exist.

    The stored vector of its first embedded picture is the query: nothing is computed. With `fill`, places that
    no look-alike takes go to products of the same category.

    Raises:
        NoColourPart: a weight for the colour, of which the model knows nothing.
    """
    model = EmbeddingModel.objects.active()
    found = Results(model, [])
    if model is not None:
        query = _query_of_product(product, model, wish)
        if query is not None:
            found = _answer(query, model, wish, own=frozenset({product.pk}), asking=product)
    if fill and len(found.matches) < wish.limit:
        others = _same_category(product, wish.limit - len(found.matches), found.matches, wish.filters)
        found = Results(model, found.matches + others, found.above)
    return found


def similar_to_taste(liked: Sequence[Product], disliked: Sequence[Product], wish: Wish) -> Results:
    """Products between those that are liked and away from those that are not; none of either.

    Raises:
        NoColourPart: as for `similar_products`.
    """
    model = EmbeddingModel.objects.active()
    if model is None:
        return Results(None, [])
    vectors = queries.vectors_of([product.pk for product in (*liked, *disliked)], model)
    wanted = [vectors[product.pk] for product in liked if product.pk in vectors]
    if not wanted:
        return Results(model, [])
    unwanted = [vectors[product.pk] for product in disliked if product.pk in vectors]
    vector = queries.rocchio(wanted, unwanted, model.spec)
    own = frozenset(product.pk for product in (*liked, *disliked))
    return _answer(_as_wished(vector, model, wish), model, wish, own=own)


def in_another_colour(product: Product, colour: str, wish: Wish) -> Results:
    """The same kind of thing in `colour`, a colour that products of the shop are labelled with.

    Raises:
        NoColourPart: the model knows nothing of colours.
    """
    model = EmbeddingModel.objects.active()
    if model is None:
        return Results(None, [])
    swatch = queries.swatch_of(colour, model)
    vector = queries.vectors_of([product.pk], model).get(product.pk)
    if swatch is None or vector is None:
        return Results(model, [])
    vector = queries.recoloured(vector, model.spec, swatch)
    return _answer(_as_wished(vector, model, wish), model, wish, own=frozenset({product.pk}))


def search_photo(data: bytes, wish: Wish) -> Results:
    """Products that look most like the photo. The photo is neither stored nor logged.

    Raises:
        ImageRejected: not a picture we take.
        ModelUnavailable: there is no network to embed it with.
        NoColourPart: as for `similar_products`.
    """
    model = EmbeddingModel.objects.active()
    if model is None:
        raise ModelUnavailable("Photo search is being prepared: there is no embedding model yet.")
    if not _decoding.acquire(timeout=DECODE_PATIENCE):
        raise ModelUnavailable("Too many photos are being looked at just now. Please try again in a moment.")
    try:
        picture = to_input(data, model.spec, max_bytes=settings.IMAGE_MAX_BYTES, max_pixels=settings.IMAGE_MAX_PIXELS)
    finally:
        _decoding.release()
    vector = graphs.embedder(model).embed([picture])[0]
    return _answer(_as_wished(vector, model, wish), model, wish)


def _query_of_product(product: Product, model: EmbeddingModel, wish: Wish) -> Query | None:
    if wish.colour is None:
        return Query(product.pk)
    vector = queries.vectors_of([product.pk], model).get(product.pk)
    return None if vector is None else _as_wished(vector, model, wish)


def _as_wished(vector: np.ndarray, model: EmbeddingModel, wish: Wish) -> Query:
    return query_of(vector if wish.colour is None else queries.weighted(vector, model.spec, wish.colour))


def _answer(
    query: Query,
    model: EmbeddingModel,
    wish: Wish,
    *,
    own: frozenset[int] = frozenset(),
    asking: Product | None = None,
) -> Results:
    """A page, and whether there is another."""
    filters = wish.filters.without(own | wish.shown)
    # One more than asked for says whether there is a next page.
    pool = wish.limit * POOL if wish.is_arranged else wish.limit
    matches = _nearest_products(query, model, filters, pool + 1, wish.metric)
    if wish.is_arranged and matches:
        matches = _arranged(matches, wish, asking)
    above = None
    if not matches and not wish.shown and wish.filters.price_max is not None:
        above = _above_budget(query, model, wish, own)
    page, rest = matches[: wish.limit], matches[wish.limit :]
    shown = wish.shown | {match.product.pk for match in page}
    return Results(model, page, above, to_cursor(shown) if rest and len(shown) <= DEPTH else None)


def _arranged(matches: list[Match], wish: Wish, asking: Product | None) -> list[Match]:
    scores = np.array([match.score for match in matches], float)
    if wish.own_kind and asking is not None:
        gender = asking.attributes.get("gender")
        bonuses = [
            (np.array([match.product.category_id == asking.category_id for match in matches]), OWN_CATEGORY),
            (np.array([match.product.attributes.get("gender") == gender for match in matches]), OWN_GENDER),
        ]
        scores += sum(bonus * holds for holds, bonus in bonuses)
    if wish.sort == Sort.VALUE:
        prices = np.array([np.nan if m.product.price is None else float(m.product.price) for m in matches])
        own_price = asking.price if asking else None
        reference = float(own_price) if own_price is not None else float(np.nanmedian(np.append(prices, 0.0)))
        return [matches[place] for place in arranging.by_value(scores, prices, reference, SAVING)]
    return [matches[place] for place in np.argsort(-scores, kind="stable")]


def _above_budget(query: Query, model: EmbeddingModel, wish: Wish, own: frozenset[int]) -> AboveBudget | None:
    dearer = wish.filters.without(own).above_budget()
    alike = _nearest_products(query, model, dearer, MAX_RESULTS, wish.metric)
    if not alike:
        return None
    found = Product.objects.published().filter(dearer.conditions()).exclude(pk__in=own)
    counted = found.filter(images__embeddings__in=ImageEmbedding.objects.servable(model))
    totals = counted.order_by().aggregate(count=Count("pk", distinct=True), lowest=Min("price"))
    return AboveBudget(totals["count"], totals["lowest"], min(alike, key=lambda match: match.product.price or 0))


def _nearest_products(
    query: Query, model: EmbeddingModel, filters: Filters, limit: int, metric: str | None
) -> list[Match]:
    metric = metric or model.metric
    chosen = plan(filters, limit)
    exact, fetch = chosen.exact or metric != model.metric, chosen.fetch
    effort = chosen.effort if chosen.effort > EFFORT else None
    products = Product.objects.published().filter(filters.conditions()).defer("search").order_by()
    if filters.excluded:
        products = products.exclude(pk__in=sorted(filters.excluded))
    while True:
        found = ImageEmbedding.objects.neighbours(
            query.vector, model, products, fetch, metric=metric, exact=exact, effort=None if exact else effort
        )
        best = _one_per_product(found)
        if len(best) >= limit or (exact and len(found) < fetch):
            break
        if len(found) < fetch:
            exact = True  # the index scan gave up before it had enough
        else:
            fetch *= FURTHER
    return [
        Match(product, image, similarity(distance, metric, query.length), Source.VISUAL)
        for product, image, distance in best[:limit]
        if distance is not None  # the product that asks has no vector
    ]


def _one_per_product(found: Iterable[Neighbour]) -> list[Neighbour]:
    """Each product's nearest picture; `found` is nearest first."""
    best: dict[int, Neighbour] = {}
    for neighbour in found:
        best.setdefault(neighbour.product.pk, neighbour)
    return list(best.values())


def _same_category(product: Product, count: int, shown: list[Match], filters: Filters) -> list[Match]:
    others = Product.objects.published().filter(filters.conditions(), category_id=product.category_id)
    excluded = {product.pk, *filters.excluded, *(match.product.pk for match in shown)}
    others = others.exclude(pk__in=excluded).for_cards()
    return [Match(other, other.main_image, None, Source.CATEGORY) for other in others[:count]]
