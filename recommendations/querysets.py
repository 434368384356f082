"""Nearest-neighbour queries. The only module that names a distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from django.db import models
from django.db.models import BooleanField, ExpressionWrapper, F, Min, Q, Value
from django.db.models.functions import Cast, Coalesce
from pgvector import HalfVector
from pgvector.django import CosineDistance, HalfVectorField, L2Distance

if TYPE_CHECKING:
    from recommendations.models import EmbeddingModel, ImageEmbedding  # noqa: F401  (the base class below)

OPERATORS = {"cosine": "<=>", "euclidean": "<->"}
DISTANCES: dict[str, Any] = {"cosine": CosineDistance, "euclidean": L2Distance}
OPERATOR_CLASSES = {"cosine": "halfvec_cosine_ops", "euclidean": "halfvec_l2_ops"}


class ImageEmbeddingQuerySet(models.QuerySet["ImageEmbedding"]):
    def current(self, model: EmbeddingModel) -> Self:
        """Rows of `model` that still describe the picture on disk.

        A bare equality of the digests would make the planner expect one row (it takes the two join conditions
        for independent) and sort the whole table; it cannot estimate a COALESCE, and so uses the vector index.
        """
        same_file = ExpressionWrapper(Q(digest=F("image__digest")), output_field=BooleanField())
        return self.filter(Coalesce(same_file, False), model=model, state="ready")

    def servable(self, model: EmbeddingModel) -> Self:
        """Those of them whose product is on show."""
        return self.current(model).filter(image__product__published=True)

    def nearest(
        self,
        vector: np.ndarray,
        model: EmbeddingModel,
        *,
        metric: str | None = None,
        exact: bool = False,
    ) -> Self:
        """Order by distance to `vector`, shape (model.dimension,), any length but 0; nearest first.

        Annotates `distance`; `similarity` makes a score of it. The cast repeats the expression of the model's
        partial HNSW index, or Postgres would not use it; `exact` orders by another expression, so that it cannot.
        """
        distance = DISTANCES[metric or model.metric](_column(model), HalfVector(vector.astype(np.float16)))
        nearest = self.servable(model).annotate(distance=distance)
        return nearest.order_by(F("distance") + Value(0.0) if exact else "distance")

    def nearest_products(self, vector: np.ndarray, model: EmbeddingModel) -> models.QuerySet[Any, Any]:
        """(product id, distance of its nearest picture), nearest first: compares with every row, whatever there is
        by way of an index. What searches are measured against; filter first."""
        rows = self.nearest(vector, model, exact=True).order_by()
        grouped = rows.values("image__product_id").annotate(best=Min("distance"))
        return grouped.order_by("best", "image__product_id").values_list("image__product_id", "best")


def _column(model: EmbeddingModel) -> Cast:
    return Cast("vector", HalfVectorField(dimensions=model.dimension))


def similarity(distance: float, metric: str, length: float = 1.0) -> float:
    """The product of a query vector of this length with a stored unit vector at this distance: their cosine, or the
    weighted mean of their parts' cosines. -1 to 1: vectors are stored as half floats, whose length is not quite 1, and
    the product of two alike came to 1.000016."""
    product = length * (1.0 - distance) if metric == "cosine" else (length**2 + 1.0 - distance**2) / 2.0
    return max(-1.0, min(1.0, product))
