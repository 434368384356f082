"""What looks like this product, or like this photo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef

from catalog import refusals
from catalog.models import Product, ProductImage
from catalog.pages import Count, count_of
from recommendations.embeddings.neighbours import Neighbour, nearest_pictures
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.querysets import similarity
from recommendations.search import query_vectors, ranking
from recommendations.search.calibration import calibration_of
from recommendations.search.cursor import DEPTH, to_cursor
from recommendations.search.filters import ANYTHING, Filters
from recommendations.search.photo import SeenPhoto, look_at
from recommendations.search.photo_types import PhotoType, photo_types_of
from recommendations.search.plans import EFFORT, plan
from recommendations.search.query_vectors import Query, query_of

# How much further a search looks that found too few products.
FURTHER = 4
MAX_RESULTS = 100

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

    PINNED = "pinned"
    VISUAL = "visual"
    CATEGORY = "category"
    PARENT = "parent"
    NEWEST = "newest"


@dataclass(frozen=True)
class Match:
    """A product to show. `image` is the picture that matched; `score` its cosine similarity, None if not visual.

    Where kind and colour are weighted, `score` is the weighted mean of their cosines; `match`, 0 to 100, and `word`
    always speak of both evenly, see `recommendations.search.calibration`.
    """

    product: Product
    image: ProductImage | None
    score: float | None
    source: Source
    match: int | None = None
    word: str = ""

    def to_json(self) -> dict[str, Any]:
        """The shape that commands and API share."""
        return {
            "sku": self.product.sku,
            "slug": self.product.slug,
            "title": self.product.title,
            "price": None if self.product.price is None else str(self.product.price),
            "currency": self.product.currency,
            "score": None if self.score is None else round(self.score, 6),
            "match": self.match,
            "image": self.image.file.url if self.image else None,
            "source": self.source.value,
        }


@dataclass(frozen=True)
class AboveBudget:
    """What there would be without a budget that nothing meets.

    Attributes:
        count: of products that meet all the other filters and cost more; exact up to 1,000.
        lowest: what the cheapest of those costs.
        match: the cheapest of the most alike.
    """

    count: Count
    lowest: Decimal
    match: Match

    def to_json(self) -> dict[str, Any]:
        return {
            "count": int(self.count),
            "count_is_exact": not self.count.more,
            "lowest_price": str(self.lowest),
            "nearest": self.match.to_json(),
        }


@dataclass(frozen=True)
class Results:
    """Attributes:
    above: set when a budget left nothing over.
    next: cursor of the page after this one; None on the last.
    kinds: of a photo, what it seems to show.
    """

    model: EmbeddingModel | None
    matches: Sequence[Match]
    above: AboveBudget | None = None
    next: str | None = None
    kinds: list[PhotoType] = field(default_factory=list)

    @property
    def nothing_similar(self) -> bool:
        """Whether even the most alike is below what this model takes for similar."""
        meaning, known = calibration_of(self.model), [m.match for m in self.matches if m.match is not None]
        return meaning is not None and bool(known) and max(known) < meaning.floor

    def to_json(self) -> dict[str, Any]:
        meaning = calibration_of(self.model)
        found: dict[str, Any] = {
            "model": self.model.name if self.model else None,
            "match_kind": meaning.basis.value if meaning else None,
            "results": [match.to_json() for match in self.matches],
        }
        if self.above:
            found["above_budget"] = self.above.to_json()
        if self.next:
            found["next"] = self.next
        if self.kinds:
            found["kinds"] = [kind.to_json() for kind in self.kinds]
        return found


@dataclass(frozen=True)
class SearchRequest:
    """How a search is to be answered, whatever it starts from.

    Attributes:
        limit: products, 1 to `MAX_RESULTS`.
        shown: products of the pages before, see `recommendations.search.cursor`.
        colour: weight of the colour against the kind, 0 to 1; None as vectors are stored, which is one half.
        metric: None for the model's own.
        sort: `VALUE` puts cheaper look-alikes first: cheaper than the product that asks, or, for a photo, than what
            looks alike costs in the middle.
    """

    limit: int
    filters: Filters = ANYTHING
    shown: frozenset[int] = frozenset()
    colour: float | None = None
    metric: str | None = None
    sort: Sort = Sort.LIKENESS


def similar_products(product: Product, request: SearchRequest, *, model: EmbeddingModel | None = None) -> Results:
    """Products that look most like `product`, never itself, one hit a product, best first: `request.limit` of them
    whenever so many exist.

    The stored vector of its first embedded picture is the query: nothing is computed. `model` answers in place of
    the active one.

    Raises:
        NoColourPart: a weight for the colour, of which the model knows nothing.
    """
    model = model or EmbeddingModel.objects.active()
    query = None if model is None else _query_of_product(product, model, request)
    if model is None or query is None:
        return Results(model, [])
    return _answer(query, model, request, own=frozenset({product.pk}), asking=product)


def similar_to_taste(
    liked: Sequence[Product],
    disliked: Sequence[Product],
    request: SearchRequest,
    *,
    model: EmbeddingModel | None = None,
) -> Results:
    """Products between those that are liked and away from those that are not; none of either.

    `model`: as for `similar_products`.

    Raises:
        NoColourPart: as for `similar_products`.
    """
    model = model or EmbeddingModel.objects.active()
    if model is None:
        return Results(None, [])
    vectors = query_vectors.vectors_of([product.pk for product in (*liked, *disliked)], model)
    wanted = [vectors[product.pk] for product in liked if product.pk in vectors]
    if not wanted:
        return Results(model, [])
    unwanted = [vectors[product.pk] for product in disliked if product.pk in vectors]
    vector = query_vectors.rocchio(wanted, unwanted, model.spec)
    own = frozenset(product.pk for product in (*liked, *disliked))
    return _answer(_weighted_as(vector, model, request), model, request, own=own)


def in_another_colour(
    product: Product, colour: str, request: SearchRequest, *, model: EmbeddingModel | None = None
) -> Results:
    """The same kind of thing in `colour`, a colour that products of the shop are labelled with; nothing where none is.

    Raises:
        NoColourPart: the model knows nothing of colours.
    """
    model = model or EmbeddingModel.objects.active()
    if model is None:
        return Results(None, [])
    swatch = query_vectors.swatch_of(colour, model)
    vector = query_vectors.vectors_of([product.pk], model).get(product.pk)
    if swatch is None or vector is None:
        return Results(model, [])
    vector = query_vectors.recoloured(vector, model.spec, swatch)
    return _answer(_weighted_as(vector, model, request), model, request, own=frozenset({product.pk}), asking=product)


def search_photo(data: bytes, request: SearchRequest, *, door: str = refusals.SEARCH) -> Results:
    """Products that look most like the photo, and on the first page what it seems to show; see `look_at`.

    Raises:
        ImageRejected: not a picture we take.
        ModelUnavailable: there is no network to embed it with.
        DecoderUnavailable: there is nothing to decode it with just now.
        NoColourPart: as for `similar_products`.
    """
    photo = look_at(data, door=door)
    found = search_seen(photo, request)
    return found if request.shown else replace(found, kinds=photo_types_of(photo.vector, photo.model))


def search_seen(photo: SeenPhoto, request: SearchRequest) -> Results:
    """The same for a photo that was looked at before.

    Raises:
        NoColourPart: as for `similar_products`.
    """
    return _answer(_weighted_as(photo.vector, photo.model, request), photo.model, request)


def _query_of_product(product: Product, model: EmbeddingModel, request: SearchRequest) -> Query | None:
    if request.colour is None:
        return Query(product.pk)
    vector = query_vectors.vectors_of([product.pk], model).get(product.pk)
    return None if vector is None else _weighted_as(vector, model, request)


def _weighted_as(vector: np.ndarray, model: EmbeddingModel, request: SearchRequest) -> Query:
    if request.colour is None:
        return query_of(vector)
    return replace(query_of(query_vectors.weighted(vector, model.spec, request.colour)), even=vector)


def _answer(
    query: Query,
    model: EmbeddingModel,
    request: SearchRequest,
    *,
    own: frozenset[int] = frozenset(),
    asking: Product | None = None,
) -> Results:
    """A page, and whether there is another."""
    filters = request.filters.without(own | request.shown)
    # One more than asked for says whether there is a next page.
    pool = request.limit * POOL if request.sort == Sort.VALUE else request.limit
    matches = _nearest_products(query, model, filters, pool + 1, request.metric)
    if request.sort == Sort.VALUE and matches:
        matches = _by_value(matches, asking)
    above = None
    if not matches and not request.shown and request.filters.price_max is not None:
        above = _above_budget(query, model, request, own)
    page, rest = rated(matches[: request.limit], query, model), matches[request.limit :]
    shown = request.shown | {match.product.pk for match in page}
    return Results(model, page, above, to_cursor(shown) if rest and len(shown) <= DEPTH else None)


def _by_value(matches: list[Match], asking: Product | None) -> list[Match]:
    scores = np.array([match.score for match in matches], float)
    prices = np.array([np.nan if m.product.price is None else float(m.product.price) for m in matches])
    priced = prices[~np.isnan(prices)]
    reference = float(np.median(priced)) if len(priced) else 0.0
    if asking is not None and asking.price is not None:
        reference = float(asking.price)
    return [matches[place] for place in ranking.by_value(scores, prices, reference, SAVING)]


def rated(matches: list[Match], query: Query, model: EmbeddingModel) -> list[Match]:
    """The same with `match` and `word`, where the model's cosines have a meaning yet."""
    meaning = calibration_of(model)
    if meaning is None:
        return matches
    cosines = {match.image.pk: match.score for match in matches if match.image and match.score is not None}
    if query.even is not None:
        rows = ImageEmbedding.objects.nearest(query.even, model, exact=True).filter(image_id__in=list(cosines))
        distances = rows.values_list("image_id", "distance")  # type: ignore[misc]
        cosines = {image: similarity(distance, model.metric) for image, distance in distances}
    known = {image: meaning.match(score) for image, score in cosines.items() if score is not None}
    return [
        replace(match, match=known[match.image.pk], word=meaning.word(known[match.image.pk]))
        if match.image and match.image.pk in known
        else match
        for match in matches
    ]


def _above_budget(
    query: Query, model: EmbeddingModel, request: SearchRequest, own: frozenset[int]
) -> AboveBudget | None:
    dearer = request.filters.without(own).above_budget()
    alike = _nearest_products(query, model, dearer, MAX_RESULTS, request.metric)
    if not alike:
        return None
    found = Product.objects.published().filter(dearer.conditions()).exclude(pk__in=own)
    with_vector = ImageEmbedding.objects.current(model).filter(image__product=OuterRef("pk"))
    counted = found.filter(Exists(with_vector))
    cheapest = counted.order_by("price").values_list("price", flat=True).first()
    nearest = min(alike, key=lambda match: match.product.price or 0)
    lowest = cheapest if cheapest is not None else nearest.product.price
    return AboveBudget(count_of(counted), lowest or Decimal(0), rated([nearest], query, model)[0])


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
        found = nearest_pictures(
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
        for product, image, distance, _ in best[:limit]
        if distance is not None  # the product that asks has no vector
    ]


def _one_per_product(found: Iterable[Neighbour]) -> list[Neighbour]:
    """Each product's nearest picture; `found` is nearest first."""
    best: dict[int, Neighbour] = {}
    for neighbour in found:
        best.setdefault(neighbour.product.pk, neighbour)
    return list(best.values())
