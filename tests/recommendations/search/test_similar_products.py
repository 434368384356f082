from __future__ import annotations

import io
import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from bench.superuser import as_superuser
from catalog.models import Product
from recommendations.embeddings.indexes import INDEX_LOCK, ensure_index, index_exists, index_sql
from recommendations.models import EmbeddingModel, ImageEmbedding, ModelState
from recommendations.search.cursor import to_cursor
from recommendations.search.filters import Filters
from recommendations.search.request import MAX_RESULTS, SearchRequest
from recommendations.search.results import Source
from recommendations.search.service import find_similar
from tests.shopkeeper import Shopkeeper


def titles(product: Product, *, limit: int, **filters: Any) -> list[str]:
    return [match.product.title for match in find_similar(product, SearchRequest(limit, Filters(**filters))).matches]


def test_the_nearest_come_first_with_their_cosine_and_never_the_product_itself(
    shop: Shopkeeper, plane: EmbeddingModel
) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "opposite", [-1, 0, 0])
    shop.embedded(plane, "scarlet", [3, 4, 0])
    shop.embedded(plane, "crimson", [1, 0, 0])
    matches = find_similar(red, SearchRequest(10)).matches
    assert [match.product.title for match in matches] == ["crimson", "scarlet", "opposite"]
    assert [match.score for match in matches] == pytest.approx([1.0, 0.6, -1.0], abs=1e-3)
    assert {match.source for match in matches} == {Source.VISUAL}


@pytest.mark.slow
def test_a_product_with_several_pictures_is_one_hit_with_the_picture_that_matched(
    shop: Shopkeeper, plane: EmbeddingModel
) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    many = shop.embedded(plane, "many", [0, 1, 0], *([[1, 0.1, 0]] * 30))
    shop.embedded(plane, "one", [1, 1, 0])
    matches = find_similar(red, SearchRequest(2)).matches
    assert [match.product.title for match in matches] == ["many", "one"]
    assert matches[0].image in list(many.images.all())[1:]


@pytest.mark.slow
def test_a_search_is_full_whenever_enough_products_exist(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    for number in range(7):
        shop.embedded(plane, str(number), *([[1, number / 9, 0]] * 12))
    assert len(titles(red, limit=7)) == 7
    assert len(titles(red, limit=50)) == 7


def test_matches_carry_vectors_only_when_requested(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "scarlet", [0.6, 0.8, 0])
    (match,) = find_similar(red, SearchRequest(1, vectors=True)).matches
    assert match.vector is not None
    np.testing.assert_allclose(match.vector, [0.6, 0.8, 0], atol=5e-4)
    (match,) = find_similar(red, SearchRequest(1)).matches
    assert match.vector is None


def test_the_budget_is_hard(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "dear", [1, 0, 0], price=Decimal("50.01"))
    shop.embedded(plane, "fair", [1, 1, 0], price=Decimal("50.00"))
    shop.embedded(plane, "on request", [1, 0, 0], price=None)
    assert titles(red, limit=5, price_max=Decimal(50)) == ["fair"]


def test_unpublished_products_are_no_look_alikes(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "hidden", [1, 0, 0], published=False)
    assert titles(red, limit=5) == []


def test_a_vector_of_a_replaced_picture_is_not_served(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    stale = shop.embedded(plane, "stale", [1, 0, 0])
    stale.images.update(digest="f" * 64)
    assert titles(red, limit=5) == []


def test_vectors_of_another_model_are_never_mixed_in(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    other = EmbeddingModel.objects.get(pk=plane.pk)
    other.pk, other.name, other.state = None, "other", ModelState.READY
    other.save()
    shop.embedded(other, "other's", [1, 0, 0])
    assert titles(red, limit=5) == []


def test_without_any_model_there_is_an_empty_answer(shop: Shopkeeper) -> None:
    results = find_similar(shop.product(), SearchRequest(3))
    assert (results.model, results.matches) == (None, [])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_query_uses_the_index_of_its_model_and_finds_the_same(plane: EmbeddingModel) -> None:
    shop, chance = Shopkeeper(), np.random.default_rng(1)
    red = shop.embedded(plane, "red", [1, 0, 0])
    image = red.images.get()
    clone_images(image.pk, 3000)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM catalog_productimage WHERE id <> %s", [image.pk])
        ids = [row[0] for row in cursor.fetchall()]
        rows = [(pk, *(chance.normal(size=3))) for pk in ids]
        cursor.executemany(
            "INSERT INTO recommendations_imageembedding (image_id, model_id, digest, state, attempts, error_code, "
            "error, vector, created_at, embedded_at) SELECT %s, %s, digest, 'ready', 1, '', '', "
            "l2_normalize(%s::halfvec), now(), now() FROM catalog_productimage WHERE id = %s",
            [(pk, plane.pk, f"[{x},{y},{z}]", pk) for pk, x, y, z in rows],
        )
        # As in a shop with current statistics; here the autovacuum may have run in the middle of the inserts, or not
        # yet.
        cursor.execute("ANALYZE catalog_product, catalog_productimage, recommendations_imageembedding")
    vector = np.array([1, 0, 0], dtype=np.float32)
    exact = list(ImageEmbedding.objects.nearest(vector, plane, exact=True)[:20].values_list("image_id", flat=True))
    assert ensure_index(plane)
    query = ImageEmbedding.objects.nearest(vector, plane)[:20]
    assert plane.index_name in query.explain()
    assert plane.index_name not in ImageEmbedding.objects.nearest(vector, plane, exact=True)[:20].explain()
    assert len(set(query.values_list("image_id", flat=True)) & set(exact)) >= 19
    with CaptureQueriesContext(connection) as sent, connection.cursor() as cursor:
        assert len(find_similar(red, SearchRequest(10)).matches) == 10
        assert len(sent) == 3, "the model, the statistics, the neighbours"
        cursor.execute("EXPLAIN " + sent[-1]["sql"])
        assert plane.index_name in str(cursor.fetchall())
    assert len(find_similar(red, SearchRequest(MAX_RESULTS)).matches) == MAX_RESULTS


def clone_images(image_id: int, count: int) -> None:
    """Insert thousands of products with a picture row each, by a pattern of file names."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH made AS (
                INSERT INTO catalog_product (sku, slug, title, description, brand, category_id, price, currency,
                                             stock, published, attributes, created_at, updated_at)
                SELECT 'clone' || n, 'clone' || n, 'clone ' || n, '', '', p.category_id, n %% 500, 'USD', 1, true,
                       '{}', now(), now()
                  FROM generate_series(1, %s) n, catalog_product p
                  JOIN catalog_productimage i ON i.product_id = p.id AND i.id = %s
                RETURNING id, sku)
            INSERT INTO catalog_productimage (product_id, file, alt, position, width, height, digest, created_at)
            SELECT id, 'products/' || sku, '', 0, 1, 1, encode(sha256(sku::bytea), 'hex'), now() FROM made
            """,
            [count, image_id],
        )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_interrupted_index_build_starts_again(plane: EmbeddingModel, settings: object) -> None:
    settings.EMBEDDING_INDEX_MIN_ROWS = 1  # type: ignore[attr-defined]
    Shopkeeper().embedded(plane, "red", [1, 0, 0])
    with connection.cursor() as cursor:
        cursor.execute(index_sql(plane))
    as_superuser("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [plane.index_name])
    assert not index_exists(plane)
    assert ensure_index(plane)
    assert index_exists(plane)


@pytest.mark.django_db(transaction=True)
def test_two_processes_that_want_the_index_do_not_wait_for_each_other(plane: EmbeddingModel, settings: Any) -> None:
    settings.EMBEDDING_INDEX_MIN_ROWS = 1
    Shopkeeper().embedded(plane, "red", [1, 0, 0])
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [INDEX_LOCK])
            assert ensure_index(plane) is False
            # Closing the connection is not enough: the server releases its locks some time later.
            cursor.execute("SELECT pg_advisory_unlock(%s)", [INDEX_LOCK])
    finally:
        other.close()
    assert ensure_index(plane) is True


def test_the_command_prints_json_in_the_published_shape(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    twin = shop.embedded(plane, "twin", [1, 0, 0], price=Decimal("9.90"))
    out = io.StringIO()
    call_command("similar", red.sku, "-k", "10", "--json", stdout=out)
    body = json.loads(out.getvalue())
    assert body["model"] == "plane"
    (entry,) = body["results"]
    assert math.isclose(entry.pop("score"), 1.0, abs_tol=1e-3)
    assert entry == {
        "sku": twin.sku, "slug": twin.slug, "title": "twin", "price": "9.90", "currency": "USD",
        "match": None, "image": twin.images.get().file.url, "source": "visual",
    }  # fmt: skip


def test_the_command_names_an_unknown_sku(db: None) -> None:
    with pytest.raises(CommandError, match="No product has the SKU 'nope'"):
        call_command("similar", "nope")


@pytest.mark.parametrize(
    "arguments", [["-k", "0"], ["-k", "x"], ["--price-max", "-1"], ["--price-max", "NaN"], ["--price-max", "1e999999"]]
)
def test_the_command_refuses_senseless_numbers(db: None, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("similar", "x", *arguments)


@pytest.mark.slow
def test_the_api_answers_like_the_command(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    for number in range(8):
        shop.embedded(plane, str(number), [1, number, 0], price=Decimal(number))
    client = APIClient()
    body = client.get(f"/api/v1/products/{red.slug}/similar/").json()
    assert [entry["title"] for entry in body["results"]] == ["0", "1", "2", "3", "4", "5"]
    assert body["results"][0]["image"].startswith("http://testserver/media/products/")
    body = client.get(f"/api/v1/products/{red.slug}/similar/?limit=2&price_max=1.5").json()
    assert [entry["title"] for entry in body["results"]] == ["0", "1"]


@pytest.mark.slow
def test_the_weight_of_the_colour_decides_what_is_alike(shop: Shopkeeper, coloured: EmbeddingModel) -> None:
    red_dress = shop.embedded(coloured, "red dress", [1, 0, 1, 0])
    shop.embedded(coloured, "blue dress", [1, 0, 0, 1])
    shop.embedded(coloured, "red shoe", [0, 1, 1, 0])
    client, address = APIClient(), f"/api/v1/products/{red_dress.slug}/similar/"
    for weight, first, score in (("0", "blue dress", 1.0), ("0.9", "red shoe", 0.9), ("0.25", "blue dress", 0.75)):
        body = client.get(f"{address}?colour_weight={weight}").json()
        assert (body["results"][0]["title"], body["results"][0]["score"]) == (first, pytest.approx(score, abs=2e-3))
    out = io.StringIO()
    call_command("similar", red_dress.sku, "-k", "1", "--colour-weight", "1", stdout=out)
    assert "red shoe" in out.getvalue()


def test_a_model_without_a_colour_part_is_an_error(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    response = APIClient().get(f"/api/v1/products/{red.slug}/similar/?colour_weight=0.3")
    assert (response.status_code, response.json()["code"]) == (400, "no_colour_part")
    with pytest.raises(CommandError, match="no separate parts for shape and colour"):
        call_command("similar", red.sku, "--colour-weight", "0.3")


@pytest.mark.slow
def test_the_api_filters_by_category_stock_brand_and_attributes(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "shoe", [1, 0, 0], category="footwear/shoes", attributes={"colour": "Red"})
    shop.embedded(plane, "boot", [1, 0, 0], category="footwear/boots", attributes={"colour": "Blue"}, brand="Tindra")
    shop.embedded(plane, "gone", [1, 0, 0], stock=0, brand="Kestrel")
    for query, expected in (
        ("category=footwear", {"shoe", "boot"}),
        ("in_stock=true", {"shoe", "boot"}),
        ("brand=Tindra&brand=Kestrel", {"boot", "gone"}),
        ("attribute=colour:Red", {"shoe"}),
        ("attribute=colour:Red&attribute=colour:Blue&category=footwear/boots", {"boot"}),
        ("attribute=colour:Red&price_min=30", set()),
    ):
        body = APIClient().get(f"/api/v1/products/{red.slug}/similar/?{query}").json()
        assert {entry["title"] for entry in body["results"]} == expected, query


@pytest.mark.slow
def test_pages_follow_one_another_by_their_cursor(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    for number in range(5):
        shop.embedded(plane, str(number), [1, number, 0])
    client, address = APIClient(), f"/api/v1/products/{red.slug}/similar/?limit=2"
    seen, cursor = [], ""
    while cursor is not None:
        body = client.get(f"{address}&cursor={cursor}" if cursor else address).json()
        seen.append([entry["title"] for entry in body["results"]])
        cursor = body.get("next")
    assert seen == [["0", "1"], ["2", "3"], ["4"]]


@pytest.mark.slow
def test_a_budget_that_nothing_meets_reports_what_costs_more(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "dear", [1, 0, 0], price=Decimal(90))
    shop.embedded(plane, "less dear", [0, 1, 0], price=Decimal(60))
    shop.embedded(plane, "on request", [1, 0, 0], price=None)
    body = APIClient().get(f"/api/v1/products/{red.slug}/similar/?price_max=10").json()
    above = body["above_budget"]
    assert (body["results"], above["count"], above["lowest_price"]) == ([], 2, "60.00")
    assert above["nearest"]["title"] == "less dear"
    out = io.StringIO()
    call_command("similar", red.sku, "--price-max", "10", stdout=out)
    assert "2 products cost more, from 60.00" in out.getvalue()


def test_above_a_budget_the_lowest_price_still_applies(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    for price in (30, 60, 90):
        shop.embedded(plane, str(price), [1, 0, 0], price=Decimal(price))
    search_request = SearchRequest(3, Filters(price_min=Decimal(50), price_max=Decimal("20.005")))
    above = find_similar(red, search_request).above
    assert above is not None
    assert (above.count, above.lowest, above.match.product.title) == (2, Decimal(60), "60")


@pytest.mark.slow
def test_the_same_in_another_colour(shop: Shopkeeper, coloured: EmbeddingModel) -> None:
    red_dress = shop.embedded(coloured, "red dress", [1, 0, 1, 0])
    shop.embedded(coloured, "red skirt", [0.9, 0.1, 1, 0])
    shop.embedded(coloured, "blue dress", [1, 0, 0, 1], attributes={"colour": "Blue"})
    shop.embedded(coloured, "blue shoe", [0, 1, 0, 1], attributes={"colour": "Blue"})
    client, address = APIClient(), f"/api/v1/products/{red_dress.slug}/similar/"
    assert client.get(f"{address}?limit=1").json()["results"][0]["title"] == "red skirt"
    body = client.get(f"{address}?limit=1&in_colour=Blue").json()
    assert [entry["title"] for entry in body["results"]] == ["blue dress"]
    body = client.get(f"{address}?limit=1&in_colour=Blue&cursor={body['next']}").json()
    assert [entry["title"] for entry in body["results"]] != ["blue dress"]
    out = io.StringIO()
    call_command("similar", red_dress.sku, "-k", "1", "--in-colour", "Blue", stdout=out)
    assert "blue dress" in out.getvalue()
    assert client.get(f"{address}?in_colour=Infrared").json()["results"] == []


@pytest.mark.parametrize(
    "query",
    [
        "category=nowhere", "cursor=%25", "attribute=red", "colour_weight=2", "colour_weight=NaN", "price_min=-1",
        "brand=%00", "&".join(f"attribute=n{number}:x" for number in range(101)),
    ],
)  # fmt: skip
def test_the_api_refuses_invalid_options(shop: Shopkeeper, plane: EmbeddingModel, query: str) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    response = APIClient().get(f"/api/v1/products/{red.slug}/similar/?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.json()["errors"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=1000000000", "limit=abc", "limit=NaN", "price_max=-1", "price_max=NaN"]
)
def test_the_api_refuses_senseless_numbers(shop: Shopkeeper, plane: EmbeddingModel, query: str) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    response = APIClient().get(f"/api/v1/products/{red.slug}/similar/?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.json()["errors"]


@pytest.mark.parametrize("pks", [{0}, {2**62, 2**63 + 2**61}])
def test_a_cursor_of_impossible_products_excludes_nothing(
    shop: Shopkeeper, plane: EmbeddingModel, pks: set[int]
) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "scarlet", [1, 0, 0])
    body = APIClient().get(f"/api/v1/products/{red.slug}/similar/?cursor={to_cursor(pks)}").json()
    assert [entry["title"] for entry in body["results"]] == ["scarlet"]


def test_a_request_with_too_many_fields_is_refused_like_any_other_error(
    shop: Shopkeeper, plane: EmbeddingModel
) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    response = APIClient().get(f"/api/v1/products/{red.slug}/similar/?{'a=b&' * 1001}")
    assert (response.status_code, response.json()["code"]) == (400, "parse_error")


def test_the_api_knows_no_hidden_or_unknown_product(shop: Shopkeeper) -> None:
    hidden = shop.product(published=False)
    for slug in (hidden.slug, "nothing"):
        response = APIClient().get(f"/api/v1/products/{slug}/similar/")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_the_api_answers_an_empty_list_before_anything_is_embedded(shop: Shopkeeper) -> None:
    response = APIClient().get(f"/api/v1/products/{shop.product().slug}/similar/")
    empty = {"model": None, "match_basis": None, "match_kind": None, "results": []}
    assert (response.status_code, response.json()) == (200, empty)
