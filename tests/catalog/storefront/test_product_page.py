"""What a product page offers besides the product: mail, sharing, ways into its look-alikes, and what was viewed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from catalog.models import Product
from recommendations.models import EmbeddingModel
from tests.shopkeeper import Shopkeeper
from tests.strips import strip_of

pytestmark = pytest.mark.django_db


def page_of(product: Product, client: Client) -> str:
    return client.get(product.get_absolute_url()).content.decode()


def mail_of(page: str) -> dict[str, str]:
    found = re.search(r'href="(mailto:[^"]+)"', page)
    assert found is not None
    link = urlsplit(found[1].replace("&amp;", "&"))
    return {"to": link.path} | {name: values[0] for name, values in parse_qs(link.query).items()}


def test_an_item_without_another_shop_can_be_asked_about(client: Client, shop: Shopkeeper, settings: Any) -> None:
    settings.SHOP_EMAIL = "hello@shop.example"
    coat = shop.product('Coat & "hat" ü', sku="A 1")
    page = page_of(coat, client)
    mail = mail_of(page)
    assert "Ask about this" in page
    assert (mail["to"], mail["subject"]) == ("hello@shop.example", 'Question about Coat & "hat" ü')
    assert "SKU: A 1" in mail["body"]
    assert coat.get_absolute_url() in mail["body"]


def test_an_item_that_is_sold_elsewhere_is_bought_there(client: Client, shop: Shopkeeper, settings: Any) -> None:
    settings.SHOP_EMAIL = "hello@shop.example"
    page = page_of(shop.product("Coat", url="https://seller.example/coat"), client)
    assert "Buy at seller.example" in page
    assert "mailto:" not in page


def test_without_an_address_of_the_shop_there_is_no_mail_link(client: Client, shop: Shopkeeper) -> None:
    assert "mailto:" not in page_of(shop.product("Coat"), client)
    assert "mailto:" not in page_of(shop.product("Hat", stock=0), client)


def test_a_sold_out_item_shows_alternatives_before_its_details(
    client: Client, shop: Shopkeeper, plane: EmbeddingModel, settings: Any
) -> None:
    settings.SHOP_EMAIL = "hello@shop.example"
    gone = shop.embedded(plane, "Coat", [1, 0, 0], stock=0, description="Warm.")
    there = shop.embedded(plane, "Hat", [1, 0.1, 0], description="Warm.")
    page = page_of(gone, client)
    assert page.index("Similar items") < page.index("Warm.</p>") < page.index(">Details<")
    assert 'hx-trigger="load"' in page
    assert ">Hat</a>" in strip_of(client, gone)
    assert mail_of(page)["subject"] == "I would like to buy Coat"
    page = page_of(there, client)
    assert page.index("Warm.</p>") < page.index(">Details<")
    assert page.count(">Details<") == 1


def test_similar_items_can_be_narrowed_down(client: Client, shop: Shopkeeper, coloured: EmbeddingModel) -> None:
    coat = shop.embedded(coloured, "Coat", [1, 0, 0, 1], price=Decimal("20.00"), category="clothes/coats")
    shop.embedded(coloured, "Parka", [1, 0.1, 0, 1], price=Decimal("30.00"), category="clothes/coats")
    shop.embedded(coloured, "Jacket", [1, 0.2, 0, 1], price=Decimal("15.00"), category="clothes/jackets")
    page = strip_of(client, coat)
    links = {
        words.strip(): link.replace("&amp;", "&")
        for link, words in re.findall(r'<a class="chip" href="([^"]*product=[^"]*)"[^>]*>([^<]+)<', page)
    }
    assert {"Cheaper", "Coats only"} <= set(links)
    shown = {
        words: set(re.findall(r'class="card__title"><a[^>]*>([^<]+)<', client.get(link).content.decode()))
        for words, link in links.items()
    }
    assert shown["Cheaper"] == {"Jacket"}
    assert shown["Coats only"] == {"Parka"}


def test_what_was_viewed_before_has_its_own_row(client: Client, shop: Shopkeeper) -> None:
    coat, hat, scarf = (shop.product(title) for title in ("Coat", "Hat", "Scarf"))
    assert "Recently viewed" not in page_of(coat, client)
    page_of(hat, client)
    page = page_of(scarf, client)
    row = page[page.index('id="seen-title"') :]
    assert re.findall(r'class="card__title"><a[^>]*>([^<]+)<', row) == ["Hat", "Coat"]
    assert "Scarf" not in re.findall(r'class="card__title"><a[^>]*>([^<]+)<', page)
    Product.objects.filter(pk=hat.pk).update(published=False)
    page = page_of(scarf, client)
    assert re.findall(r'class="card__title"><a[^>]*>([^<]+)<', page[page.index('id="seen-title"') :]) == ["Coat"]
    client.post("/viewed/clear/")
    assert "Recently viewed" not in page_of(scarf, client)


def test_who_asks_for_privacy_has_no_such_row(client: Client, shop: Shopkeeper) -> None:
    for title in ("Coat", "Hat"):
        product = shop.product(title)
        answer = client.get(product.get_absolute_url(), headers={"Sec-GPC": "1"})
    assert "Recently viewed" not in answer.content.decode()
