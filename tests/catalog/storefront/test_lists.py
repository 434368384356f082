"""Saved items and the comparison: lists in cookies, which shoppers can share."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from catalog.models import Product
from catalog.storefront.lists import COMPARED, SAVED, ProductList
from catalog.storefront.saving import rows
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db


def add(client: Client, name: str, *products: Product, **more: str) -> Any:
    items = ".".join(str(product.pk) for product in products)
    return client.post("/lists/change/", {"list": name, "items": items, **more})


def titles(client: Client, address: str) -> list[str]:
    return re.findall(r'class="card__title"><a[^>]*>([^<]+)<', client.get(address).content.decode())


def test_what_is_saved_is_listed_the_last_one_first(client: Client, shop: Shopkeeper) -> None:
    coat, hat = shop.product("Coat"), shop.product("Hat")
    assert add(client, "saved", coat).headers["Location"] == "/saved/"
    add(client, "saved", hat)
    add(client, "saved", hat)
    assert titles(client, "/saved/") == ["Hat", "Coat"]
    add(client, "saved", hat, remove="1")
    assert titles(client, "/saved/") == ["Coat"]
    add(client, "saved", coat, remove="1")
    assert client.cookies["saved"].value == ""
    assert "Nothing saved yet" in client.get("/saved/").content.decode()


def test_a_list_shows_prices_and_stock_as_they_are_now(client: Client, shop: Shopkeeper) -> None:
    coat = shop.product("Coat", price=Decimal("20.00"))
    add(client, "saved", coat)
    Product.objects.filter(pk=coat.pk).update(price=Decimal("15.00"), stock=0)
    page = client.get("/saved/").content.decode()
    assert "15.00" in page
    assert "20.00" not in page
    assert "Sold out" in page


def test_an_item_that_is_gone_is_counted_and_back_with_its_product(client: Client, shop: Shopkeeper) -> None:
    coat, hat = shop.product("Coat"), shop.product("Hat")
    add(client, "saved", coat, hat)
    Product.objects.filter(pk=coat.pk).update(published=False)
    page = client.get("/saved/").content.decode()
    assert "1 item is no longer in the shop." in page
    assert "Coat" not in page
    add(client, "saved", shop.product("Scarf"))
    Product.objects.filter(pk=coat.pk).update(published=True)
    assert titles(client, "/saved/") == ["Scarf", "Coat", "Hat"]


def test_a_full_list_says_so_and_loses_nothing(client: Client, shop: Shopkeeper) -> None:
    four = [shop.product(f"Coat {number}") for number in range(4)]
    add(client, "compared", *four)
    answer = add(client, "compared", shop.product("Hat"))
    assert answer.headers["Location"] == "/compare/?full"
    assert "There is room for 4 items." in client.get("/compare/?full").content.decode()
    assert titles(client, "/compare/") == [f"Coat {number}" for number in range(4)]


def test_items_that_are_gone_make_room_in_a_full_list(client: Client, shop: Shopkeeper) -> None:
    four = [shop.product(f"Coat {number}") for number in range(4)]
    add(client, "compared", *four)
    Product.objects.filter(pk=four[1].pk).update(published=False)
    assert add(client, "compared", shop.product("Hat")).headers["Location"] == "/compare/"
    assert titles(client, "/compare/") == ["Hat", "Coat 0", "Coat 2", "Coat 3"]


def test_a_shared_link_shows_a_list_and_changes_nobody_elses(client: Client, shop: Shopkeeper) -> None:
    coat, hat = shop.product("Coat"), shop.product("Hat")
    add(client, "saved", coat)
    link = re.search(r'href="([^"]+)" data-share', client.get("/saved/").content.decode())[1]  # type: ignore[index]
    friend = Client()
    add(friend, "saved", hat)
    assert titles(friend, link) == ["Coat"]
    assert "Save all in my list" in friend.get(link).content.decode()
    assert titles(friend, "/saved/") == ["Hat"]
    add(friend, "saved", coat)
    assert titles(friend, "/saved/") == ["Coat", "Hat"]
    assert "Save all in my list" not in friend.get(link).content.decode()


@pytest.mark.parametrize("shown", [SAVED, COMPARED], ids=["saved", "compared"])
@pytest.mark.parametrize("text", ["", "x", "1.", ".1", "1..2", "-1", "1,2", "9" * 19, "1.2;3", "١", "1\n"])
def test_what_somebody_else_wrote_is_no_list(shown: ProductList, text: str) -> None:
    assert shown.parsed(text) == []


def test_a_list_has_an_end(client: Client) -> None:
    assert SAVED.parsed(".".join(map(str, range(1, 500)))) == list(range(1, 101))
    assert COMPARED.parsed("1.1.2") == [1, 2]
    assert client.get(f"/saved/?items={'9' * 18}").status_code == 200
    assert client.get(f"/saved/?items={'1.' * 30000}1").status_code in (200, 400, 414)


def test_unknown_lists_and_items_are_refused(client: Client) -> None:
    for posted in ({}, {"list": "saved"}, {"list": "other", "items": "1"}, {"list": "saved", "items": "x"}):
        assert client.post("/lists/change/", posted).status_code == 400
    assert Client(enforce_csrf_checks=True).post("/lists/change/", {"list": "saved", "items": "1"}).status_code == 403


def test_lists_are_personal_and_not_for_search_engines(client: Client) -> None:
    for address in ("/saved/", "/compare/", "/saved/?items=1"):
        answer = client.get(address)
        assert "Cookie" in answer["Vary"]
        assert "private" in answer["Cache-Control"]
        assert 'name="robots" content="noindex"' in answer.content.decode()


def test_the_comparison_begins_with_what_differs(shop: Shopkeeper) -> None:
    coat = shop.product("Coat", brand="Acme", size="M", attributes={"colour": "Red", "material": "Wool"})
    hat = shop.product("Hat", brand="Acme", attributes={"colour": "Blue", "material": "Wool"})
    found = rows([coat, hat])
    assert [(row.name, row.values) for row in found] == [
        ("Size", ("M", "")), ("Colour", ("Red", "Blue")), ("Brand", ("Acme", "Acme")),
        ("Category", ("Clothes", "Clothes")), ("Material", ("Wool", "Wool")),
    ]  # fmt: skip
    assert [row.differs for row in found] == [True, True, False, False, False]


def test_a_long_list_takes_as_many_queries_as_a_short_one(
    client: Client, shop: Shopkeeper, django_assert_num_queries: Any
) -> None:
    products = [shop.product(f"Coat {number}", category=f"clothes/{number}") for number in range(12)]
    for product in products:
        shop.image(product)
    add(client, "saved", *products)
    client.get("/saved/")  # fills the caches
    with django_assert_num_queries(3):
        client.get(f"/saved/?items={products[0].pk}")
    with django_assert_num_queries(3):
        client.get("/saved/")
    with django_assert_num_queries(3):
        client.get(f"/compare/?items={'.'.join(str(each.pk) for each in products[:4])}")
