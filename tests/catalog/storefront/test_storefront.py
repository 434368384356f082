from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from recommendations.models import EmbeddingModel
from tests.shopkeeper import Shopkeeper


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def text(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_home_shows_categories_and_newest_products(shop: Shopkeeper, client: Client) -> None:
    shop.product("Old boot", category="footwear")
    shop.product("New dress", category="clothes")
    page = text(client, "/")
    assert "Footwear" in page
    assert page.index("New dress") < page.index("Old boot")


def test_an_empty_shop_says_so(client: Client, db: None) -> None:
    assert client.get("/").status_code == 200


def test_a_category_shows_its_children_and_all_products_below(shop: Shopkeeper, client: Client) -> None:
    shop.product("Deep sneaker", category="footwear/shoes/sneakers")
    shop.product("Red dress", category="clothes")
    page = text(client, "/c/footwear/")
    assert "Deep sneaker" in page
    assert "Shoes" in page
    assert "Red dress" not in page


@pytest.mark.slow
def test_categories_are_paginated(shop: Shopkeeper, client: Client, settings: Any) -> None:
    settings.PRODUCTS_PER_PAGE = 2
    for number in range(5):
        shop.product(f"Dress {number}")
    assert "Dress 4" in text(client, "/c/clothes/")
    last = text(client, "/c/clothes/?page=3")
    assert "Dress 0" in last
    assert "Dress 4" not in last
    assert client.get("/c/clothes/?page=nonsense").status_code == 200


@pytest.mark.parametrize(
    "query", ["navy dress", "DRESSES", "women", '"navy dress"'], ids=["words", "stem", "attribute", "phrase"]
)
def test_search_finds_title_and_attributes(shop: Shopkeeper, client: Client, query: str) -> None:
    shop.product("Navy dress", attributes={"gender": "Women"})
    shop.product("Green boot", attributes={"gender": "Men"})
    page = text(client, "/search/?q=" + query)
    assert "Navy dress" in page
    assert "Green boot" not in page


@pytest.mark.parametrize(
    "query", ["", "zzz", "%00", "' or 1=1 --", "((", "<script>alert(1)</script>", "-" * 50, "- !<" * 40]
)
def test_any_search_text_gets_a_page(shop: Shopkeeper, client: Client, query: str) -> None:
    page = text(client, "/search/?q=" + query)
    assert "<script>alert" not in page


def test_unpublished_products_are_nowhere(shop: Shopkeeper, client: Client) -> None:
    hidden = shop.product("Secret dress", published=False)
    assert client.get(hidden.get_absolute_url()).status_code == 404
    for url in ("/", "/c/clothes/", "/search/?q=secret"):
        assert "Secret dress" not in text(client, url)


def test_a_product_page_shows_price_stock_breadcrumbs_and_pictures(shop: Shopkeeper, client: Client) -> None:
    product = shop.product(
        "Red dress", category="clothes/dresses", price=Decimal("1234.50"), compare_at_price=Decimal("1500"), stock=0
    )
    images = [shop.image(product), shop.image(product)]
    page = text(client, product.get_absolute_url())
    assert "$1,234.50" in page
    assert "$1,500.00" in page
    assert "sold out" in page.lower()
    assert 'href="/c/clothes/"' in page
    assert 'href="/c/clothes/dresses/"' in page
    for image in images:
        assert image.file.url in page


def test_structured_data_describes_the_product_and_cannot_break_out(shop: Shopkeeper, client: Client) -> None:
    product = shop.product("Dress </script><script>alert(1)</script>", price=Decimal("9.90"))
    page = text(client, product.get_absolute_url())
    assert "<script>alert" not in page
    block = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    assert block is not None
    described, crumbs = json.loads(block[1])
    assert described["name"] == product.title
    assert described["offers"]["price"] == "9.90"
    assert described["offers"]["availability"] == "https://schema.org/InStock"
    assert [step["name"] for step in crumbs["itemListElement"]] == ["Clothes"]


@pytest.mark.slow
def test_pages_cost_the_same_queries_however_many_products(
    shop: Shopkeeper, client: Client, plane: EmbeddingModel
) -> None:
    first = shop.embedded(plane, "Dress", [1, 0, 0], category="clothes/dresses")
    client.get(first.get_absolute_url())  # from now on the home page has a personal strip
    address = first.get_absolute_url()
    urls = ["/", "/c/clothes/", "/search/?q=dress", address, f"{address}similar/", f"{address}?similar=1"]
    few = [queries(client, url) for url in urls]
    for number in range(12):
        shop.embedded(plane, f"Dress {number}", [1, number / 10, 0], [0, 1, 1], category="clothes/dresses")
    many = [queries(client, url) for url in urls]
    assert [after <= before for before, after in zip(few, many, strict=True)] == [True] * 6
    assert many[3] <= 6, "the product, its category and pictures, whether there are others, the menu"
    assert many[4] <= 11, "the product, and eight of its strip: what the shop wants, the search, the pictures"
    assert many[5] <= 13, "both"
    assert max(many[:3]) <= 12, "one of the menu, which only tests do not keep"


@pytest.mark.parametrize("url", ["/p/nothing/", "/c/nothing/", "/nothing"])
def test_what_is_not_there_is_a_404_with_a_way_on(db: None, client: Client, url: str) -> None:
    response = client.get(url)
    assert response.status_code == 404
    assert b'href="/"' in response.content


def test_a_404_in_the_admin_speaks_to_staff(admin_client: Client) -> None:
    response = admin_client.get("/admin/nowhere/")
    page = response.content.decode()
    assert response.status_code == 404
    assert 'href="/admin/">Back to the admin' in page
    assert "sold" not in page


def test_pages_allow_no_inline_scripts_and_no_framing(db: None, client: Client) -> None:
    response = client.get("/")
    assert "unsafe-inline" not in response["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"
