"""Attributes are an object of texts, numbers, booleans and lists of texts, wherever they come from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from rest_framework.test import APIClient

from catalog.attributes import mended, parse_attributes, text_of, validate_attributes
from catalog.importing.problems import problem_of
from catalog.models import Product
from ml.files.catalog.errors import RowError
from ml.files.catalog.records import Record
from recommendations.search.filters import Filters
from tests.shopkeeper import Shopkeeper

GOOD: list[dict[str, Any]] = [
    {},
    {"colour": "Navy Blue"},
    {"size": 42, "weight": 0.75, "low": -3, "zero": 0},
    {"lined": True, "washable": False},
    {"sizes": ["38", "40"], "none": []},
    {"größe": "Übergröße", "emoji": "👗", "script": "<script>alert(1)</script>"},
]
#: Invalid attributes as Python values, which staff may also type as JSON.
BAD = {
    "a list": "[1, 2]",
    "an empty list": "[]",
    "a text": '"red"',
    "an empty text": '""',
    "a number": "5",
    "true": "true",
    "null": "null",
    "null inside": '{"colour": null}',
    "an object inside": '{"size": {"eu": 42}}',
    "a list of numbers": '{"sizes": [38, 40]}',
    "a list of lists": '{"sizes": [["38"]]}',
    "null in a list": '{"sizes": ["38", null]}',
    "NUL": '{"colour": "\\u0000"}',
    "NUL in a name": '{"\\u0000": "red"}',
    "NUL in a list": '{"sizes": ["\\u0000"]}',
    "half a surrogate pair": '{"colour": "\\ud800"}',
    "infinity by overflow": '{"size": 1e400}',
    "a huge number": '{"size": 1e300}',
    "a tiny number": '{"size": 1e-300}',
    "many digits": '{"size": ' + "9" * 400 + "}",
    "no name": '{"": "red"}',
    "a long name": json.dumps({"n" * 101: "red"}),
    "a long text": json.dumps({"colour": "r" * 1001}),
    "many": json.dumps({f"a{number}": "x" for number in range(101)}),
    "long in all": json.dumps({f"a{number}": "x" * 900 for number in range(30)}),
}
#: Invalid JSON text.
BAD_JSON = {
    "NaN": "NaN",
    "NaN inside": '{"size": NaN}',
    "infinity": '{"size": -Infinity}',
    "no JSON": "{colour: red}",
    "cut off": '{"colour": ',
    "one name twice": '{"colour": "red", "colour": "blue"}',
    "deep": "[" * 5000 + "]" * 5000,
    "deep objects": '{"a":' * 5000 + "1" + "}" * 5000,
    "thousands of digits": '{"size": ' + "9" * 5000 + "}",
}


@pytest.mark.slow
@pytest.mark.parametrize("attributes", GOOD)
def test_every_valid_form_is_stored_shown_and_answered_as_it_is(shop: Shopkeeper, attributes: dict[str, Any]) -> None:
    product = shop.product(attributes=attributes)
    product.refresh_from_db()
    product.full_clean()
    assert product.attributes == attributes
    assert APIClient().get(f"/api/v1/products/{product.slug}/").json()["attributes"] == attributes
    assert APIClient().get("/api/v1/products/").json()["results"][0]["attributes"] == attributes
    page = Client().get(f"/p/{product.slug}/")
    assert page.status_code == 200
    assert "<script>alert(1)" not in page.content.decode()


@pytest.mark.slow
def test_the_page_shows_attributes_as_people_write_them(shop: Shopkeeper) -> None:
    product = shop.product(attributes={"sizes": ["38", "40"], "lined": True, "weight": 0.5, "nothing": []})
    page = Client().get(f"/p/{product.slug}/").content.decode()
    assert "38, 40" in page
    assert "Yes" in page
    assert "0.5" in page
    assert "Nothing" not in page


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_the_validator_refuses_what_is_no_attribute(text: str) -> None:
    with pytest.raises(ValidationError):
        validate_attributes(json.loads(text))


@pytest.mark.parametrize("text", BAD_JSON.values(), ids=BAD_JSON)
def test_the_parser_refuses_what_is_no_json(text: str) -> None:
    with pytest.raises(ValidationError):
        validate_attributes(parse_attributes(text))


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize("text", [*BAD.values(), *BAD_JSON.values()], ids=[*BAD, *BAD_JSON])
def test_the_admin_shows_the_form_again_with_what_was_typed(admin_client: Client, shop: Shopkeeper, text: str) -> None:
    product = shop.product(attributes={"colour": "Red"})
    response = admin_client.post(f"/admin/catalog/product/{product.pk}/change/", form_of(product, attributes=text))
    assert response.status_code == 200
    form = response.context["adminform"].form
    assert list(form.errors) == ["attributes"]
    assert form["attributes"].value() == text
    assert form["title"].value() == product.title
    product.refresh_from_db()
    assert product.attributes == {"colour": "Red"}


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize("text", ["", "  ", "{}", "null "])
def test_an_empty_field_of_the_admin_means_no_attributes(admin_client: Client, shop: Shopkeeper, text: str) -> None:
    product = shop.product(attributes={"colour": "Red"})
    response = admin_client.post(f"/admin/catalog/product/{product.pk}/change/", form_of(product, attributes=text))
    product.refresh_from_db()
    if text.strip() == "null":
        assert response.status_code == 200
        assert product.attributes == {"colour": "Red"}
    else:
        assert response.status_code == 302, response.context["adminform"].form.errors
        assert product.attributes == {}


@pytest.mark.slow
@pytest.mark.parametrize("attributes", GOOD)
def test_the_admin_keeps_every_valid_form(admin_client: Client, shop: Shopkeeper, attributes: dict[str, Any]) -> None:
    product = shop.product(attributes=attributes)
    page = admin_client.get(f"/admin/catalog/product/{product.pk}/change/")
    typed = page.context["adminform"].form["attributes"].value()
    typed = typed if isinstance(typed, str) else json.dumps(typed)
    response = admin_client.post(f"/admin/catalog/product/{product.pk}/change/", form_of(product, attributes=typed))
    assert response.status_code == 302, response.context["adminform"].form.errors
    product.refresh_from_db()
    assert product.attributes == attributes


@pytest.mark.slow
@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_the_api_names_the_field(staff_api: APIClient, shop: Shopkeeper, text: str) -> None:
    shop.category("clothes")
    body = f'{{"sku": "NEW", "title": "New", "category": "clothes", "attributes": {text}}}'
    response = staff_api.post("/api/v1/products/", body, content_type="application/json")
    assert response.status_code == 400, response.content
    assert list(response.json()["errors"]) == ["attributes"]
    assert not Product.objects.exists()


@pytest.mark.parametrize("attributes", GOOD)
def test_the_api_takes_every_valid_form(staff_api: APIClient, shop: Shopkeeper, attributes: dict[str, Any]) -> None:
    shop.category("clothes")
    body = {"sku": "NEW", "title": "New", "category": "clothes", "attributes": attributes}
    response = staff_api.post("/api/v1/products/", body, format="json")
    assert response.status_code == 201, response.content
    assert response.json()["attributes"] == attributes


def test_an_import_refuses_the_row(shop: Shopkeeper) -> None:
    record = Record("styles.csv", 2, "A", "A", ("Clothes",), None, {"colour": "r" * 1001})
    problem = problem_of(record)
    assert isinstance(problem, RowError)
    assert problem.code == "bad_attributes"
    assert '"colour"' in problem.reason


STRUCTURE = [
    "a list", "a text", "a number", "true", "null", "null inside", "an object inside", "a list of numbers",
    "a list of lists", "null in a list",
]  # fmt: skip


@pytest.mark.parametrize("kind", STRUCTURE)
def test_the_database_refuses_what_gets_past_the_application(shop: Shopkeeper, kind: str) -> None:
    product = shop.product()
    with pytest.raises(IntegrityError, match="product_attributes_are_plain"), transaction.atomic():
        store(product, BAD[kind])


def store(product: Product, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_product SET attributes = %s WHERE id = %s", [text, product.pk])


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.django_db(transaction=True)
def test_the_migration_mends_what_was_stored_before(shop: Shopkeeper) -> None:
    latest = [node for node in MigrationExecutor(connection).loader.graph.leaf_nodes() if node[0] != "admin"]
    products = {kind: shop.product(kind) for kind in [*STRUCTURE, "fine"]}  # today's columns are gone in the past
    MigrationExecutor(connection).migrate([("catalog", "0004_image_request_id")])
    try:
        for kind in STRUCTURE:
            store(products[kind], BAD[kind])
        Product.objects.filter(pk=products["fine"].pk).update(price=None, compare_at_price=9)
    finally:
        MigrationExecutor(connection).migrate(latest)
    for kind, product in products.items():
        product.refresh_from_db()
        product.full_clean()
        assert Client().get(f"/p/{product.slug}/").status_code == 200, kind
    assert products["a list"].attributes == {"other": ["1", "2"]}
    assert products["an object inside"].attributes == {"size": '{"eu": 42}'}


def test_mending_keeps_what_was_said() -> None:
    assert mended([1, "a", None, {"b": 2}]) == {"other": ["1", "a", '{"b": 2}']}
    assert mended("red") == {"other": "red"}
    assert mended('{"colour": "Red"}') == {"colour": "Red"}
    assert mended(5) == {"other": 5}
    assert mended(None) == {}
    assert mended({"size": {"eu": 42}, "sizes": [38, "40"], "none": None}) == {
        "size": '{"eu": 42}',
        "sizes": ["38", "40"],
    }


@pytest.mark.case
@pytest.mark.parametrize(
    ("stored", "asked", "found"),
    [
        (42, "42", True),
        ("42", "42", True),
        (["41", "42"], "42", True),
        (42.0, "42", True),
        (0.5, "0.5", True),
        (-3, "-3", True),
        (True, "true", True),
        (False, "false", True),
        (True, "false", False),
        (421, "42", False),
        (["421"], "42", False),
        ("4 2", "42", False),
    ],
)
def test_filters_find_numbers_truth_values_and_members_of_lists(
    shop: Shopkeeper, stored: Any, asked: str, found: bool
) -> None:
    shop.product(attributes={"size": stored})
    matching = Product.objects.filter(Filters(attributes={"size": frozenset({asked})}).conditions())
    assert matching.exists() is found


def test_texts_for_people() -> None:
    assert [text_of(value) for value in (None, "", [], True, False, 0, 1.5, ["a", "b"])] == [
        "", "", "", "Yes", "No", "0", "1.5", "a, b",
    ]  # fmt: skip


def form_of(product: Product, **changed: Any) -> dict[str, Any]:
    return {
        "title": product.title,
        "sku": product.sku,
        "slug": product.slug,
        "category": product.category_id,
        "price": "20.00",
        "currency": "USD",
        "stock": 5,
        "published": "on",
        "attributes": "{}",
        "images-TOTAL_FORMS": 0,
        "images-INITIAL_FORMS": 0,
        "pins-TOTAL_FORMS": 0,
        "pins-INITIAL_FORMS": 0,
    } | changed
