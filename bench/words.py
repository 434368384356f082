"""Text search in a catalog of real products: are the first results right, and how long does a search take?"""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np
from django.db import connection

from bench.emptying import empty_shop
from bench.large import category_at
from bench.misspelling import Item, Query, draw
from bench.shop import ScratchShop
from catalog.models import Product
from catalog.models.product import product_slug
from catalog.search.finding import Ranked, find
from catalog.search.indexing import count_words, index_stale
from ml.files.catalog.opening import open_catalog
from ml.files.catalog.records import Record

LARGE = 300_000
FIRST, PAGE = 5, 24
LEAST_SUCCESS, MOST_MS = 0.95, 50.0
_BATCH = 2000


def measure(shop: ScratchShop, *, queries: int, seed: int, products: list[int], show: bool) -> bool:
    catalog = open_catalog(shop.catalog(), currency="USD")
    records = [record for record in catalog.records() if isinstance(record, Record)]
    items = [Item(record.title, record.category) for record in records]
    drawn = draw(items, queries, seed)
    good = True
    for count in products or sorted({len(records), max(LARGE, len(records))}):
        _fill(records, count)
        good &= _report(drawn, count, show)
    return good


def _report(drawn: list[Query], count: int, show: bool) -> bool:
    for query in drawn:  # a shop in use has its index in memory
        find(query.text, Product.objects.published())
    times: dict[str, list[float]] = defaultdict(list)
    right: dict[str, list[bool]] = defaultdict(list)
    for query in drawn:
        began = time.perf_counter()
        products = Product.objects.published()
        page = Ranked(find(query.text, products).ids, products.for_cards())[:PAGE]
        times[query.kind].append((time.perf_counter() - began) * 1000)
        names = {product.pk: product.category.trail for product in page[:FIRST]}
        found = [Item(product.title, tuple(each.name for each in names[product.pk])) for product in page[:FIRST]]
        right[query.kind].append(any(map(query.right, found)))
        if show and not right[query.kind][-1]:
            print(f"    {query.kind}: {query.text!r}; found {[item.title for item in found[:2]]}")
    print(f"\n{count:,} products, {len(drawn)} queries; milliseconds of a search with its first page of {PAGE}")
    print(f"  {'':<20} {'queries':>8} {'success@5':>10} {'p50':>7} {'p95':>7}")
    for kind in [*sorted(times), "all"]:
        took = times[kind] if kind != "all" else [each for some in times.values() for each in some]
        hits = right[kind] if kind != "all" else [each for some in right.values() for each in some]
        p50, p95 = np.percentile(took, [50, 95])
        print(f"  {kind:<20} {len(took):8} {np.mean(hits):10.3f} {p50:7.1f} {p95:7.1f}", flush=True)
    return bool(np.mean(hits) >= LEAST_SUCCESS and p95 <= MOST_MS)


def _fill(records: list[Record], count: int) -> None:
    """The catalog without its pictures; copies with other SKUs up to the size."""
    there = Product.objects.count()
    if there > count or there % len(records) not in (0, count % len(records)):
        empty_shop()
        there = 0
    began = time.perf_counter()
    if there < min(count, len(records)):
        empty_shop()
        categories = {names: category_at(names) for names in sorted({record.category for record in records})}
        for start in range(0, min(count, len(records)), _BATCH):
            Product.objects.bulk_create(
                Product(
                    sku=record.sku, slug=product_slug(record.title, record.sku), title=record.title,
                    description=record.description, brand=record.brand, category=categories[record.category],
                    stock=1, attributes=record.attributes,
                )
                for record in records[start : min(start + _BATCH, count)]
            )  # fmt: skip
    missing = count - Product.objects.count()
    if missing > 0:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO catalog_product (sku, slug, title, description, brand, category_id, currency, stock, "
                "published, attributes, created_at, updated_at) SELECT sku || '-' || n, slug || '-' || n, title, "
                "description, brand, category_id, currency, stock, published, attributes, now(), now() "
                "FROM catalog_product, generate_series(1, %s) AS n ORDER BY n, id LIMIT %s",
                [missing // len(records) + 1, missing],
            )
    if indexed := index_stale():
        words = count_words()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        print(f"  {indexed:,} products indexed in {time.perf_counter() - began:.0f} s; {words:,} words", flush=True)
