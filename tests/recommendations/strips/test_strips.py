from __future__ import annotations

import re
from math import cos, sin
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Product
from recommendations.models import EmbeddingModel, ImageEmbedding, Pin, Rule
from recommendations.pipeline import worker
from recommendations.search.results import Source
from recommendations.strips import curation
from recommendations.strips.product_strip import Arrangement, product_strip
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper
from tests.strips import strip_of

PLAIN = Arrangement(category=0.0, gender=0.0, variety=0.0)


def strip(product: Product, limit: int = 6, arrangement: Arrangement = PLAIN) -> list[tuple[str, str]]:
    found = product_strip(product, limit, arrangement)
    return [(match.product.title, match.source.value) for match in found.matches]


def titles(product: Product, limit: int = 6, arrangement: Arrangement = PLAIN) -> list[str]:
    return [title for title, _ in strip(product, limit, arrangement)]


# The order of sources


@pytest.mark.slow
def test_pins_then_look_alikes_then_the_category_then_the_one_above_then_what_is_new(
    shop: Shopkeeper, plane: EmbeddingModel
) -> None:
    shop.product("old hat", category="hats")
    shop.product("new hat", category="hats")
    red = shop.embedded(plane, "red", [1, 0, 0], category="clothes/dresses")
    shop.product("shirt", category="clothes/shirts")
    shop.product("gown", category="clothes/dresses/gowns")
    shop.embedded(plane, "far", [0, 1, 0], category="shoes")
    shop.embedded(plane, "near", [1, 1, 0], category="shoes")
    Pin.objects.create(product=red, shown=shop.product("pinned", category="shoes"))
    assert strip(red, 7) == [
        ("pinned", "pinned"),
        ("near", "visual"),
        ("far", "visual"),
        ("gown", "category"),
        ("shirt", "parent"),
        ("new hat", "newest"),
        ("old hat", "newest"),
    ]
    for limit in range(1, 8):
        assert len(strip(red, limit)) == limit


@pytest.mark.parametrize("state", ["no picture", "pending", "failed", "no model"])
def test_a_product_that_cannot_be_compared_still_has_a_strip(shop: Shopkeeper, state: str, request: Any) -> None:
    alike = shop.product("same category", category="clothes")
    product = shop.product("asking", category="clothes")
    if state != "no model":
        plane = request.getfixturevalue("plane")
        shop.embedded(plane, "embedded", [1, 0, 0], category="shoes")
    if state in {"pending", "failed"}:
        image = shop.image(product)
        ImageEmbedding.objects.create(
            image=image, model=plane, digest=image.digest, state=state,
            error_code="corrupt" if state == "failed" else "",
        )  # fmt: skip
    found = product_strip(product, 6).matches
    assert (found[0].product, found[0].source, found[0].score) == (alike, Source.CATEGORY, None)
    assert [match.source for match in found[1:]] == ([] if state == "no model" else [Source.NEWEST])


def test_of_the_category_those_come_first_that_have_most_in_common(shop: Shopkeeper) -> None:
    red = shop.product("red", brand="Kestrel", attributes={"gender": "Women", "colour": "Red"})
    shop.product("hers", attributes={"gender": "Women"})
    shop.product("hers and red", attributes={"gender": "Women", "colour": "Red"})
    shop.product("Kestrel's", brand="Kestrel")
    shop.product("his", attributes={"gender": "Men"})
    assert titles(red) == ["hers and red", "hers", "Kestrel's", "his"]


def test_a_shop_of_one_product_has_no_strip(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    assert titles(shop.embedded(plane, "only", [1, 0, 0])) == []


# What is never shown


def test_sold_out_and_unpublished_products_never_appear(shop: Shopkeeper, plane: EmbeddingModel, settings: Any) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    gone = shop.embedded(plane, "gone", [1, 0, 0], stock=0)
    hidden = shop.embedded(plane, "hidden", [1, 0, 0], published=False)
    pins = [gone, hidden, shop.product("pinned and gone", stock=0), shop.product("pinned and hidden", published=False)]
    for position, shown in enumerate(pins):
        Pin.objects.create(product=red, shown=shown, position=position)
    shop.product("category, gone", stock=0)
    shop.product("category, hidden", published=False)
    assert titles(red) == []
    settings.STRIP_SHOW_SOLD_OUT = True
    assert strip(red) == [("gone", "pinned"), ("pinned and gone", "pinned"), ("category, gone", "category")]


def test_nothing_appears_twice(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    pinned = shop.embedded(plane, "pinned", [1, 0.5, 0], [1, 0.6, 0])
    shop.embedded(plane, "alike", [1, 1, 0])
    Pin.objects.create(product=red, shown=pinned)
    assert titles(red) == ["pinned", "alike"]


# One card for each thing


def test_colours_of_one_style_are_one_card_that_counts_them(
    shop: Shopkeeper, plane: EmbeddingModel, client: Client
) -> None:
    red = shop.embedded(plane, "asking", [1, 0, 0])
    for place, colour in enumerate(("Olive", "Black", "Navy Blue")):
        title = f"Lotto Men Zeus {colour} Sandals"
        shop.embedded(plane, title, [1, 0.1 * place, 0], attributes={"colour": colour})
    shop.embedded(plane, "Bata Men Red Sandals", [1, 0.5, 0], attributes={"colour": "Red"})
    found = product_strip(red, 6, PLAIN).matches
    assert [(match.product.title, match.colours) for match in found] == [
        ("Lotto Men Zeus Olive Sandals", 3),
        ("Bata Men Red Sandals", 1),
    ]
    page = strip_of(client, red)
    assert page.count("3 colours") == 1


def test_the_same_picture_under_another_number_is_one_card(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    for title in ("twin", "its twin"):
        shop.embedded(plane, title, [1, 0.5, 0], attributes={"colour": "Red"})
    shop.embedded(plane, "other", [1, 1, 0])
    (twin, other) = product_strip(red, 6, PLAIN).matches
    assert (len(twin.others), twin.colours, other.product.title) == (1, 1, "other")


@pytest.mark.slow
def test_where_many_are_one_thing_more_are_fetched(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0], category="clothes")
    for number in range(30):
        shop.embedded(plane, f"copy {number}", [1, 0.1, 0], category="shoes")
    for number in range(3):
        shop.embedded(plane, f"other {number}", [1, 1, number], category="shoes")
    assert len([source for _, source in strip(red, 4) if source == "visual"]) == 4


def test_pins_keep_their_order_and_take_their_copies_in(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    first, second = (shop.embedded(plane, title, [1, 0.5, 0]) for title in ("first", "second"))
    shop.embedded(plane, "copy of both", [1, 0.5, 0])
    shop.embedded(plane, "nearer", [1, 0.1, 0])
    Pin.objects.create(product=red, shown=second, position=2)
    Pin.objects.create(product=red, shown=first, position=1)
    assert titles(red, arrangement=Arrangement(variety=0.3)) == ["first", "second", "nearer"]


# The order


@pytest.mark.slow
def test_its_own_type_comes_first_and_excludes_nothing(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    hers = {"gender": "Women"}
    red = shop.embedded(plane, "red", [1, 0, 0], category="dresses", attributes=hers)
    shop.embedded(plane, "shoe", [1, 0.1, 0], category="shoes")
    shop.embedded(plane, "her shoe", [1, 0, 0.2], category="shoes", attributes=hers)
    shop.embedded(plane, "dress", [1, 0.35, 0], category="dresses")
    assert titles(red) == ["shoe", "her shoe", "dress"]
    assert titles(red, arrangement=Arrangement(0.0, 0.05, 0.0)) == ["her shoe", "shoe", "dress"]
    assert titles(red, arrangement=Arrangement(0.1, 0.0, 0.0)) == ["dress", "shoe", "her shoe"]


def test_a_product_of_no_gender_prefers_none(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "hers", [1, 0.1, 0], attributes={"gender": "Women"})
    shop.embedded(plane, "no one's", [1, 0.3, 0])
    assert titles(red, arrangement=Arrangement(0.0, 0.2, 0.0)) == ["hers", "no one's"]


def test_variety_puts_another_thing_between_two_alike(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "one", [1, 0.30, 0])
    shop.embedded(plane, "nearly the same", [1, 0.31, 0.15])
    shop.embedded(plane, "another", [1, -0.35, 0])
    assert titles(red) == ["one", "nearly the same", "another"]
    assert titles(red, arrangement=Arrangement(0.0, 0.0, 0.3)) == ["one", "another", "nearly the same"]


# Pages


@pytest.mark.slow
def test_the_page_tells_where_each_card_comes_from(shop: Shopkeeper, plane: EmbeddingModel, client: Client) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0], category="clothes/dresses")
    Pin.objects.create(product=red, shown=shop.product("pinned"))
    shop.embedded(plane, "alike", [1, 1, 0])
    for place in ("clothes/dresses", "clothes/shirts", "hats"):
        shop.product(f"of {place}", category=place)
    page = strip_of(client, red)
    assert re.findall(r'data-source="(\w+)"', page) == ["pinned", "visual", "category", "parent", "newest"]
    for words in ("Staff pick", "From the same category", "From a related category", "New in the shop"):
        assert page.count(words) == 1


@pytest.mark.slow
def test_the_api_gives_the_cards_of_a_page(shop: Shopkeeper, plane: EmbeddingModel, client: Client) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    pinned = shop.embedded(plane, "Bata Men Red Sandals", [0, 1, 0], attributes={"colour": "Red"})
    shop.embedded(plane, "Bata Men Blue Sandals", [0, 1, 0], attributes={"colour": "Blue"})
    shop.embedded(plane, "alike", [1, 0.1, 0])
    Pin.objects.create(product=red, shown=pinned)
    body = client.get(f"/api/v1/products/{red.slug}/strip/?limit=5").json()
    assert [(entry["title"], entry["source"], entry["colours"]) for entry in body["results"]] == [
        ("Bata Men Red Sandals", "pinned", 2),
        ("alike", "visual", 0),
    ]
    assert body["results"][0]["image"].startswith("http")
    assert (body["model"], body["results"][0]["score"]) == ("plane", None)
    assert len(client.get(f"/api/v1/products/{red.slug}/strip/?limit=1").json()["results"]) == 1
    assert client.get(f"/api/v1/products/{red.slug}/strip/?limit=0").status_code == 400
    assert client.get("/api/v1/products/nothing/strip/").status_code == 404


def queries(product: Product, limit: int) -> int:
    with CaptureQueriesContext(connection) as captured:
        product_strip(Product.objects.for_page().get(pk=product.pk), limit)
    return len(captured) - 2  # those of the page


@pytest.mark.slow
def test_a_strip_costs_the_same_however_long(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0], category="clothes/dresses")
    for number in range(30):
        shop.embedded(plane, f"{number}", [cos(number / 9.5), sin(number / 9.5), 0], category="clothes/dresses")
    # Pins, vetoes, rules; the model; two statistics for the plan; the nearest, with their vectors.
    assert queries(red, 2) == queries(red, 6) == 7
    for number in range(4):
        Pin.objects.create(product=red, shown=shop.embedded(plane, f"pinned {number}", [0, 1, number]))
        Rule.objects.create(effect="boost", boost=0.1, category=shop.category(f"clothes/{number}"))
        curation.set_vetoes(red, [shop.product("vetoed")])
    # One more for the pictures of pins, one for their vectors, one for the categories that rules move.
    assert queries(red, 6) == queries(red, 7) == 10
    # The shop has fewer than a hundred products: all are compared, and each further source takes three queries.
    assert queries(red, 100) <= 10 + 1 + 3 * 3


@pytest.mark.slow
def test_a_photo_search_shows_one_card_a_thing_and_nothing_sold_out(
    shop: Shopkeeper, network: EmbeddingModel, client: Client, settings: Any
) -> None:
    shown = shop.product("Lotto Men Zeus Red Sandals")
    for product, data in (
        (shown, picture("red")),
        (shop.product("the same again"), picture("red")),
        (shop.product("gone", stock=0), picture("red", shape="rectangle")),
    ):
        worker.embed_now([shop.image(product, data).pk])

    def sources() -> int:
        photo = SimpleUploadedFile("a.jpg", picture("red"), "image/jpeg")
        page = client.post("/search/photo/", {"photo": photo}).content.decode()
        return page.count('data-source="visual"')

    found = sources()
    settings.STRIP_SHOW_SOLD_OUT = True
    assert (found, sources()) == (1, 2)
