"""Searching by product, by taste and by photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
from django.db.models import Exists, OuterRef

from catalog import refusals
from catalog.models import Product
from catalog.pages import count_of
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.search import query_vectors, ranking
from recommendations.search.calibration import NEIGHBOURS
from recommendations.search.cursor import DEPTH, to_cursor
from recommendations.search.nearest import nearest_products
from recommendations.search.photo import SeenPhoto, embed_photo
from recommendations.search.query_vectors import Query, query_of
from recommendations.search.recognition import Recognition, recognised, types_of
from recommendations.search.request import MAX_RESULTS, POOL, SearchRequest, Sort
from recommendations.search.results import CLOSEST, AboveBudget, Match, Results

# A saving of the whole price weighs as much as this much cosine.
SAVING = 0.3


def find_similar(product: Product, request: SearchRequest, *, model: EmbeddingModel | None = None) -> Results:
    """Products that look most like `product`, or like it in `request.in_colour`: one match for each product, best
    first, never the product itself. There are fewer than `request.limit` only if fewer exist.

    Nothing is embedded: the query is the stored vector of the product's first embedded picture, moved by those of the
    examples in `request.more` and `request.less`, if any. A colour is known if
    published products are labelled with it; for any other colour nothing is found.

    Args:
        model: searches with this one instead of the active one.

    Raises:
        NoColourPart: the request weights or replaces the colour, and the model has no part for it.
    """
    model = model or EmbeddingModel.objects.active()
    query = None if model is None else _query_of_product(product, model, request)
    if model is None or query is None:
        return Results(model, [])
    own = frozenset({product.pk, *request.more, *request.less})
    return _answer(query, model, request, own=own, reference=product)


def similar_to_taste(
    liked: Sequence[Product],
    disliked: Sequence[Product],
    request: SearchRequest,
    *,
    model: EmbeddingModel | None = None,
) -> Results:
    """Products similar to those that are liked and unlike those that are not; none of either.

    Args:
        model: as for `find_similar`.

    Raises:
        NoColourPart: as for `find_similar`.
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
    return _answer(_weighted(vector, model, request), model, request, own=own)


def search_photo(photo: bytes | SeenPhoto, request: SearchRequest, *, door: str = refusals.SEARCH) -> Results:
    """Products that look most like the photo and, on the first page, what the photo seems to show.

    Args:
        photo: a file, or a photo that was embedded before.
        door: where a file was sent, for the log.

    Raises:
        ImageRejected, ModelUnavailable, DecoderUnavailable: for a file, as `embed_photo`.
        NoColourPart: the request weights the colour, and the model has no part for it.
    """
    if not isinstance(photo, SeenPhoto):
        photo = embed_photo(photo, door=door, with_types=not request.shown)
    query = _weighted(photo.vector, photo.model, request)
    if request.shown:
        return _answer(query, photo.model, request)
    found = _answer(query, photo.model, replace(request, vectors=True))
    return replace(found, types=photo.types, recognition=_recognised(photo, found.matches))


def _recognised(photo: SeenPhoto, matches: Sequence[Match]) -> Recognition | None:
    """The photo among the most similar products, as the model's calibration saw the catalog's own pictures."""
    best = sorted(matches, key=lambda match: match.score or 0, reverse=True)[:NEIGHBOURS]
    neighbours = [match.vector for match in best if match.vector is not None]
    types = types_of(photo.model) if neighbours else None
    return recognised(types, photo.vector, np.stack(neighbours)) if types else None


def _query_of_product(product: Product, model: EmbeddingModel, request: SearchRequest) -> Query | None:
    examples = (*request.more, *request.less)
    if request.in_colour is None and request.colour_weight is None and not examples:
        return Query(product.pk)
    swatch = None if request.in_colour is None else query_vectors.swatch_of(request.in_colour, model)
    vectors = query_vectors.vectors_of([product.pk, *examples], model)
    vector = vectors.get(product.pk)
    if vector is None or (request.in_colour is not None and swatch is None):
        return None
    if examples:
        more, less = ([vectors[pk] for pk in pks if pk in vectors] for pks in (request.more, request.less))
        vector = query_vectors.rocchio(more, less, model.spec, vector)
    if swatch is not None:
        vector = query_vectors.recoloured(vector, model.spec, swatch)
    return _weighted(vector, model, request)


def _weighted(vector: np.ndarray, model: EmbeddingModel, request: SearchRequest) -> Query:
    if request.colour_weight is None:
        return query_of(vector)
    return replace(query_of(query_vectors.weighted(vector, model.spec, request.colour_weight)), even=vector)


def _answer(
    query: Query,
    model: EmbeddingModel,
    request: SearchRequest,
    *,
    own: frozenset[int] = frozenset(),
    reference: Product | None = None,
) -> Results:
    """One page, and a cursor if another follows.

    Args:
        own: products that the query is made of; they are left out.
        reference: the product from whose price `Sort.VALUE` counts savings.
    """
    filters = request.filters.without(own | request.shown)
    pool = request.limit * POOL if request.sort == Sort.VALUE else request.limit
    # One more than requested shows whether there is a next page.
    matches = nearest_products(query, model, filters, pool + 1, metric=request.metric, vectors=request.vectors)
    if request.sort == Sort.VALUE and matches:
        matches = _by_value(matches, reference)
    above = None
    if not matches and not request.shown and request.filters.price_max is not None:
        above = _above_budget(query, model, request, own)
    page, rest = matches[: request.limit], matches[request.limit :]
    shown = request.shown | {match.product.pk for match in page}
    return Results(model, page, above, to_cursor(shown) if rest and len(shown) <= DEPTH else None)


def _by_value(matches: list[Match], reference: Product | None) -> list[Match]:
    scores = np.array([match.score for match in matches], float)
    prices = np.array([np.nan if m.product.price is None else float(m.product.price) for m in matches])
    priced = prices[~np.isnan(prices)]
    price = float(np.median(priced)) if len(priced) else 0.0
    if reference is not None and reference.price is not None:
        price = float(reference.price)
    return [matches[place] for place in ranking.by_value(scores, prices, price, SAVING)]


def _above_budget(
    query: Query, model: EmbeddingModel, request: SearchRequest, own: frozenset[int]
) -> AboveBudget | None:
    dearer = request.filters.without(own).above_budget()
    alike = nearest_products(query, model, dearer, MAX_RESULTS, metric=request.metric)
    if not alike:
        return None
    found = Product.objects.published().filter(dearer.conditions()).exclude(pk__in=own)
    with_vector = ImageEmbedding.objects.current(model).filter(image__product=OuterRef("pk"))
    counted = found.filter(Exists(with_vector))
    cheapest = counted.order_by("price").values_list("price", flat=True).first()
    nearest = min(alike, key=lambda match: match.product.price or 0)
    lowest = cheapest if cheapest is not None else nearest.product.price
    return AboveBudget(count_of(counted), lowest or Decimal(0), nearest, alike[: CLOSEST * POOL])
