"""Keeping the words of products up to date.

Saving a product indexes it at once, and imports index what they write. Whatever else changes a product, such as SQL,
is noticed by triggers (migration 0009): they set the version of its words to 0, and `index_stale`, which runs every
minute, indexes it. Categories need nothing: their names are read by each search.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction
from django.db.models.signals import post_save

from catalog.models import Product, SearchText, SearchWord
from catalog.search.lexemes import VERSION, known_words, vector_of, words_of
from catalog.search.spelling import near

logger = logging.getLogger(__name__)

BATCH = 500  # products per transaction: 0.15 s
_SLICE = 5000  # words per statement
SOURCES = ("title", "sku", "gtin", "brand", "description", "condition", "size", "attributes", "category_id")


def connect() -> None:
    post_save.connect(_saved, Product, dispatch_uid="catalog.search.indexing")


def _saved(instance: Product, raw: bool = False, update_fields: Any = None, **_: Any) -> None:
    if not raw and (update_fields is None or {"category", *SOURCES} & set(update_fields)):
        index([instance.pk])


def index(product_ids: Iterable[int]) -> int:
    """Store the words of these products as the database has them; returns their number.

    The rows stay locked until the words are stored, so a slower process cannot store words of an older title.
    """
    with transaction.atomic():
        products = list(
            Product.objects.filter(pk__in=product_ids)
            .order_by("pk")
            .only("pk", *SOURCES)
            .select_for_update(of=("self",), no_key=True)
        )
        vectors = [vector_of(product) for product in products]
        store([product.pk for product in products], vectors)
        transaction.on_commit(lambda: _learn(words_of(vectors)), robust=True)
    return len(products)


def store(product_ids: list[int], vectors: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO catalog_searchtext (product_id, vector, version)
            SELECT id, vector::tsvector, %s FROM unnest(%s::bigint[], %s::text[]) AS made (id, vector)
            ON CONFLICT (product_id) DO UPDATE SET vector = excluded.vector, version = excluded.version
            """,
            [VERSION, product_ids, vectors],
        )


def index_stale(*, seconds: float = float("inf"), advance: Any = lambda _: None) -> int:
    """Index products that have changed, or that another version of the program indexed; returns their number.

    Args:
        seconds: stop after about this long. The next run continues.
        advance: called with the number of products done.
    """
    until, done = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        stale = SearchText.objects.filter(version__lt=VERSION).order_by("pk").values_list("pk", flat=True)
        if not (batch := list(stale[:BATCH])):
            break
        done += index(batch)
        advance(len(batch))
    return done


def missing() -> int:
    """Add rows for products that have none, though triggers make them; returns their number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_searchtext (product_id, vector) "
            "SELECT id, '' FROM catalog_product ON CONFLICT (product_id) DO NOTHING"
        )
        return int(cursor.rowcount)


def _learn(words: set[str]) -> None:
    """Add words that are new to the shop, so that they correct misspellings at once."""
    known = set(SearchWord.objects.filter(word__in=words).values_list("word", flat=True))
    _add(dict.fromkeys(words - known, 1))


def _add(words: dict[str, int]) -> None:
    rows = [SearchWord(word=word, products=count, near=near(word)) for word, count in sorted(words.items())]
    SearchWord.objects.bulk_create(rows, ignore_conflicts=True, batch_size=_SLICE)


def count_words() -> int:
    """Count again how many published products contain each word, and drop words that no product contains; returns the
    number of words. It reads all words of the catalog: 3 s for 300,000 products."""
    counted: dict[str, int] = {}
    for word, count in _counts(published=True).items():
        for known in known_words([word], singulars=False):
            counted[known] = max(counted.get(known, 0), count)
    for word, count in list(counted.items()):
        for one in known_words([word]):
            counted.setdefault(one, max(count - 1, 1))  # of two that are equally near, the written form is meant
    for word in known_words(_counts(published=False)):
        counted.setdefault(word, 0)
    stored = dict(SearchWord.objects.values_list("word", "products"))
    gone = sorted(stored.keys() - counted.keys())
    for start in range(0, len(gone), _SLICE):
        SearchWord.objects.filter(word__in=gone[start : start + _SLICE]).delete()
    changed = sorted(word for word in counted.keys() & stored.keys() if counted[word] != stored[word])
    for start in range(0, len(changed), _SLICE):
        rows = [SearchWord(word=word, products=counted[word]) for word in changed[start : start + _SLICE]]
        SearchWord.objects.bulk_update(rows, ["products"])
    _add({word: counted[word] for word in counted.keys() - stored.keys()})
    return len(counted)


def _counts(*, published: bool) -> dict[str, int]:
    """Word → number of products."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT word, ndoc FROM ts_stat(format("
            "'SELECT vector FROM catalog_searchtext JOIN catalog_product ON id = product_id WHERE published = %%L', "
            "%s::boolean), 'abc') WHERE word ~ '^[^~+=#0-9]'",
            [published],
        )
        return dict(cursor.fetchall())
