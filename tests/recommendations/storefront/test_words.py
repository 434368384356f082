"""Words beside a photo on the page: they narrow the search, become chips, and stay in the link."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from typing import Any

import numpy as np
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from catalog.models import Category, Product
from recommendations.models import EmbeddingModel
from recommendations.search.photo import SeenPhoto
from recommendations.search.photo_types import PhotoType
from recommendations.storefront.words import vocabulary
from tests.recommendations.search.test_photo_links import link_of
from tests.recommendations.search.test_refining import PAGE, search, shown
from tests.shopkeeper import Shopkeeper


@pytest.fixture
def seen(shop: Shopkeeper, coloured: EmbeddingModel) -> str:
    """A red dress, in a shop of red and blue dresses and shoes."""
    cache.clear()
    for title, category, vector, price, more in (
        ("Red dress", "women/dresses", [1, 0, 1, 0], 90, {"attributes": {"colour": "Red", "gender": "Women"}}),
        ("Blue dress", "women/dresses", [1, 0, 0, 1], 80, {"attributes": {"colour": "Blue", "gender": "Women"}}),
        ("Red shoe", "women/shoes", [0.5, 1, 1, 0], 70, {"attributes": {"colour": "Red", "gender": "Women"}}),
        ("Blue shoe", "men/shoes", [0.2, 1, 0, 1], 10, {"attributes": {"colour": "blue", "gender": "Men"}}),
    ):
        shop.embedded(coloured, title, vector, category=category, price=Decimal(price), brand="Kestrel", **more)
    Product.objects.filter(title="Blue shoe").update(size="42")
    vector = np.array([1, 0, 1, 0], np.float32)
    types = (PhotoType(Category.objects.get(name__iexact="dresses"), 0.75),)
    return SeenPhoto(coloured, vector / np.linalg.norm(vector), types).to_token()


def chips_of(page: str) -> list[str]:
    return re.findall(r"Remove: </span>([^<]+)</button>", page)


@pytest.mark.parametrize(
    ("words", "titles", "chips"),
    [
        ("in blue", ["Blue dress", "Blue shoe"], ["In blue"]),
        ("in Blau", ["Blue dress", "Blue shoe"], ["In blue"]),
        ("under 75", ["Red shoe", "Blue shoe"], ["Up to $75.00"]),
        ("between 75 and 85", ["Blue dress"], ["$75.00 to $85.00"]),
        ("for men", ["Blue shoe"], ["Men"]),
        ("size 42", ["Blue shoe"], ["Size 42"]),
        ("kestrel dresses", ["Red dress", "Blue dress"], ["Kestrel", "Dresses"]),
        ("cheaper", None, ["Cheaper first"]),
    ],
)
def test_words_narrow_the_search(seen: str, client: Client, words: str, titles: list[str], chips: list[str]) -> None:
    page = search(client, seen=seen, words=words)
    assert titles is None or shown(page) == titles
    assert [chip.casefold() for chip in chips_of(page)] == [chip.casefold() for chip in chips]
    assert "was not understood" not in page


def test_shades_of_a_colour_are_that_colour(seen: str, client: Client) -> None:
    Product.objects.filter(title="Blue shoe").update(attributes={"colour": "Navy Blue"})
    assert shown(search(client, seen=seen, words="in blue")) == ["Blue dress", "Blue shoe"]
    assert shown(search(client, seen=seen, words="in navy")) == ["Blue shoe"]


def test_where_few_products_have_a_colour_it_is_weighed_and_the_chip_says_so(seen: str, client: Client) -> None:
    Product.objects.exclude(title="Blue dress").update(attributes={})
    page = search(client, seen=seen, words="in blue")
    assert chips_of(page) == ["Closer to blue"]
    assert shown(page) == ["Blue dress", "Blue shoe", "Red dress", "Red shoe"]


def test_what_is_not_understood_is_said_and_narrows_nothing(seen: str, client: Client) -> None:
    page = search(client, seen=seen, words="fluffy, not red")
    assert "“fluffy, not red” was not understood and not used." in page
    assert shown(page)[0] == "Red dress"
    assert chips_of(page) == []


def test_of_categories_of_one_name_the_shown_one_is_meant_or_none(seen: str, client: Client) -> None:
    assert "“shoes” was not understood" in search(client, seen=seen, words="shoes")
    men = Category.objects.get(name__iexact="men")
    assert shown(search(client, seen=seen, words="shoes", type=men.pk)) == ["Blue shoe"]


def test_a_removed_chip_leaves_the_other_words(seen: str, client: Client) -> None:
    page = search(client, seen=seen, words="in blue, for women")
    remaining = [unescape(each) for each in re.findall(r'name="remaining" value="([^"]*)"', page)]
    assert remaining == ["for women", "in blue"]
    page = search(client, seen=seen, words="in blue, for women", remaining="in blue")
    assert chips_of(page) == ["In blue"]
    assert 'value="in blue"' in page, "in the field"


def test_words_stay_in_the_link(seen: str, client: Client) -> None:
    page = search(client, seen=seen, words="in blue, under 85")
    assert "words=in+blue&" in f"{unescape(link_of(page))}&"
    again = client.get(link_of(page)).content.decode()
    assert (shown(again), chips_of(again)) == (shown(page), chips_of(page))


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', page)
    assert found
    return unescape(found[1])


def fields(page: str) -> dict[str, str]:
    return {name: field(page, name) for name in ("words", "price_min", "price_max")}


def test_a_price_in_words_becomes_the_budget(seen: str, client: Client) -> None:
    page = search(client, seen=seen, words="in blue, under 85", price_max="20")
    assert fields(page) == {"words": "in blue", "price_min": "", "price_max": "85"}
    assert chips_of(page) == ["In blue", "Up to $85.00"]
    page = search(client, **fields(page) | {"seen": seen, "price_max": "20"})
    assert (chips_of(page), shown(page)) == (["In blue", "Up to $20.00"], ["Blue shoe"])
    page = search(client, **fields(page) | {"seen": seen, "any_price": "on"})
    assert (chips_of(page), fields(page)["price_max"]) == (["In blue"], "")


def test_a_lowest_price_stays_until_a_budget_is_below_it(seen: str, client: Client) -> None:
    page = search(client, seen=seen, words="between 75 and 89.90")
    assert fields(page) == {"words": "", "price_min": "75", "price_max": "89.90"}
    assert (chips_of(page), shown(page)) == (["$75.00 to $89.90"], ["Blue dress"])
    page = search(client, **fields(page) | {"seen": seen, "price_max": "95"})
    assert chips_of(page) == ["$75.00 to $95.00"]
    page = search(client, **fields(page) | {"seen": seen, "price_max": "20"})
    assert (chips_of(page), shown(page)) == (["Up to $20.00"], ["Blue shoe"])
    assert "price_min" not in link_of(page)


def test_a_german_page_writes_the_budget_with_a_comma(seen: str, client: Client, settings: Any) -> None:
    settings.LANGUAGE_CODE = "de"
    with translation.override("de"):
        page = search(client, seen=seen, words="in Blau, unter 85,50 $")
        assert (field(page, "words"), field(page, "price_max")) == ("in Blau", "85,50")
        assert shown(search(client, seen=seen, words="blau", price_max="85,50")) == ["Blue dress", "Blue shoe"]


def test_a_budget_below_all_is_raised_by_one_click(seen: str, client: Client) -> None:
    page = search(client, seen=seen, words="in blue, under 5", price_max="4")
    assert "No look-alikes within $5.00. They start at $10.00." in page
    assert shown(page) == ["Blue dress", "Blue shoe"], "most similar first"
    raised = re.search(r'name="raised" value="([^"]+)"', page)
    assert raised
    assert raised[1] == "80.00"
    page = search(client, **fields(page) | {"seen": seen, "raised": raised[1]})
    assert (chips_of(page), len(shown(page))) == (["In blue", "Up to $80.00"], 2)
    assert "price_max=80.00" in link_of(page)


def test_words_that_are_too_many_are_refused_beside_their_field(seen: str, client: Client) -> None:
    response = client.post(PAGE, {"seen": seen, "words": "green " * 40})
    assert response.status_code == 400
    assert "Use a few words" in response.content.decode()


def test_a_model_without_colours_finds_labelled_products(
    shop: Shopkeeper, plane: EmbeddingModel, client: Client
) -> None:
    cache.clear()
    for colour, vector in (("Red", [1, 0, 0]), ("Blue", [0.9, 0.1, 0]), ("blue", [0.8, 0.2, 0])):
        shop.embedded(plane, f"{colour} thing", vector, attributes={"colour": colour})
    seen = SeenPhoto(plane, np.array([1, 0, 0], np.float32)).to_token()
    assert shown(search(client, seen=seen, words="in blue")) == ["Blue thing", "blue thing"]


def test_the_vocabulary_is_read_once(seen: str) -> None:
    vocabulary()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        vocabulary()
    assert len(queries) == 0
