"""What looks like this product, or like this photo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from threading import BoundedSemaphore
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Subquery

from catalog.models import Product, ProductImage
from ml.images import to_input
from recommendations import graphs
from recommendations.graphs import ModelUnavailable
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.querysets import cosine_similarity

# Below this many candidate products an exact scan is both faster than an index scan that has to filter most of
# what it finds, and complete.
NARROW = 2000
# Rows asked for a product wanted: several pictures a product are common.
FETCH = 4
MAX_RESULTS = 100
# A picture of the largest size takes some 300 MB while it is decoded.
_decoding = BoundedSemaphore(2)
DECODE_PATIENCE = 10.0  # seconds


class Source(StrEnum):
    """Why a product is shown."""

    VISUAL = "visual"
    CATEGORY = "category"


@dataclass(frozen=True)
class Match:
    """A product to show. `image` is the picture that matched; `score` its cosine similarity, None if not visual."""

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
class Results:
    model: EmbeddingModel | None
    matches: list[Match]
    #: the cheapest thing above the budget among the look-alikes, when nothing is within it
    nearest_above: Match | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model.name if self.model else None,
            "results": [match.to_json() for match in self.matches],
        }


def similar_products(product: Product, *, limit: int, price_max: Decimal | None = None, fill: bool = False) -> Results:
    """The `limit` products that look most like `product`, never itself, one hit a product, best first.

    The stored vector of its first embedded picture is the query: nothing is computed. With `fill`, places that
    no look-alike takes go to products of the same category.
    """
    model = EmbeddingModel.objects.active()
    matches: list[Match] = []
    if model is not None:
        own = (
            ImageEmbedding.objects.current(model)
            .filter(image__product=product)
            .order_by("image__position", "image_id")
            .values_list("pk", flat=True)
            .first()
        )
        if own is not None:
            vector = ImageEmbedding.objects.vector_of(own, model)
            matches = _nearest_products(vector, model, limit=limit, price_max=price_max, exclude=product)
    if fill and len(matches) < limit:
        matches += _same_category(product, limit - len(matches), matches, price_max)
    return Results(model, matches)


def search_photo(data: bytes, *, limit: int, price_max: Decimal | None = None, metric: str | None = None) -> Results:
    """The `limit` products that look most like the photo. The photo is neither stored nor logged.

    Raises:
        ImageRejected: not a picture we take.
        ModelUnavailable: there is no network to embed it with.
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
    matches = _nearest_products(vector, model, limit=limit, price_max=price_max, metric=metric)
    above = None
    if price_max is not None and not matches:
        alike = _nearest_products(vector, model, limit=MAX_RESULTS, metric=metric)
        priced = [match for match in alike if match.product.price is not None]
        above = min(priced, key=lambda match: match.product.price or 0, default=None)
    return Results(model, matches, above)


def _nearest_products(
    vector: np.ndarray | Subquery,
    model: EmbeddingModel,
    *,
    limit: int,
    price_max: Decimal | None = None,
    exclude: Product | None = None,
    metric: str | None = None,
) -> list[Match]:
    metric = metric or model.metric
    exact = metric != model.metric or _is_narrow(price_max)
    fetch = limit * FETCH
    while True:
        rows = ImageEmbedding.objects.nearest(vector, model, metric=metric, exact=exact)
        if price_max is not None:
            rows = rows.filter(image__product__price__lte=price_max)
        if exclude is not None:
            rows = rows.exclude(image__product_id=exclude.pk)
        found = list(rows.values_list("image__product_id", "image_id", "distance")[:fetch])  # type: ignore[misc]
        best = _one_per_product(found)
        if len(best) >= limit or (exact and len(found) < fetch):
            break
        if len(found) < fetch:
            exact = True  # the index scan gave up before it had enough
        else:
            fetch *= FETCH
    matches = _matches(best[:limit], metric)
    if len(matches) < min(limit, len(best)):  # some were deleted between the two queries
        matches = _matches(best, metric)[:limit]
    return matches


def _one_per_product(found: Iterable[tuple[int, int, float]]) -> list[tuple[int, float]]:
    """(image, distance) of each product's nearest picture; `found` is (product, image, distance), nearest first."""
    best: dict[int, tuple[int, float]] = {}
    for product_id, image_id, distance in found:
        best.setdefault(product_id, (image_id, distance))
    return list(best.values())


def _matches(best: list[tuple[int, float]], metric: str) -> list[Match]:
    images = ProductImage.objects.select_related("product").defer("product__search")
    by_id = images.in_bulk([image_id for image_id, _ in best])
    return [
        Match(by_id[image_id].product, by_id[image_id], cosine_similarity(distance, metric), Source.VISUAL)
        for image_id, distance in best
        if image_id in by_id
    ]


def _is_narrow(price_max: Decimal | None) -> bool:
    if price_max is None:
        return False
    within = Product.objects.published().within_budget(price_max)
    return within[:NARROW].count() < NARROW


def _same_category(product: Product, count: int, shown: list[Match], price_max: Decimal | None) -> list[Match]:
    others = Product.objects.published().filter(category_id=product.category_id)
    others = others.exclude(pk__in=[product.pk, *(match.product.pk for match in shown)])
    if price_max is not None:
        others = others.within_budget(price_max)
    return [Match(other, other.main_image, None, Source.CATEGORY) for other in others.for_cards()[:count]]
