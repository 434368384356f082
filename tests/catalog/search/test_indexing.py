"""The words of products follow their products, however these are written."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from catalog import tasks
from catalog.models import Product, SearchText, SearchWord
from catalog.search.finding import find
from catalog.search.indexing import VERSION, count_words, index_stale
from tests.shopkeeper import Shopkeeper


def found(words: str) -> list[str]:
    everything = Product.objects.all()
    return [everything.get(pk=pk).sku for pk in find(words, everything).ids]


def test_saving_a_product_indexes_it_at_once(shop: Shopkeeper) -> None:
    product = shop.product("Red dress", sku="A")
    assert found("dress") == ["A"]
    product.title = "Red boots"
    product.save(update_fields=["title"])
    assert found("dress") == []
    assert found("boots") == ["A"]
    product.delete()
    assert found("boots") == []
    assert not SearchText.objects.exists()


@pytest.mark.parametrize("field", ["title", "sku", "brand", "description", "condition", "size"])
def test_what_sql_changes_is_indexed_by_the_next_sweep(shop: Shopkeeper, field: str) -> None:
    product = shop.product("Red dress")
    Product.objects.update(stock=9)
    assert SearchText.objects.get().version == VERSION, "the stock is no word"
    Product.objects.update(**{field: "Kestrel"})
    assert SearchText.objects.get().version == 0
    tasks.index_products()
    assert found("kestrel") == [Product.objects.get(pk=product.pk).sku]


def test_what_sql_adds_is_indexed_and_what_it_deletes_is_gone(shop: Shopkeeper) -> None:
    shop.product("Red dress", sku="A")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_product (sku, slug, title, description, brand, category_id, currency, stock, "
            "published, attributes, created_at, updated_at) SELECT sku || n, slug || n, "
            "'Blue kite ' || n, '', '', category_id, "
            "currency, 1, true, '{}', now(), now() FROM catalog_product, generate_series(1, 3) AS n"
        )
    assert index_stale() == 3
    assert len(found("kite")) == 3
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM catalog_product")
    assert not SearchText.objects.exists()


def test_the_command_repairs_everything(shop: Shopkeeper, capsys: pytest.CaptureFixture[str]) -> None:
    shop.product("Red dress", sku="A")
    SearchText.objects.all().delete()
    SearchWord.objects.all().delete()
    call_command("search_text")
    assert "1 products indexed, 1 of them for the first time; 2 words counted." in capsys.readouterr().out
    SearchText.objects.update(vector="'wrong'")
    call_command("search_text", "--all")
    assert found("dress") == ["A"]


def test_words_are_counted_of_published_products_only(shop: Shopkeeper) -> None:
    shop.product("Red dress", description="Silk")
    shop.product("Dress of velvet", published=False)
    shop.product("Dresses")
    count_words()
    found = {"red": 1, "dress": 1, "dresses": 1, "velvet": 0}  # staff search for the beginning of "velvet"
    assert dict(SearchWord.objects.values_list("word", "products")) == found
    Product.objects.all().delete()
    count_words()
    assert not SearchWord.objects.exists()


def test_a_common_word_is_found_though_the_newest_products_lack_it(
    shop: Shopkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.search.statements.NEWEST", 3)
    monkeypatch.setattr("catalog.search.finding.RANKED", 4)
    monkeypatch.setattr("catalog.search.finding._WINDOW", 4)
    dresses = [shop.product("Blue dress", sku=f"D{number}").pk for number in range(6)]
    for title in ("Hat", "Scarf", "Red dress"):
        shop.product(title)
    found = find("dress", Product.objects.published())
    assert len(found.ids) == 4
    assert found.more is not None
    assert set(found.more.values_list("pk", flat=True)) > set(dresses)


@pytest.mark.parametrize("counted", [False, True], ids=["just saved", "counted"])
def test_the_beginning_of_a_word_finds_products_of_every_kind(shop: Shopkeeper, counted: bool) -> None:
    for sku, title in [
        ("LONG", "Donaudampfschifffahrtsgesellschaft"), ("HIDDEN", "Donausteg"), ("CODE", "Donauwelle9000"),
        ("PLAIN", "Donau"), ("JOINED", "Donau-Insel"), ("OTHER", "Dona"),
    ]:  # fmt: skip
        shop.product(title, sku=sku, published=sku != "HIDDEN")
    if counted:
        count_words()
    everything = Product.objects.filter(pk__in=find("donau", Product.objects.all()).ids)
    assert {each.sku for each in everything} == {"LONG", "HIDDEN", "CODE", "PLAIN", "JOINED"}
    longest = find("donaudampfschifffahrtsgesell", Product.objects.published()).ids
    assert [each.sku for each in Product.objects.filter(pk__in=longest)] == ["LONG"]
    assert not find("dnausteg", Product.objects.published()).ids, "a word of unpublished products corrects nothing"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_new_word_corrects_misspellings_at_once() -> None:
    Shopkeeper().product("Zanzibar scarf")
    assert find("zanzibr", Product.objects.published()).corrected == "zanzibar"


def pages_of(client: APIClient, url: str | None, key: str = "next") -> list[Any]:
    pages = []
    while url:
        body = client.get(url).json()
        pages.append([each["sku"] for each in body["results"]])
        url = body[key]
    return pages


@pytest.mark.slow
@pytest.mark.parametrize("looked_at", [1000, 0], ids=["newest first", "by the index"])
def test_pages_of_a_search_neither_repeat_nor_skip(
    shop: Shopkeeper, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr("catalog.search.statements.NEWEST", looked_at)
    monkeypatch.setattr("catalog.search.finding.MANY", 5)
    monkeypatch.setattr("catalog.search.finding.RANKED", 5)
    titles = ["Dress"] + ["Blue dress", "Sleeve of a dress"] * 6
    made = [shop.product(title, sku=f"D{n}").sku for n, title in enumerate(titles)]
    client, url = APIClient(), "/api/v1/products/?q=dress&limit=2"
    pages = pages_of(client, url)
    seen = [sku for page in pages for sku in page]
    assert sorted(seen) == sorted(made)
    assert seen[0] == "D0", "the whole title first, however old"
    first = client.get(url).json()
    shop.product("Dress", sku="LATER")
    rest = [sku for page in pages_of(client, first["next"]) for sku in page]
    assert [each["sku"] for each in first["results"]] + rest == seen, "a later product changes no further page"
    for odd in ("best.1.2", "rest.1.2.3", "best.x.1.1", "cD0x", "best.9999999999999999999.1.1", ""):
        assert client.get("/api/v1/products/", {"q": "dress", "cursor": odd}).status_code == 400
    for vanished in ("best.5.99999.99", "rest.1.1", "back.0.0"):
        assert client.get("/api/v1/products/", {"q": "dress", "cursor": vanished}).status_code == 200


@pytest.mark.slow
def test_pages_backwards_are_those_forwards(shop: Shopkeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.search.finding.MANY", 4)
    monkeypatch.setattr("catalog.search.finding.RANKED", 4)
    for n in range(12):
        shop.product("Dress", sku=f"D{n}")
    client, url = APIClient(), "/api/v1/products/?q=dress&limit=4"
    forwards = pages_of(client, url)
    last = url
    while (following := client.get(last).json()["next"]) is not None:
        last = following
    assert pages_of(client, last, "previous") == forwards[::-1]


@pytest.mark.slow
@pytest.mark.parametrize("looked_at", [1000, 0], ids=["newest first", "by the index"])
def test_staff_see_all_of_a_common_word(
    admin_client: Client, shop: Shopkeeper, monkeypatch: pytest.MonkeyPatch, looked_at: int
) -> None:
    monkeypatch.setattr("catalog.search.statements.NEWEST", looked_at)
    monkeypatch.setattr("catalog.search.finding.MANY", 4)
    monkeypatch.setattr("catalog.search.finding.RANKED", 4)
    for n in range(9):
        shop.product("Dress", sku=f"D{n}", published=n > 0)
    assert len(admin_client.get("/admin/catalog/product/?q=dress").context["cl"].result_list) == 9
    sorted_by_sku = admin_client.get("/admin/catalog/product/?q=dress&o=3").context["cl"].result_list
    assert [product.sku for product in sorted_by_sku] == [f"D{n}" for n in range(9)]
