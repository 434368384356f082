"""A shop of a million products in a minute: one product, one picture, one vector each, by COPY."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from django.db import connection

from bench.copying import binary_copy, store_vectors
from bench.emptying import empty_shop
from bench.shop import ScratchShop
from bench.superuser import as_superuser
from bench.vectors import Vectors
from catalog.models import Category
from recommendations.embeddings.indexes import drop_index, ensure_index, index_bytes
from recommendations.models import EmbeddingModel, ModelState

_SLICE = 20_000  # rows per COPY buffer


@dataclass(frozen=True)
class Stock:
    """A filled shop. `filled_s` and `indexed_s`: the seconds that filling it and building the index took."""

    model: EmbeddingModel
    prices: np.ndarray
    filled_s: float
    indexed_s: float

    @property
    def index_mib(self) -> float:
        return index_bytes(self.model) / 2**20


def stock(shop: ScratchShop, vectors: Vectors, *, fresh: bool) -> Stock:
    """Product n, SKU Bn, has vector n and a distinct price from 1 to the number of products.

    What an earlier run left is taken as it is, or gone on with where it was cut short, unless `fresh`.
    """
    prices = np.random.default_rng(4).permutation(len(vectors.values)) + 1
    record = shop.var / "stock.json"
    model = EmbeddingModel.objects.filter(name=vectors.key, state=ModelState.ACTIVE).first()
    times: dict[str, float] = json.loads(record.read_text()) if record.exists() else {}
    if fresh or model is None or "filled_s" not in times:
        record.unlink(missing_ok=True)
        empty_shop()
        began = time.perf_counter()
        model = _fill(vectors, prices)
        times = {"filled_s": time.perf_counter() - began}
        record.write_text(json.dumps(times))
    if "indexed_s" not in times:
        drop_index(model)
        began = time.perf_counter()
        ensure_index(model)
        times["indexed_s"] = time.perf_counter() - began
        with connection.cursor() as cursor:
            for table in ("recommendations_imageembedding", "catalog_productimage", "catalog_product"):
                cursor.execute(f"VACUUM ANALYZE {table}")
        as_superuser("CHECKPOINT")  # otherwise its writes would affect the measurement
        record.write_text(json.dumps(times))
    return Stock(model, prices, **times)


def _fill(vectors: Vectors, prices: np.ndarray) -> EmbeddingModel:
    category = Category.objects.add_root(instance=Category(name="Bench"))
    model = EmbeddingModel.objects.create(
        name=vectors.key,
        source=vectors.weights.source,
        weights_sha256=vectors.weights.sha256,
        graph_sha256=vectors.weights.sha256,
        state=ModelState.ACTIVE,
        **EmbeddingModel.fields_of(vectors.weights.spec),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO catalog_product (sku, slug, title, description, brand, category_id, price, currency, stock,
                                         published, attributes, created_at, updated_at)
            SELECT 'B' || n - 1, 'b' || n - 1, 'Product ' || n, '', '', %s, p, 'USD', 1, true, '{}', now(), now()
              FROM unnest(%s::int[]) WITH ORDINALITY AS t(p, n)
            """,
            [category.pk, prices.tolist()],
        )
        cursor.execute(
            """
            INSERT INTO catalog_productimage (product_id, file, alt, position, width, height, digest, created_at)
            SELECT id, 'products/bench/' || sku, '', 0, 1, 1, encode(sha256(sku::bytea), 'hex'), now()
              FROM catalog_product ORDER BY id
            """
        )
    store_vectors(model, "B", _blocks(vectors.values))
    return model


def _blocks(values: np.ndarray) -> Iterator[bytes]:
    slices = ((start, values[start : start + _SLICE]) for start in range(0, len(values), _SLICE))
    return binary_copy(slices, values.shape[1])
