"""Condition, size, GTIN and buy link: on the page, and checked at every door."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from rest_framework.test import APIClient

from catalog.models import Product
from recommendations.search.filters import Filters
from tests.catalog.test_attributes import form_of
from tests.shopkeeper import Shopkeeper

DETAILS = {
    "condition": "Very good", "size": "M / 38", "gtin": "0012345678905", "url": "https://www.shop.example/coats?id=1&x=2",
}  # fmt: skip
HOSTILE = [
    "javascript:alert(1)",
    "JavaScript://shop.example/%0aalert(1)",
    " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "ftp://shop.example/",
    "//shop.example/",
    "/coats",
    "https:shop.example",
    "https://",
    "https://a b/",
    "https://shop.example/\njavascript:alert(1)",
    "https://shop.example/" + "x" * 2000,
]


def page_of(client: Client, product: Product) -> str:
    return client.get(product.get_absolute_url()).content.decode()


def test_the_page_shows_condition_size_gtin_and_a_link_to_buy(shop: Shopkeeper, client: Client) -> None:
    product = shop.product(**DETAILS)
    page = page_of(client, product)
    for text in ("Very good", "M / 38", "0012345678905", "Buy at shop.example"):
        assert text in page
    link = re.search(r'<a class="button" href="([^"]*)" rel="([^"]*)">', page)
    assert link is not None
    assert link.groups() == ("https://www.shop.example/coats?id=1&amp;x=2", "noopener nofollow")
    block = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    assert block is not None
    described, _ = json.loads(block[1])
    assert (described["gtin"], described["size"]) == (DETAILS["gtin"], DETAILS["size"])
    assert described["offers"]["itemCondition"] == "https://schema.org/UsedCondition"


def test_a_product_without_them_has_none_on_its_page_and_what_is_sold_out_cannot_be_bought(
    shop: Shopkeeper, client: Client
) -> None:
    plain = page_of(client, shop.product())
    assert not any(text in plain for text in ("Buy at", "product__facts", "GTIN", "itemCondition"))
    assert "Buy at" not in page_of(client, shop.product(stock=0, **DETAILS))


@pytest.mark.parametrize(
    ("condition", "word"), [("New with tags", "New"), ("Refurbished", "Refurbished"), ("Good", "Used")]
)
def test_search_engines_read_the_nearest_condition(shop: Shopkeeper, client: Client, condition: str, word: str) -> None:
    assert f"https://schema.org/{word}Condition" in page_of(client, shop.product(condition=condition))


def test_the_api_takes_and_gives_them(staff_api: APIClient, shop: Shopkeeper) -> None:
    shop.category("clothes")
    body = {"sku": "NEW", "title": "New coat", "category": "clothes", "compare_at_price": "30", "price": "20"} | DETAILS
    created = staff_api.post("/api/v1/products/", body, format="json")
    assert created.status_code == 201, created.content
    product = Product.objects.get()
    assert {name: getattr(product, name) for name in DETAILS} == DETAILS
    read = APIClient().get(f"/api/v1/products/{product.slug}/").json()
    assert {name: read[name] for name in DETAILS} == DETAILS
    assert (read["compare_at_price"], product.compare_at_price) == ("30.00", Decimal(30))


def test_the_admin_takes_them(admin_client: Client, shop: Shopkeeper) -> None:
    product = shop.product()
    response = admin_client.post(f"/admin/catalog/product/{product.pk}/change/", form_of(product, **DETAILS))
    assert response.status_code == 302
    product.refresh_from_db()
    assert {name: getattr(product, name) for name in DETAILS} == DETAILS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [("url", address) for address in HOSTILE]
    + [("gtin", number) for number in ("4006381333932", "123", "abcdefgh", "4006381 333931", "٤٠٠٦٣٨١٣٣٣٩٣١")]
    + [("size", "x" * 51), ("condition", "x" * 51)],
    ids=lambda text: repr(text[:30]),
)
def test_a_wrong_value_is_refused_at_every_door(
    shop: Shopkeeper, staff_api: APIClient, admin_client: Client, name: str, value: str
) -> None:
    product = shop.product()
    with pytest.raises(ValidationError) as caught:
        Product(sku="X", title="X", category=product.category, **{name: value}).full_clean()
    assert name in caught.value.message_dict

    body = {"sku": "NEW", "title": "New", "category": "clothes", name: value}
    response = staff_api.post("/api/v1/products/", body, format="json")
    assert response.status_code == 400
    assert name in response.json()["errors"]

    response = admin_client.post(f"/admin/catalog/product/{product.pk}/change/", form_of(product, **{name: value}))
    assert response.status_code == 200
    assert name in response.context["adminform"].form.errors
    product.refresh_from_db()
    assert getattr(product, name) == ""


@pytest.mark.parametrize("address", [*HOSTILE[:10], "https://shop.example/\njavascript:alert(1)"])
def test_the_database_refuses_other_links(shop: Shopkeeper, address: str) -> None:
    product = shop.product()
    with pytest.raises(IntegrityError, match="product_url_is_a_web_address"), transaction.atomic():
        Product.objects.filter(pk=product.pk).update(url=address)
    with pytest.raises(IntegrityError, match="product_gtin_is_digits"), transaction.atomic():
        Product.objects.filter(pk=product.pk).update(gtin="12345")


def test_searches_filter_by_condition_and_size_as_by_attributes(shop: Shopkeeper) -> None:
    column = shop.product(size="M", condition="Good")
    attribute = shop.product(attributes={"size": "M", "condition": "Good"})
    shop.product(size="L", condition="New")
    shop.product()
    for name, value in (("size", "M"), ("condition", "Good")):
        found = Product.objects.filter(Filters(attributes={name: frozenset({value})}).conditions())
        assert set(found) == {column, attribute}
