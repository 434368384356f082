"""How Postgres plans the searches of pages, read from EXPLAIN of the statements that they really send."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import pytest_django
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import Category
from recommendations.embeddings.indexes import drop_index, ensure_index
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding, ModelState
from recommendations.search.filters import ANYTHING, Filters
from recommendations.search.plans import EFFORT
from recommendations.search.request import SearchRequest, Sort
from recommendations.search.service import find_similar, similar_to_taste
from tests.recommendations.search.test_search_oracle import Shop, stock_shop

pytestmark = pytest.mark.django_db

COUNT = 4000
BROAD = Filters(price_max=Decimal(90))
NARROW = {
    "a small budget": Filters(price_max=Decimal(3)),
    "a narrow range": Filters(price_min=Decimal(50), price_max=Decimal(51)),
    "a colour that nothing has": Filters(attributes={"colour": frozenset({"Infrared"})}),
    "a brand that nothing has": Filters(brands=frozenset({"Nobody"})),
}


@dataclass
class TwoModels:
    """The same pictures under two models, each with an index; `shop.model` is active."""

    shop: Shop
    other: EmbeddingModel


@pytest.fixture(scope="module")
def models(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[TwoModels]:
    """Made once: what a test changes is rolled back."""
    with django_db_blocker.unblock():
        made = _two_models()
    yield made
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for model in (made.shop.model, made.other):
            drop_index(model)
        cursor.execute("TRUNCATE catalog_category, catalog_product, recommendations_embeddingmodel CASCADE")


def _two_models() -> TwoModels:
    shop = stock_shop(COUNT, seed=1)
    other = EmbeddingModel.objects.create(
        name="other", source="file", weights_sha256="1" * 64, graph_sha256="1" * 64, state=ModelState.READY,
        backbone="resnet50", input_size=80, fit="letterbox", pooling="avg", dimension=8, metric="euclidean",
    )  # fmt: skip
    rows = ImageEmbedding.objects.filter(model=shop.model).values_list("image_id", "digest")
    vectors = np.random.default_rng(7).normal(size=(len(rows), 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    now = timezone.now()
    ImageEmbedding.objects.bulk_create(
        ImageEmbedding(model=other, image_id=image, digest=digest, state=EmbeddingState.READY,
                       vector=vector.tolist(), embedded_at=now)
        for (image, digest), vector in zip(rows, vectors, strict=True)
    )  # fmt: skip
    assert ensure_index(shop.model)
    assert ensure_index(other)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return TwoModels(shop, other)


def indexes_used(search: Callable[[], Any]) -> list[set[str]]:
    """The vector indexes in the plan of each statement of the search that orders by distance."""
    with CaptureQueriesContext(connection) as queries:
        search()
    nearest = [query["sql"] for query in queries if "AS distance" in query["sql"]]
    assert nearest, "the search asked for no neighbours"
    used = []
    for sql in nearest:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
            described = cursor.fetchone()[0]
        plan = json.loads(described) if isinstance(described, str) else described
        used.append({name for name in names(plan[0]["Plan"]) if name.startswith("embedding_hnsw_")})
    return used


def names(node: dict[str, Any]) -> Iterator[str]:
    if "Index Name" in node:
        yield node["Index Name"]
    for child in node.get("Plans", []):
        yield from names(child)


def activate(model: EmbeddingModel) -> None:
    EmbeddingModel.objects.filter(state=ModelState.ACTIVE).update(state=ModelState.READY)
    EmbeddingModel.objects.filter(pk=model.pk).update(state=ModelState.ACTIVE)


@pytest.mark.slow
def test_plain_and_broad_searches_walk_the_index_of_the_active_model(models: TwoModels) -> None:
    product = models.shop.products[1]
    searches: dict[str, Callable[[], Any]] = {
        "unfiltered": lambda: find_similar(product, SearchRequest(10)),
        "a long strip": lambda: find_similar(product, SearchRequest(24)),
        "a broad budget": lambda: find_similar(product, SearchRequest(10, BROAD)),
        "a strip's pool, with vectors": lambda: find_similar(product, SearchRequest(24, vectors=True)),
        "by value": lambda: find_similar(product, SearchRequest(6, sort=Sort.VALUE)),
        "a second page": lambda: find_similar(
            product, SearchRequest(10, shown=frozenset(other.pk for other in models.shop.products[5:25]))
        ),
    }
    for model in (models.shop.model, models.other):
        activate(model)
        for what, search in searches.items():
            assert indexes_used(search) == [{model.index_name}], f"{what}, {model}"


@pytest.mark.slow
def test_a_broad_category_walks_the_index_too(models: TwoModels) -> None:
    clothes = Category.objects.get(address="clothes")  # two thirds of the products
    found = indexes_used(lambda: find_similar(models.shop.products[1], SearchRequest(10, Filters(category=clothes))))
    assert found == [{models.shop.model.index_name}]


@pytest.mark.slow
def test_whatever_the_query_is_made_of_it_walks_the_index(models: TwoModels) -> None:
    products, index = models.shop.products, models.shop.model.index_name
    for weight in (0.0, 0.2, 0.5, 1.0):
        for filters in (ANYTHING, BROAD):
            request = SearchRequest(10, filters, colour_weight=weight)
            assert indexes_used(lambda request=request: find_similar(products[1], request)) == [{index}], request
    assert indexes_used(lambda: similar_to_taste(products[1:3], products[3:4], SearchRequest(10))) == [{index}]
    assert indexes_used(lambda: find_similar(products[1], SearchRequest(10, in_colour="Red"))) == [{index}]


@pytest.mark.slow
def test_narrow_searches_compare_and_touch_no_vector_index(models: TwoModels) -> None:
    for model in (models.shop.model, models.other):
        activate(model)
        for what, filters in NARROW.items():
            found = indexes_used(
                lambda filters=filters: find_similar(models.shop.products[1], SearchRequest(10, filters))
            )
            assert set().union(*found) == set(), f"{what}, {model}"


@pytest.mark.slow
def test_a_search_that_looks_further_leaves_the_setting_of_a_transaction_around_it(models: TwoModels) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        with CaptureQueriesContext(connection) as sent:
            assert find_similar(models.shop.products[1], SearchRequest(100)).matches
        assert any("SET LOCAL hnsw.ef_search" in query["sql"] for query in sent)
        cursor.execute("SHOW hnsw.ef_search")
        assert cursor.fetchone() == (str(EFFORT),)


@pytest.mark.slow
def test_another_metric_than_the_models_own_compares(models: TwoModels) -> None:
    found = indexes_used(lambda: find_similar(models.shop.products[1], SearchRequest(10, metric="euclidean")))
    assert set().union(*found) == set()


@pytest.mark.slow
def test_what_searches_are_measured_against_touches_no_vector_index(models: TwoModels) -> None:
    vector = models.shop.first_vector(1)
    with CaptureQueriesContext(connection) as queries:
        list(ImageEmbedding.objects.nearest_products(vector, models.shop.model)[:10])
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {queries[0]['sql']}")
        described = cursor.fetchone()[0]
    plan = json.loads(described) if isinstance(described, str) else described
    assert not [name for name in names(plan[0]["Plan"]) if name.startswith("embedding_hnsw_")]
