"""Nearest-neighbour queries. The only module that names a distance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from django.db import models
from django.db.models import BooleanField, ExpressionWrapper, F, FloatField, Q, Value
from django.db.models.functions import Cast, Coalesce
from pgvector import HalfVector
from pgvector.django import CosineDistance, HalfVectorField, L2Distance

if TYPE_CHECKING:
    from recommendations.models import EmbeddingModel, ImageEmbedding  # noqa: F401  (the base class below)

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
        self, vector: np.ndarray, model: EmbeddingModel, *, metric: str | None = None, exact: bool = False
    ) -> Self:
        """Order by distance to `vector`, shape (model.dimension,), unit length; nearest first.

        Annotates `score`, the cosine similarity. The cast repeats the expression of the model's partial HNSW
        index, or Postgres would not use it; `exact` orders by a different expression, so that it cannot.
        """
        column = Cast("vector", HalfVectorField(dimensions=model.dimension))
        query = HalfVector(np.asarray(vector, dtype=np.float16))
        distance = DISTANCES[metric or model.metric](column, query)
        score = Value(1.0) - CosineDistance(column, query)
        order = distance + Value(0.0) if exact else distance
        return (
            self.servable(model)
            .annotate(score=ExpressionWrapper(score, output_field=FloatField()))
            .order_by(ExpressionWrapper(order, output_field=FloatField()))
            .defer("vector")
        )


def index_sql(model: EmbeddingModel) -> str:
    """The statement for the model's partial HNSW index; not inside a transaction.

    Per model, because a partial index holds one dimension, and because dropping a model is dropping its index.
    """
    return (
        f'CREATE INDEX CONCURRENTLY IF NOT EXISTS "{model.index_name}" ON recommendations_imageembedding '
        f"USING hnsw ((vector::halfvec({model.dimension:d})) {OPERATOR_CLASSES[model.metric]}) "
        f"WHERE model_id = {model.pk:d}"
    )
