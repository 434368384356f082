"""Every search, checked against a comparison with all vectors in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.models import Category, Product, ProductImage
from ml.spec import ModelSpec, Part
from recommendations.embeddings.indexes import drop_index, ensure_index
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding, ModelState
from recommendations.search.cursor import from_cursor
from recommendations.search.filters import Filters
from recommendations.search.plans import plan
from recommendations.search.request import SearchRequest, Sort
from recommendations.search.results import Results
from recommendations.search.service import SAVING, find_similar, similar_to_taste
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db(transaction=True)

KIND, COLOUR = 12, 4
SPEC = ModelSpec("resnet50", 40, "letterbox", "avg", KIND + COLOUR, parts=(Part("kind", KIND), Part("colour", COLOUR)))
COLOURS = ("Red", "Green", "Blue", "Grey")


@dataclass
class Shop:
    """A catalog, in the database and in arrays.

    Attributes:
        vectors: float32 [pictures, D]; owner: int [pictures], position of each one's product.
    """

    model: EmbeddingModel
    products: list[Product]
    vectors: np.ndarray
    owner: np.ndarray

    def expected(
        self, query: np.ndarray, holds: Callable[[Product], bool], *, own: set[int] = frozenset()
    ) -> list[tuple[int, float]]:
        """(product, score), best first. Random vectors have no ties, so ids break none."""
        scores = self.vectors @ query
        best = np.full(len(self.products), -np.inf)
        np.maximum.at(best, self.owner, scores)
        wanted = [
            (product.pk, float(score))
            for product, score in zip(self.products, best, strict=True)
            if product.pk not in own and np.isfinite(score) and product.published and holds(product)
        ]
        return sorted(wanted, key=lambda entry: -entry[1])

    def first_vector(self, position: int) -> np.ndarray:
        return self.vectors[np.flatnonzero(self.owner == position)[0]]


def stock_shop(count: int, *, seed: int = 0) -> Shop:
    chance = np.random.default_rng(seed)
    model = EmbeddingModel.objects.create(
        name=f"oracle-{count}", source="file", weights_sha256="0" * 64, graph_sha256="0" * 64,
        state=ModelState.ACTIVE, **EmbeddingModel.fields_of(SPEC),
    )  # fmt: skip
    shopkeeper = Shopkeeper()
    categories = [shopkeeper.category(address) for address in ("clothes", "clothes/dresses", "shoes")]
    products = Product.objects.bulk_create(
        Product(
            sku=f"P{number}",
            slug=f"p{number}",
            title=f"Product {number}",
            category=categories[int(chance.integers(3))],
            price=None if number % 11 == 0 else Decimal(int(chance.integers(100, 10_000))) / 100,
            stock=int(chance.integers(0, 3)),
            brand=("Kestrel", "Tindra", "")[int(chance.integers(3))],
            published=number % 13 != 0,
            attributes={"colour": COLOURS[int(chance.integers(4))]} | ({"gender": "Women"} if number % 2 else {}),
        )
        for number in range(count)
    )
    owner = np.sort(np.concatenate([np.arange(count), chance.integers(0, count, size=count // 3)]))
    images = ProductImage.objects.bulk_create(
        ProductImage(product=products[position], file=f"products/oracle-{number}", position=number, width=1, height=1,
                     digest=f"{number:064x}")
        for number, position in enumerate(owner)
    )  # fmt: skip
    vectors = chance.normal(size=(len(owner), SPEC.dimension)).astype(np.float32)
    for part in (slice(0, KIND), slice(KIND, None)):
        vectors[:, part] /= np.linalg.norm(vectors[:, part], axis=1, keepdims=True) * np.sqrt(2)
    vectors = vectors.astype(np.float16).astype(np.float32)  # as they are stored
    now = timezone.now()
    ImageEmbedding.objects.bulk_create(
        ImageEmbedding(image=image, model=model, digest=image.digest, state=EmbeddingState.READY,
                       vector=vector.tolist(), embedded_at=now)
        for image, vector in zip(images, vectors, strict=True)
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return Shop(model, products, vectors, owner)


def check(results: Results, expected: list[tuple[int, float]], limit: int) -> None:
    """The right products with the right scores, in the right order as far as half floats can distinguish."""
    found = [(match.product.pk, match.score) for match in results.matches]
    assert len(found) == min(limit, len(expected))
    assert len({pk for pk, _ in found}) == len(found)
    scores = dict(expected)
    assert [score for _, score in found] == pytest.approx([score for _, score in expected[: len(found)]], abs=3e-3)
    assert [score for _, score in found] == pytest.approx([scores[pk] for pk, _ in found], abs=3e-3)


filters = st.fixed_dictionaries(
    {},
    optional={
        "price_max": st.decimals(0, 100, places=2),
        "price_min": st.decimals(0, 60, places=2),
        "in_stock": st.booleans(),
        "brands": st.frozensets(st.sampled_from(["Kestrel", "Tindra", "Nobody"]), max_size=2),
        "colours": st.frozensets(st.sampled_from(COLOURS), max_size=3),
        "gender": st.just("Women"),
        "address": st.sampled_from(["clothes", "clothes/dresses", "shoes"]),
    },
)


def made(asked: dict[str, Any]) -> tuple[Filters, Callable[[Product], bool]]:
    """A filter, and the same condition in Python."""
    attributes = {name: frozenset(values) for name, values in (
        ("colour", asked.get("colours", ())), ("gender", [asked["gender"]] if "gender" in asked else ()),
    ) if values}  # fmt: skip
    category = Category.objects.get(address=asked["address"]) if "address" in asked else None
    found = Filters(
        category=category,
        attributes=attributes,
        **{name: asked[name] for name in ("price_min", "price_max", "in_stock", "brands") if name in asked},
    )

    def holds(product: Product) -> bool:
        priced = product.price is not None
        return (
            (found.price_max is None or (priced and product.price <= found.price_max))
            and (found.price_min is None or (priced and product.price >= found.price_min))
            and (not found.in_stock or product.stock > 0)
            and (not found.brands or product.brand in found.brands)
            and all(product.attributes.get(name) in values for name, values in attributes.items())
            and (category is None or product.category.address.startswith(category.address))
        )

    return found, holds


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    return stock_shop(300)


def weights(colour: float | None) -> np.ndarray:
    share = 0.5 if colour is None else colour
    return np.concatenate([np.full(KIND, 2 * (1 - share)), np.full(COLOUR, 2 * share)]).astype(np.float32)


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    position=st.integers(0, 299),
    asked=filters,
    limit=st.integers(1, 40),
    colour=st.sampled_from([None, 0.0, 0.2, 0.5, 1.0]),
    metric=st.sampled_from([None, "euclidean"]),
)
def test_any_filter_and_any_weight_find_what_a_full_comparison_finds(
    shop: Shop, position: int, asked: dict[str, Any], limit: int, colour: float | None, metric: str | None
) -> None:
    found, holds = made(asked)
    product = shop.products[position]
    expected = shop.expected(shop.first_vector(position) * weights(colour), holds, own={product.pk})
    results = find_similar(product, SearchRequest(limit, found, colour_weight=colour, metric=metric))
    check(results, expected, limit)


@pytest.mark.drill
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 299), asked=filters, limit=st.integers(1, 50))
def test_all_pages_together_are_the_whole_result(shop: Shop, position: int, asked: dict[str, Any], limit: int) -> None:
    found, holds = made(asked)
    product = shop.products[position]
    expected = [pk for pk, _ in shop.expected(shop.first_vector(position), holds, own={product.pk})]
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        results = find_similar(product, SearchRequest(limit, found, from_cursor(cursor)))
        seen += [match.product.pk for match in results.matches]
        cursor = results.next
    assert len(seen) == len(set(seen))
    assert set(seen) == set(expected)


@pytest.mark.slow
def test_a_page_neither_repeats_nor_skips_while_the_catalog_changes(shop: Shop) -> None:
    product = shop.products[1]
    first = find_similar(product, SearchRequest(10))
    gone, stays = first.matches[2].product, [match.product.pk for match in first.matches]
    expected = [pk for pk, _ in shop.expected(shop.first_vector(1), lambda _: True, own={product.pk})]
    Product.objects.filter(pk=gone.pk).delete()
    Product.objects.filter(pk=expected[12]).update(published=False)
    second = find_similar(product, SearchRequest(10, shown=from_cursor(first.next or "")))
    assert [match.product.pk for match in second.matches] == [pk for pk in expected[10:21] if pk != expected[12]]
    assert not {match.product.pk for match in second.matches} & set(stays)


@pytest.mark.slow
def test_taste_is_between_what_is_liked_and_away_from_what_is_not(shop: Shop) -> None:
    liked, disliked = [shop.products[1], shop.products[2]], [shop.products[3]]
    own = {product.pk for product in (*liked, *disliked)}
    towards = (shop.first_vector(1) + shop.first_vector(2)) / 2
    query = towards - 0.5 * shop.first_vector(3)
    for part in (slice(0, KIND), slice(KIND, None)):
        query[part] /= np.linalg.norm(query[part]) * np.sqrt(2)
    check(similar_to_taste(liked, disliked, SearchRequest(15)), shop.expected(query, lambda _: True, own=own), 15)
    nothing = similar_to_taste([], disliked, SearchRequest(15))
    assert nothing.matches == []


@pytest.mark.slow
def test_another_colour_is_the_same_shape_with_the_colour_of_a_swatch(shop: Shop) -> None:
    shown = [
        shop.vectors[picture]
        for picture, position in enumerate(shop.owner)
        if shop.products[position].published and shop.products[position].attributes["colour"] == "Red"
    ]
    swatch = np.mean(shown, axis=0)[KIND:]
    query = shop.first_vector(1).copy()
    query[KIND:] = swatch / np.linalg.norm(swatch) / np.sqrt(2)
    own = {shop.products[1].pk}
    check(
        find_similar(shop.products[1], SearchRequest(12, in_colour="Red")),
        shop.expected(query, lambda _: True, own=own),
        12,
    )
    assert find_similar(shop.products[1], SearchRequest(12, in_colour="Infrared")).matches == []


@pytest.mark.slow
def test_a_budget_that_nothing_meets_reports_how_many_cost_more_and_from_what_price(shop: Shop) -> None:
    product, budget = shop.products[1], Decimal("0.50")
    results = find_similar(product, SearchRequest(5, Filters(price_max=budget, in_stock=True)))
    dearer = [
        other
        for other in shop.products
        if other.pk != product.pk and other.published and other.stock and other.price is not None
    ]
    assert results.matches == []
    assert results.above is not None
    assert results.above.count == len(dearer)
    assert results.above.lowest == min(other.price for other in dearer)
    assert results.above.match.product.price > budget


@pytest.mark.drill
def test_an_index_search_is_full_and_finds_nearly_all_of_the_right_products(transactional_db: None) -> None:
    shop = stock_shop(4000, seed=1)
    assert ensure_index(shop.model)
    try:
        for colour in (None, 0.0, 0.2, 0.8, 1.0):
            for narrow in (None, Decimal(50), Decimal(10), Decimal("1.90")):
                found = Filters(price_max=narrow)
                hits = wanted = 0
                for position in range(1, 31):
                    product = shop.products[position]
                    query = shop.first_vector(position) * weights(colour)
                    holds = made({"price_max": narrow} if narrow else {})[1]
                    expected = shop.expected(query, holds, own={product.pk})[:10]
                    results = find_similar(product, SearchRequest(10, found, colour_weight=colour))
                    assert len(results.matches) == len(expected), (colour, narrow)
                    hits += len({match.product.pk for match in results.matches} & {pk for pk, _ in expected})
                    wanted += len(expected)
                assert hits / wanted >= 0.99, (colour, narrow)
    finally:
        drop_index(shop.model)


@pytest.mark.drill
def test_later_pages_through_the_index_find_the_next_ones_too(transactional_db: None) -> None:
    shop = stock_shop(8000, seed=1)
    assert ensure_index(shop.model)
    try:
        hits = wanted = 0
        for position in range(1, 11):
            product, shown = shop.products[position], frozenset[int]()
            expected = [pk for pk, _ in shop.expected(shop.first_vector(position), lambda _: True, own={product.pk})]
            for _ in range(5):
                assert not plan(Filters(excluded=shown), 25).exact
                page = find_similar(product, SearchRequest(24, shown=shown))
                following = [pk for pk in expected if pk not in shown][:24]
                hits += len({match.product.pk for match in page.matches} & set(following))
                wanted += len(following)
                shown = from_cursor(page.next or "")
        assert hits / wanted >= 0.995
    finally:
        drop_index(shop.model)


@pytest.mark.slow
def test_narrow_filters_compare_and_wide_ones_walk_the_index(transactional_db: None) -> None:
    shop = stock_shop(4000, seed=1)
    assert not plan(Filters(), 40).exact
    assert not plan(Filters(price_max=Decimal(90)), 40).exact
    assert plan(Filters(price_max=Decimal(3)), 40).exact
    assert plan(Filters(attributes={"colour": frozenset({"Infrared"})}), 40).exact
    assert plan(Filters(), 2000).exact, "nearly everything is asked for"
    assert plan(Filters(), 40).effort < plan(Filters(excluded=frozenset(range(200))), 40).effort
    rows = plan(Filters(price_max=Decimal(50)), 40).rows
    truth = sum(1 for p in shop.products if p.published and p.price is not None and p.price <= 50)
    assert 0.7 < rows / truth < 1.4


@pytest.mark.slow
def test_cheaper_look_alikes_come_first_and_those_without_a_price_save_nothing(shop: Shop) -> None:
    product = shop.products[1]
    Product.objects.filter(pk=product.pk).update(price=Decimal(100))
    product.refresh_from_db()
    found = find_similar(product, SearchRequest(10, sort=Sort.VALUE)).matches
    plain = find_similar(product, SearchRequest(40)).matches
    worth = {
        match.product.pk: match.score + SAVING * (1 - float(match.product.price) / 100 if match.product.price else 0)
        for match in plain
    }
    best = sorted(worth.values(), reverse=True)[:10]
    assert [worth[match.product.pk] for match in found] == pytest.approx(best, abs=1e-3)
    assert np.mean([float(m.product.price or 100) for m in found]) < np.mean(
        [float(m.product.price or 100) for m in plain[:10]]
    )
