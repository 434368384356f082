"""Facets on category pages and in text search: what they filter, what they count, and what the address keeps."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import strip_tags

from catalog.facets.choice import CHEAPEST, DEAREST, Choice
from catalog.facets.panel import Panel
from catalog.facets.words import colour_label, size_order
from catalog.models import Product
from catalog.search.indexing import index_stale
from tests.shopkeeper import Shopkeeper


@pytest.fixture
def dresses(shop: Shopkeeper) -> None:
    shop.product("One", brand="Ada", size="M", price=Decimal(10), attributes={"colour": "Navy"})
    shop.product("Two", brand="Ada", size="S", price=Decimal(20), stock=0, attributes={"colour": "navy blue"})
    shop.product(
        "Three", brand="Bea", price=Decimal(30), attributes={"colour": ["Red", "Navy Blue"], "sizes": ["S", "38"]}
    )
    shop.product("Four", category="clothes/dresses", brand="Bea", size="38", price=None, attributes={"colour": "Red"})
    shop.product("Five", category="clothes/shirts", price=Decimal(40))
    index_stale()


def titles(client: Client, url: str, **headers: str) -> list[str]:
    response = client.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert response.status_code == 200
    return [product.title for product in response.context["page"]]


def counts(client: Client, url: str) -> dict[str, dict[str, str]]:
    panel: Panel = client.get(url).context["panel"]
    return {facet.name: {option.label: option.count for option in facet.options} for facet in panel.facets}


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("colour=Navy+Blue", ["Three", "Two", "One"]),
        ("colour=Red", ["Four", "Three"]),
        ("colour=Red&colour=Navy+Blue&brand=Ada", ["Two", "One"]),
        ("brand=Bea&brand=Ada", ["Four", "Three", "Two", "One"]),
        ("size=S", ["Three", "Two"]),
        ("size=38", ["Four", "Three"]),
        ("price_min=20&price_max=30", ["Three", "Two"]),
        ("price_max=20,00", ["Two", "One"]),
        ("price_min=30", ["Five", "Three"]),
        ("in_stock=1&colour=Navy+Blue", ["Three", "One"]),
        ("category=clothes/dresses&category=clothes/shirts", ["Five", "Four"]),
        ("brand=Nobody", []),
    ],
)  # fmt: skip
def test_filters_leave_what_they_say(dresses: None, client: Client, query: str, left: list[str]) -> None:
    assert titles(client, f"/c/clothes/?{query}") == left


@pytest.mark.slow
def test_counts_are_of_the_products_under_the_other_filters(dresses: None, client: Client) -> None:
    assert counts(client, "/c/clothes/") == {
        "category": {"Dresses": "1", "Shirts": "1"},
        "colour": {"Navy Blue": "3", "Red": "2"},
        "brand": {"Ada": "2", "Bea": "2"},
        "size": {"S": "2", "M": "1", "38": "2"},
    }
    chosen = counts(client, "/c/clothes/?brand=Ada")
    assert chosen["brand"] == {"Ada": "2", "Bea": "2"}
    assert chosen["size"] == {"S": "1", "M": "1"}
    assert "colour" not in chosen  # one value is no choice
    for url in ("/c/clothes/", "/c/clothes/?brand=Ada", "/c/clothes/?colour=Red&in_stock=1"):
        for name, values in counts(client, url).items():
            if name != "category" and f"{name}=" not in url:
                for value, count in values.items():
                    narrowed = f"{url}{'&' if '?' in url else '?'}{name}={value.replace(' ', '+')}"
                    assert str(len(titles(client, narrowed))) == count, narrowed


def test_chips_remove_one_filter_each_and_forms_keep_the_rest(dresses: None, client: Client) -> None:
    response = client.get("/c/clothes/?colour=Red&price_max=30&sort=price")
    assert [(chip.label, chip.query) for chip in response.context["panel"].chips] == [
        ("Red", "?price_max=30&sort=price"),
        ("Up to $30.00", "?colour=Red&sort=price"),
    ]
    assert response.context["panel"].clear == "?sort=price"
    html = response.content.decode()
    assert re.search(r'<form class="filters"[^>]* action="/c/clothes/" method="get"', html)
    assert re.search(r'name="colour" value="Red" checked', html)


def test_no_products_offers_to_remove_the_last_filter(dresses: None, client: Client) -> None:
    html = client.get("/c/clothes/?brand=Ada&colour=Red").content.decode()
    assert "No products match these filters" in html
    assert 'href="/c/clothes/?brand=Ada">Remove “Red”' in html


@pytest.mark.slow
def test_search_results_have_facets_too(shop: Shopkeeper, client: Client) -> None:
    for number, colour in enumerate(("Red", "Red", "Blue"), start=1):
        shop.product(f"Boot {number}", price=Decimal(number), attributes={"colour": colour})
    shop.product("Lamp", attributes={"colour": "Red"})
    index_stale()
    assert counts(client, "/search/?q=boot")["colour"] == {"Blue": "1", "Red": "2"}
    assert sorted(titles(client, "/search/?q=boot&colour=Red")) == ["Boot 1", "Boot 2"]
    assert titles(client, "/search/?q=boot&sort=-price") == ["Boot 3", "Boot 2", "Boot 1"]
    html = client.get("/search/?q=boot&colour=Green").content.decode()
    assert 'href="/search/?q=boot">Remove “Green”' in html
    assert "Results for “boot”" in strip_tags(html)


def test_products_without_a_price_come_last_in_both_orders(dresses: None, client: Client) -> None:
    assert titles(client, "/c/clothes/?sort=price") == ["One", "Two", "Three", "Five", "Four"]
    assert titles(client, "/c/clothes/?sort=-price") == ["Five", "Three", "Two", "One", "Four"]


@pytest.mark.slow
def test_load_more_adds_a_page_and_its_address_shows_all_of_them(dresses: None, client: Client, settings: Any) -> None:
    settings.PRODUCTS_PER_PAGE = 2
    first = client.get("/c/clothes/?in_stock=1")
    assert (
        'href="/c/clothes/?in_stock=1&amp;page=2" hx-get="/c/clothes/?in_stock=1&amp;upto=2"' in first.content.decode()
    )
    assert titles(client, "/c/clothes/?in_stock=1&upto=2") == ["Five", "Four", "Three", "One"]
    assert titles(client, "/c/clothes/?in_stock=1&upto=2", HX_Request="true", HX_Target="cards") == ["Three", "One"]
    assert titles(client, "/c/clothes/?page=2&upto=3") == ["Three", "Two", "One"]
    assert "HX-Target" in first["Vary"]


def test_htmx_gets_the_short_address(dresses: None, client: Client) -> None:
    address = "/c/clothes/?price_min=&price_max=30&brand=Ada&sort=newest"
    assert client.get(address, headers={"HX-Request": "true"})["HX-Push-Url"] == "/c/clothes/?price_max=30&brand=Ada"
    assert "HX-Push-Url" not in client.get(address)


@pytest.mark.parametrize("amount", ["abc", "-1", "1e99", "nan", "inf", "99999999999", "1,2,3", "٣x"])
def test_what_is_no_amount_filters_nothing_and_is_named(dresses: None, client: Client, amount: str) -> None:
    response = client.get("/c/clothes/", {"price_max": amount})
    assert len(response.context["page"]) == 5
    assert response.context["panel"].price.problems == {"price_max": "Enter an amount of money, for example 49.90."}


@pytest.mark.parametrize("path", ["/c/clothes/", "/search/?q=one"])
@pytest.mark.parametrize(
    "query",
    [
        "colour=%00", "colour=%ED%A0%80", "size=" + "9" * 3000, "brand=" + "&brand=x" * 500, "category=../..",
        "category=%25", "sort=id", "upto=999999", "upto=-1&page=abc", "price_min=٣", "in_stock=maybe", "colour=",
        "size=1e5",
    ],
)  # fmt: skip
def test_odd_filters_get_a_page(dresses: None, client: Client, path: str, query: str) -> None:
    titles(client, f"{path}{'&' if '?' in path else '?'}{query}")


def test_colours_and_sizes_are_grouped_and_ordered_as_people_do() -> None:
    words = ["Navy", "NAVY BLUE", "navy blue", "gray", "Red", "rOSE"]
    assert [colour_label(word) for word in words] == ["Navy Blue", "Navy Blue", "Navy Blue", "Grey", "Red", "rOSE"]
    sizes = ["10", "XL", "9.5", "One size", "S", "XS", "3XL", "M", "42"]
    assert sorted(sizes, key=size_order) == ["XS", "S", "M", "XL", "3XL", "9.5", "10", "42", "One size"]


@pytest.mark.parametrize("url", ["/c/clothes/", "/search/?q=dress"])
def test_filtered_lists_take_the_same_queries_however_many_values_there_are(
    shop: Shopkeeper, client: Client, url: str
) -> None:
    def fill(number: int) -> None:
        shop.product(
            f"Dress {number}", category=f"clothes/kind-{number}", brand=f"Brand {number}", size=str(30 + number),
            attributes={"colour": f"Colour {number}", "sizes": [str(number)]}, price=Decimal(number + 1),
        )  # fmt: skip
        index_stale()

    def sent(query: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"{url}{'&' if '?' in url else '?'}{query}").status_code == 200
        return len(captured)

    for number in range(3):
        fill(number)
    queries = ("", "colour=Colour+1", "colour=Colour+1&brand=Brand+1&size=31&price_max=900&in_stock=1&sort=-price")
    few = [sent(query) for query in queries]
    for number in range(3, 12):
        fill(number)
    assert [sent(query) for query in queries] == few
    assert sent("&".join(f"colour=Colour+{number}" for number in range(10))) == few[1]


def test_lists_by_price_are_read_from_an_index(shop: Shopkeeper) -> None:
    """Without sorting: the list ends after a page, however long it is."""
    shop.product()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
    for sort, index in ((CHEAPEST, "product_cheapest"), (DEAREST, "product_dearest")):
        plan = Product.objects.published().order_by(*Choice(sort=sort).order)[:24].explain()
        assert index in plan
        assert "Sort" not in plan
