"""A shop of 300,000 products, filled by COPY and kept between runs. It shows the costs that grow with the catalog."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from django.db import connection, transaction

from bench.assortment import KINDS, Assortment
from bench.copying import binary_copy, store_vectors
from bench.emptying import empty_shop
from bench.shop import ScratchShop
from bench.superuser import as_superuser
from catalog.models import Category, Product, SearchText
from catalog.search.indexing import count_words, index_stale
from recommendations.embeddings.indexes import ensure_index, index_exists
from recommendations.lifecycle.switching import ensure_active_model
from recommendations.models import EmbeddingModel, ImageEmbedding

PRODUCTS = 300_000
_SLICE = 20_000  # rows per COPY buffer


def measure(shop: ScratchShop, *, products: int, fresh: bool) -> None:
    model = fill(shop, products, fresh=fresh)
    print(f"{products:,} products in {shop.var}, model {model.name} ({model.dimension}-d), with its vector index.")
    print("To look at it: VAR_DIR=… EMBEDDING_WEIGHTS=bundled .venv/bin/python -m shop web")


def fill(shop: ScratchShop, products: int = PRODUCTS, *, fresh: bool = False) -> EmbeddingModel:
    """The shop with that many products, one picture and one vector each, and its index. The pictures have rows but no
    files. Each step is one transaction: what an earlier run finished is kept, and one that was cut short goes on.

    Args:
        fresh: throw away what there is.
    """
    there = Product.objects.count()
    if fresh or there not in (0, products):
        print(f"  emptying a shop of {there:,} products…", flush=True)
        empty_shop()
    model = ensure_active_model(log=lambda line: print(f"  {line}"))
    assortment = Assortment.of(products)
    steps: list[tuple[str, Callable[[], bool], Callable[[], None]]] = [
        ("products", Product.objects.exists, lambda: _products(assortment)),
        ("words", _has_words, _words),
        ("pictures", _has_images, _images),
        (
            "vectors",
            ImageEmbedding.objects.filter(model=model).exists,
            lambda: store_vectors(model, "L", _blocks(assortment, model)),
        ),
        ("vector index", lambda: index_exists(model), lambda: _index(model)),
    ]
    for name, is_done, do in steps:
        if is_done():
            continue
        print(f"  {name}…", end=" ", flush=True)
        began = time.perf_counter()
        do()
        print(f"{time.perf_counter() - began:.0f} s", flush=True)
    return model


def _products(assortment: Assortment) -> None:
    with transaction.atomic():
        ids = [_category(address).pk for address in KINDS]
        columns = (
            "sku, slug, title, description, brand, category_id, price, compare_at_price, stock, published, attributes, "
            "currency, created_at, updated_at"
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT now()")
            (now,) = cursor.fetchone()
            with cursor.copy(f"COPY catalog_product ({columns}) FROM STDIN") as copy:
                for row in assortment.rows(ids):
                    copy.write_row((*row, "USD", now, now))


def _category(address: str) -> Category:
    found = Category.objects.filter(address=address).first()
    if found is not None:
        return found
    parent, _, name = address.rpartition("/")
    fresh = Category(name=name.replace("-", " ").capitalize(), slug=name)
    if not parent:
        return Category.objects.add_root(instance=fresh)
    return Category.objects.add_child(_category(parent), instance=fresh)


def _has_words() -> bool:
    return not SearchText.objects.filter(version=0).exists()


def _words() -> None:
    index_stale()
    count_words()


def category_at(names: tuple[str, ...]) -> Category:
    """The category with this path of names, made if it is missing."""
    parent = category_at(names[:-1]) if len(names) > 1 else None
    fresh = Category(name=names[-1])
    found = Category.objects.filter(address=fresh.address_below(parent)).first()
    if found is not None:
        return found
    return Category.objects.add_child(parent, instance=fresh) if parent else Category.objects.add_root(instance=fresh)


def _has_images() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM catalog_productimage)")
        return bool(cursor.fetchone()[0])


def _images() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO catalog_productimage (product_id, file, alt, position, width, height, digest, created_at)
            SELECT id, 'products/' || left(md5(sku), 2) || '/' || md5(sku) || '.jpg', '', 0, 600, 800,
                   encode(sha256(sku::bytea), 'hex'), now()
              FROM catalog_product ORDER BY id
            """
        )


def _index(model: EmbeddingModel) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    ensure_index(model)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    as_superuser("CHECKPOINT")  # otherwise its writes would affect the measurement


def _blocks(assortment: Assortment, model: EmbeddingModel) -> Iterator[bytes]:
    parts = (
        (start, assortment.vectors(model.spec, start, min(start + _SLICE, assortment.count)))
        for start in range(0, assortment.count, _SLICE)
    )
    yield from binary_copy(parts, model.dimension)
