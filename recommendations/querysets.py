"""Which stored vectors are current, and which are nearest. The only module that names a distance."""

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
        """Rows of `model` that describe the current file of their picture.

        A plain comparison of the digests would make the planner expect one row, because it assumes that the two join
        conditions are independent, and sort the whole table. It cannot estimate a COALESCE, so it uses the vector
        index.
        """
        same_file = ExpressionWrapper(Q(digest=F("image__digest")), output_field=BooleanField())
        return self.filter(Coalesce(same_file, False), model=model, state="ready")

    def servable(self, model: EmbeddingModel) -> Self:
        """Current rows of published products."""
        return self.current(model).filter(image__product__published=True)

    def nearest(
        self,
        vector: np.ndarray,
        model: EmbeddingModel,
        *,
        metric: str | None = None,
        exact: bool = False,
    ) -> Self:
        """Servable rows ordered by distance to `vector`, nearest first, annotated with `distance`, which `similarity`
        turns into a score.

        The cast repeats the expression of the model's partial HNSW index; without it, Postgres would not use the index.

        Args:
            vector: float32 [model.dimension], any length but 0.
            metric: the model's own unless given.
            exact: order by an expression that the index does not have, so that every row is compared.
        """
        distance = DISTANCES[metric or model.metric](_column(model), HalfVector(vector.astype(np.float16)))
        nearest = self.servable(model).annotate(distance=distance)
        return nearest.order_by(F("distance") + Value(0.0) if exact else "distance")

    def nearest_products(self, vector: np.ndarray, model: EmbeddingModel) -> models.QuerySet[Any, Any]:
        """(product id, distance of its nearest picture), nearest first. Compares every row, even if there is an index:
        searches are measured against it. Filter first."""
        rows = self.nearest(vector, model, exact=True).order_by()
        grouped = rows.values("image__product_id").annotate(best=Min("distance"))
        return grouped.order_by("best", "image__product_id").values_list("image__product_id", "best")


def _column(model: EmbeddingModel) -> Cast:
    return Cast("vector", HalfVectorField(dimensions=model.dimension))


def similarity(distance: float, metric: str, length: float = 1.0) -> float:
    """The product of a query vector of this length with a stored unit vector at this distance: their cosine, or the
    weighted mean of their parts' cosines. It is clipped to -1 and 1: vectors stored as half floats are not exactly of
    length 1, and the product of two equal ones came to 1.000016."""
    product = length * (1.0 - distance) if metric == "cosine" else (length**2 + 1.0 - distance**2) / 2.0
    return max(-1.0, min(1.0, product))
