"""The similar-products query as a product page makes it, on as many vectors as the real catalog has."""

from __future__ import annotations

import time
from decimal import Decimal

import numpy as np
from django.db import connection
from pgvector import HalfVector
from pgvector.psycopg import register_vector

from bench.shop import ScratchShop
from catalog.importing.archive import open_archive
from catalog.importing.errors import RowRejected
from catalog.importing.kaggle import KaggleLayout
from catalog.importing.records import Record
from catalog.models import Category, Product
from ml.images import ImageRejected, to_input
from recommendations import graphs
from recommendations.filters import Filters
from recommendations.indexes import ensure_index
from recommendations.lifecycle import ensure_active_model
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.search import Wish, similar_products

REAL_VECTORS = 4000
NOISE = 0.3  # of the vector's own length: a copy keeps a cosine of about 0.96 with its original
SELECTIVITIES = (None, 0.5, 0.1, 0.01, 0.001)
K = 10


def measure(shop: ScratchShop, *, rows: int, queries: int) -> None:
    model = ensure_active_model(log=lambda line: print(f"  {line}"))
    vectors = _vectors(shop, model, rows)
    _fill(model, vectors)
    began = time.perf_counter()
    ensure_index(model)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE recommendations_imageembedding")
        cursor.execute("VACUUM ANALYZE catalog_product")
        cursor.execute("SELECT pg_relation_size(%s::regclass)", [model.index_name])
        size = cursor.fetchone()[0]
    print(
        f"{rows:,} x {model.dimension} halfvec ({shop.describe()}; {min(rows, REAL_VECTORS):,} real vectors, the rest "
        f"perturbed copies of them). HNSW index: {size / 2**20:,.0f} MiB, built in {time.perf_counter() - began:.0f} s."
    )
    print(f"{'filter':>10} {'p50 ms':>8} {'p95 ms':>8} {'full pages':>11} {'recall@10':>10}")
    for share in SELECTIVITIES:
        budget = None if share is None else Decimal(round(share * rows))
        _measure_one("none" if share is None else f"{share:.1%}", model, rows, queries, budget)


def _measure_one(label: str, model: EmbeddingModel, rows: int, queries: int, budget: Decimal | None) -> None:
    chance = np.random.default_rng(5)
    chosen = list(Product.objects.filter(sku__in=[f"B{number}" for number in chance.integers(rows, size=queries)]))
    wish = Wish(K, Filters(price_max=budget))
    similar_products(chosen[0], wish)
    times, full, recall = [], 0, []
    expected = K if budget is None else min(K, int(budget) - 1)
    for number, product in enumerate(chosen):
        began = time.perf_counter()
        found = similar_products(product, wish).matches
        times.append((time.perf_counter() - began) * 1000)
        full += len(found) >= expected
        if number < 50:
            recall.append(_recall(product, model, budget, {match.product.pk for match in found}))
    p50, p95 = np.percentile(times, [50, 95])
    print(f"{label:>10} {p50:8.2f} {p95:8.2f} {full / len(chosen):11.1%} {np.mean(recall):10.3f}")


def _recall(product: Product, model: EmbeddingModel, budget: Decimal | None, found: set[int]) -> float:
    vector = np.asarray(ImageEmbedding.objects.get(image__product=product).vector, dtype=np.float32)
    exact = ImageEmbedding.objects.nearest(vector, model, exact=True).exclude(image__product=product)
    if budget is not None:
        exact = exact.filter(image__product__price__lte=budget)
    truth = set(exact[:K].values_list("image__product_id", flat=True))
    return len(truth & found) / max(len(truth), 1)


def _vectors(shop: ScratchShop, model: EmbeddingModel, rows: int) -> np.ndarray:
    """float32 [rows, D], unit length. Real ones are computed once and kept beside the scratch shop."""
    kept = shop.var / f"vectors-{model.graph_sha256[:12]}.npy"
    if kept.exists():
        real = np.load(kept)
    else:
        network, archive = graphs.embedder(model), open_archive(shop.catalog())
        inputs = []
        for record in KaggleLayout().records(archive):
            if isinstance(record, Record) and record.image and len(inputs) < REAL_VECTORS:
                try:
                    inputs.append(to_input(archive.read(record.image, 2**24), model.spec))
                except (ImageRejected, RowRejected):
                    continue
        print(f"  embedding {len(inputs):,} pictures, once…")
        real = network.embed(inputs)
        np.save(kept, real)
    chance = np.random.default_rng(3)
    copies = real[chance.integers(len(real), size=max(rows - len(real), 0))]
    noise = chance.normal(size=copies.shape).astype(np.float32)
    noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
    vectors = np.concatenate([real[:rows], copies + noise])
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _fill(model: EmbeddingModel, vectors: np.ndarray) -> None:
    """One product, picture and embedding a vector, by COPY; product n costs a distinct price from 1 to n."""
    category = Category.objects.add_root(instance=Category(name="Bench"))
    prices = np.random.default_rng(4).permutation(len(vectors)) + 1
    connection.ensure_connection()
    raw = connection.connection
    register_vector(raw)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO catalog_product (sku, slug, title, description, brand, category_id, price, currency, stock,
                                         published, attributes, created_at, updated_at)
            SELECT 'B' || n - 1, 'b' || n - 1, 'Product ' || n, '', '', %s, p, 'USD', 1, true, '{}', now(), now()
              FROM unnest(%s::int[]) WITH ORDINALITY AS t(p, n)
            """,
            [category.pk, [int(price) for price in prices]],
        )
        cursor.execute(
            """
            INSERT INTO catalog_productimage (product_id, file, alt, position, width, height, digest, created_at)
            SELECT id, 'products/bench/' || sku, '', 0, 1, 1, encode(sha256(sku::bytea), 'hex'), now()
              FROM catalog_product ORDER BY id RETURNING id, digest
            """
        )
        images = cursor.fetchall()
        columns = "image_id, model_id, digest, state, attempts, error_code, error, vector, created_at, embedded_at"
        stamp = "2026-01-01 00:00:00+00"
        with raw.cursor().copy(f"COPY recommendations_imageembedding ({columns}) FROM STDIN") as copy:
            for (image, digest), vector in zip(images, vectors.astype(np.float16), strict=True):
                copy.write_row(
                    (image, model.pk, digest, "ready", 1, "", "", HalfVector(vector).to_text(), stamp, stamp)
                )
