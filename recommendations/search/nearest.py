"""The most similar products for a query vector, each with its score and its match."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from catalog.models import Product
from recommendations.embeddings.neighbours import Neighbour, nearest_pictures
from recommendations.models import EmbeddingModel
from recommendations.querysets import similarity
from recommendations.search.calibration import Calibration, calibration_of
from recommendations.search.filters import Filters
from recommendations.search.plans import EFFORT, plan
from recommendations.search.query_vectors import Query
from recommendations.search.results import Match, Source

#: How much further to look when a search found too few products.
FURTHER = 4


def nearest_products(
    query: Query,
    model: EmbeddingModel,
    filters: Filters,
    limit: int,
    *,
    metric: str | None = None,
    vectors: bool = False,
) -> list[Match]:
    """The `limit` most similar published products that meet the filters, or all of them if there are fewer; one match
    for each product, by its nearest picture, best first.

    Args:
        metric: the model's own unless given.
        vectors: whether matches carry their vectors.
    """
    metric = metric or model.metric
    chosen = plan(filters, limit)
    exact, fetch = chosen.exact or metric != model.metric, chosen.fetch
    effort = chosen.effort if chosen.effort > EFFORT else None
    products = Product.objects.published().filter(filters.conditions()).order_by()
    if filters.excluded:
        products = products.exclude(pk__in=sorted(filters.excluded))
    while True:
        found = nearest_pictures(
            query.vector,
            model,
            products,
            fetch,
            metric=metric,
            exact=exact,
            effort=None if exact else effort,
            vectors=vectors or query.even is not None,
            without_files=filters.without_files,
        )
        best = _one_per_product(found)
        if len(best) >= limit or (exact and len(found) < fetch):
            break
        if len(found) < fetch:
            exact = True  # the index scan ended before it had enough
        else:
            fetch *= FURTHER
    meaning = calibration_of(model)
    return [
        _match(neighbour, similarity(neighbour.distance, metric, query.length), query, meaning, vectors=vectors)
        for neighbour in best[:limit]
        if neighbour.distance is not None  # the query product has no vector
    ]


def _one_per_product(found: Iterable[Neighbour]) -> list[Neighbour]:
    """Each product's nearest picture; `found` is nearest first."""
    best: dict[int, Neighbour] = {}
    for neighbour in found:
        best.setdefault(neighbour.product.pk, neighbour)
    return list(best.values())


def _match(found: Neighbour, score: float, query: Query, meaning: Calibration | None, *, vectors: bool) -> Match:
    match = None if meaning is None else meaning.match(_even_cosine(found, query, score))
    return Match(found.product, found.image, score, Source.VISUAL, match, vector=found.vector if vectors else None)


def _even_cosine(found: Neighbour, query: Query, score: float) -> float:
    """The cosine that a match is made of: shape and colour weighted equally, as calibrations are."""
    if query.even is None or found.vector is None:
        return score
    lengths = float(np.linalg.norm(query.even) * np.linalg.norm(found.vector))
    return float(np.clip(query.even @ found.vector / max(lengths, 1e-6), -1.0, 1.0))
