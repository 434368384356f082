"""Nearest-neighbour queries. The only module that names a distance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from django.db import connection, models, transaction
from django.db.models import BooleanField, ExpressionWrapper, F, Min, Q, Value
from django.db.models.functions import Cast, Coalesce
from pgvector import HalfVector
from pgvector.django import CosineDistance, HalfVectorField, L2Distance

from catalog.models import Product, ProductImage

if TYPE_CHECKING:
    from recommendations.models import EmbeddingModel, ImageEmbedding  # noqa: F401  (the base class below)

OPERATORS = {"cosine": "<=>", "euclidean": "<->"}
DISTANCES: dict[str, Any] = {"cosine": CosineDistance, "euclidean": L2Distance}
OPERATOR_CLASSES = {"cosine": "halfvec_cosine_ops", "euclidean": "halfvec_l2_ops"}


class Neighbour(NamedTuple):
    product: Product
    image: ProductImage
    distance: float | None


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

    def neighbours(
        self,
        query: np.ndarray | int,
        model: EmbeddingModel,
        products: models.QuerySet[Product],
        count: int,
        *,
        metric: str | None = None,
        exact: bool = False,
        effort: int | None = None,
    ) -> list[Neighbour]:
        """`nearest`, with all that a page shows of it: the nearest `count` pictures of these published products.

        In SQL of its own: Django would take longer to write it, and to read two tables more, than Postgres takes
        to answer (39,571 x 256: 4.5 ms of 6.4).

        Args:
            query: as for `nearest`, or the id of a product: the stored vector of its first embedded picture, which
                never leaves the database. Where it has none, every distance is None.
            products: without the products' search vectors, which nobody shows.
            effort: `hnsw.ef_search` of this search; None for the connection's.
        """
        wanted, conditions = products.query.sql_with_params()
        asking, parameters = _asking(query, model)
        distance = f"(embedding.vector::halfvec({model.dimension:d}) {OPERATORS[metric or model.metric]} {asking})"
        statement = _NEIGHBOURS.format(
            images=", ".join(f"image.{column} AS {_IMAGE}{column}" for column in _image_columns()),
            distance=f"{distance} + 0.0" if exact else distance,
            products=wanted,
            model=int(model.pk),
            count=int(count),
        )
        rows = products.model.objects.raw(statement, [*parameters, *conditions])
        with nullcontext() if effort is None else _effort(effort):
            return [_neighbour(row) for row in rows]


_IMAGE = "image__"
_NEIGHBOURS = """
SELECT product.*, {images}, {distance} AS distance
  FROM recommendations_imageembedding AS embedding
  JOIN catalog_productimage AS image ON image.id = embedding.image_id
  JOIN ({products}) AS product ON product.id = image.product_id
 WHERE embedding.model_id = {model} AND embedding.state = 'ready' AND coalesce(embedding.digest = image.digest, false)
 ORDER BY distance
 LIMIT {count}
"""
_OWN_VECTOR = """
(SELECT own.vector::halfvec({dimension})
   FROM recommendations_imageembedding AS own
   JOIN catalog_productimage AS picture ON picture.id = own.image_id
  WHERE picture.product_id = %s AND own.model_id = {model} AND own.state = 'ready' AND own.digest = picture.digest
  ORDER BY picture.position, picture.id
  LIMIT 1)
"""


@contextmanager
def _effort(ef_search: int) -> Iterator[None]:
    """For statements that only read."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL hnsw.ef_search = %s", [ef_search])
        yield
        # Or the setting would last as long as a transaction around this one.
        transaction.set_rollback(True)


def _asking(query: np.ndarray | int, model: EmbeddingModel) -> tuple[str, list[Any]]:
    if isinstance(query, np.ndarray):
        return f"%s::halfvec({model.dimension:d})", [HalfVector(query.astype(np.float16)).to_text()]
    return _OWN_VECTOR.format(dimension=int(model.dimension), model=int(model.pk)), [query]


def _image_columns() -> list[str]:
    return [field.attname for field in ProductImage._meta.concrete_fields]


def _neighbour(row: Any) -> Neighbour:
    """Of a product that also carries its picture's columns."""
    columns, values = _image_columns(), vars(row)
    image = ProductImage.from_db(row._state.db, columns, [values.pop(_IMAGE + column) for column in columns])
    ProductImage._meta.get_field("product").set_cached_value(image, row)
    return Neighbour(row, image, values.pop("distance"))


def _column(model: EmbeddingModel) -> Cast:
    return Cast("vector", HalfVectorField(dimensions=model.dimension))


def similarity(distance: float, metric: str, length: float = 1.0) -> float:
    """The product of a query vector of this length with a stored unit vector at this distance: their cosine, or the
    weighted mean of their parts' cosines. -1 to 1: vectors are stored as half floats, whose length is not quite 1, and
    the product of two alike came to 1.000016."""
    product = length * (1.0 - distance) if metric == "cosine" else (length**2 + 1.0 - distance**2) / 2.0
    return max(-1.0, min(1.0, product))


def index_sql(model: EmbeddingModel) -> str:
    """The statement for the model's partial HNSW index; not inside a transaction.

    Per model, because a partial index holds one dimension, and because dropping a model is dropping its index.
    """
    return (
        f'CREATE INDEX CONCURRENTLY IF NOT EXISTS "{model.index_name}" ON recommendations_imageembedding '
        f"USING hnsw ((vector::halfvec({model.dimension:d})) {OPERATOR_CLASSES[model.metric]}) "
        f"WHERE model_id = {model.pk:d}"
    )
