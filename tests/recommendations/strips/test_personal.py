"""The strip "Inspired by what you viewed", and the cookie behind it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from catalog.models import Product
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding, Rule
from recommendations.search.results import Match, Source
from recommendations.strips.recently_viewed import COOKIE, MOST, SALT
from recommendations.strips.taste import dealt, inspired_by
from tests.shopkeeper import Shopkeeper

HEADING = "Inspired by what you viewed"


def view(client: Client, *products: Product, **headers: str) -> Any:
    for product in products:
        response = client.get(product.get_absolute_url(), headers=headers)
        assert response.status_code == 200
    return response


def cookie_ids(client: Client) -> list[int]:
    request = HttpRequest()
    request.COOKIES[COOKIE] = client.cookies[COOKIE].value
    return [int(part) for part in request.get_signed_cookie(COOKIE, salt=SALT).split(".")]


def signed(value: str, salt: str = SALT) -> str:
    response = HttpResponse()
    response.set_signed_cookie(COOKIE, value, salt=salt)
    return response.cookies[COOKIE].value


def strip(client: Client, url: str = "/") -> list[str]:
    """Titles of the products in the strip."""
    page = client.get(url).content.decode()
    found = re.search(rf"{HEADING}</h2>.*?</section>", page, re.S)
    return re.findall(r'card__title"><a [^>]*>([^<]+)<', found[0]) if found else []


@pytest.fixture
def closet(shop: Shopkeeper, plane: EmbeddingModel, settings: Any) -> dict[str, Product]:
    """Products of two categories, titled by what they look like; the home page itself shows others."""
    made = {
        title: shop.embedded(plane, title, vector, category=category)
        for title, category, vector in (
            ("red dress", "dresses", [1, 0, 0]),
            ("scarlet dress", "dresses", [1, 0.2, 0]),
            ("crimson dress", "dresses", [1, 0.4, 0]),
            ("black boot", "boots", [0, 0, 1]),
            ("grey boot", "boots", [0, 0.2, 1]),
            ("white boot", "boots", [0, 0.4, 1]),
        )
    }
    for number in range(12):
        shop.product(f"new thing {number}", category="other")
    return made


@pytest.mark.slow
def test_the_last_twenty_are_remembered_each_once_the_last_one_first(shop: Shopkeeper, client: Client) -> None:
    products = [shop.product() for _ in range(MOST + 3)]
    view(client, *products, products[-3])
    assert cookie_ids(client) == [products[-3].pk, products[-1].pk, products[-2].pk] + [
        product.pk for product in reversed(products[3:-3])
    ]


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_plain_http(
    shop: Shopkeeper, client: Client, settings: Any
) -> None:
    settings.HTTPS_ONLY = True
    view(client, shop.product())
    cookie = client.cookies[COOKIE]
    assert cookie["httponly"] is True
    assert cookie["secure"] is True
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 90 * 24 * 3600
    assert len(cookie.OutputString()) < 500


def test_pages_that_read_or_write_it_are_kept_out_of_shared_caches(shop: Shopkeeper, client: Client) -> None:
    product = shop.product()
    for url in ("/", product.get_absolute_url(), "/", "/search/?q=nothing"):
        response = client.get(url)
        assert "Cookie" in response["Vary"]
        assert "private" in response["Cache-Control"]


@pytest.mark.slow
def test_the_home_page_shows_what_looks_like_the_products_viewed(closet: dict[str, Product], client: Client) -> None:
    view(client, closet["red dress"])
    assert strip(client)[:2] == ["scarlet dress", "crimson dress"]


@pytest.mark.slow
@pytest.mark.parametrize("url", ["/search/", "/search/?q=zzz", "/c/empty/"])
def test_pages_that_found_nothing_show_it_too(
    closet: dict[str, Product], shop: Shopkeeper, client: Client, url: str
) -> None:
    shop.category("empty")
    view(client, closet["red dress"])
    assert strip(client, url)[0] == "scarlet dress"


@pytest.mark.slow
def test_pages_that_found_something_do_not(closet: dict[str, Product], client: Client) -> None:
    view(client, closet["red dress"])
    assert strip(client, "/c/dresses/") == strip(client, "/search/?q=dress") == []


@pytest.mark.slow
def test_categories_are_not_blended_and_the_last_one_goes_first(closet: dict[str, Product], client: Client) -> None:
    view(client, closet["red dress"], closet["black boot"])
    assert strip(client)[:3] == ["grey boot", "white boot", "scarlet dress"]


def test_views_of_one_category_are_blended(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    left = shop.embedded(plane, "left", [1, 0, 0])
    right = shop.embedded(plane, "right", [0, 1, 0])
    shop.embedded(plane, "like left", [1, 0, 0])
    shop.embedded(plane, "between", [1, 1, 0])
    found = inspired_by([left.pk, right.pk], 1)
    assert [match.product.title for match in found.matches] == ["between"]


@pytest.mark.slow
def test_viewed_products_are_not_shown_again_nor_what_the_page_shows_anyway(
    shop: Shopkeeper, plane: EmbeddingModel, client: Client
) -> None:
    red = shop.embedded(plane, "red dress", [1, 0, 0])
    twin = shop.embedded(plane, "twin", [1, 0, 0])
    shop.embedded(plane, "old", [1, 0.5, 0])
    view(client, red, twin)
    assert strip(client) == [], "what is left is among the newest, on the same page"
    assert strip(client, "/search/") == ["old"]


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{"published": False}, {"stock": 0}], ids=["unpublished", "sold-out"])
def test_what_cannot_be_bought_is_neither_shown_nor_counted_as_viewed(
    closet: dict[str, Product], client: Client, fields: dict[str, Any]
) -> None:
    view(client, closet["black boot"], closet["red dress"])
    Product.objects.filter(pk__in=[closet["red dress"].pk, closet["grey boot"].pk]).update(**fields)
    assert strip(client)[0] == "white boot"


def test_one_thing_has_one_card(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    for title in ("twin", "its twin"):
        shop.embedded(plane, title, [1, 0.1, 0])
    shop.embedded(plane, "other", [1, 1, 0])
    found = inspired_by([red.pk], 2).matches
    assert [(match.product.title, len(match.others)) for match in found] == [("twin", 1), ("other", 0)]


@pytest.mark.slow
def test_what_a_rule_leaves_out_everywhere_is_left_out_here(closet: dict[str, Product], shop: Shopkeeper) -> None:
    boots, dresses = shop.category("boots"), shop.category("dresses")
    rule = Rule.objects.create(effect="exclude", category=boots)
    viewed = [closet["black boot"].pk, closet["red dress"].pk]
    assert {match.product.category_id for match in inspired_by(viewed, 6).matches} == {dresses.pk}
    Rule.objects.filter(pk=rule.pk).update(beside=dresses)
    assert inspired_by(viewed, 6).matches[0].product == closet["grey boot"]


@pytest.mark.slow
def test_deleted_products_are_ignored(closet: dict[str, Product], client: Client) -> None:
    view(client, closet["black boot"], closet["red dress"])
    closet["red dress"].delete()
    assert strip(client)[0] == "grey boot"
    closet["black boot"].delete()
    assert strip(client) == []


@pytest.mark.slow
def test_places_are_filled_from_one_category_if_the_others_have_nothing(
    closet: dict[str, Product], shop: Shopkeeper, client: Client
) -> None:
    view(client, closet["red dress"], shop.product("no picture", category="hats"))
    assert len(strip(client)) == 5


@pytest.mark.slow
def test_without_views_or_look_alikes_there_is_nothing(closet: dict[str, Product], client: Client) -> None:
    assert strip(client) == []
    assert "<form" not in client.get("/search/").content.decode().split("<main", 1)[1]
    ImageEmbedding.objects.update(state=EmbeddingState.PENDING, vector=None)
    view(client, closet["red dress"])
    assert strip(client) == []


@pytest.mark.slow
def test_one_click_clears_it_and_the_page_says_so(closet: dict[str, Product]) -> None:
    client = Client(enforce_csrf_checks=True)
    view(client, closet["red dress"])
    page = client.get("/").content.decode()
    form = re.search(r'<form class="strip__forget" action="([^"]+)" method="post">(.*?)</form>', page, re.S)
    assert form is not None
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form[2])
    assert token is not None
    response = client.post(form[1], {"csrfmiddlewaretoken": token[1]}, follow=True)
    assert "Cleared." in response.content.decode()
    assert client.cookies[COOKIE].value == ""
    assert strip(client) == []


@pytest.mark.slow
def test_a_foreign_page_cannot_clear_it(closet: dict[str, Product]) -> None:
    client = Client(enforce_csrf_checks=True)
    view(client, closet["red dress"])
    assert client.post("/viewed/clear/").status_code == 403
    assert client.get("/viewed/clear/").status_code == 405
    assert strip(client) != []


@pytest.mark.slow
def test_the_page_does_not_claim_to_have_cleared_what_is_there(closet: dict[str, Product], client: Client) -> None:
    view(client, closet["red dress"])
    assert "Cleared." not in client.get("/?viewed=cleared").content.decode()


@pytest.mark.parametrize(
    "value",
    [
        "", "1.2.3", "1.2.3:1tXyZa:forged", ":::", "é", "x" * 5000,
        signed("1.2", salt="other"), signed("no.numbers"), signed(""),
    ],
    ids=["empty", "unsigned", "forged", "colons", "accent", "long", "other-salt", "no-numbers", "nothing"],
)  # fmt: skip
@pytest.mark.slow
def test_broken_and_forged_cookies_are_ignored(closet: dict[str, Product], client: Client, value: str) -> None:
    client.cookies[COOKIE] = value
    assert strip(client) == []
    view(client, closet["red dress"])
    assert cookie_ids(client)[0] == closet["red dress"].pk


@pytest.mark.slow
def test_an_old_cookie_is_ignored(closet: dict[str, Product], client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    view(client, closet["red dress"])
    assert strip(client) != []
    monkeypatch.setattr("recommendations.strips.recently_viewed.MAX_AGE", -1)
    assert strip(client) == []


@pytest.mark.slow
@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_who_asks_for_privacy_is_not_remembered_and_is_forgotten(
    closet: dict[str, Product], client: Client, header: str
) -> None:
    view(client, closet["red dress"], **{header: "1"})
    assert COOKIE not in client.cookies
    view(client, closet["red dress"])
    assert HEADING not in client.get("/", headers={header: "1"}).content.decode()
    view(client, closet["red dress"], **{header: "1"})
    assert client.cookies[COOKIE].value == ""


def test_prefetching_is_not_viewing(shop: Shopkeeper, client: Client) -> None:
    product = shop.product()
    view(client, product, **{"Sec-Purpose": "prefetch;prerender"})
    client.head(product.get_absolute_url())
    client.get("/p/nothing/")
    assert COOKIE not in client.cookies


@pytest.mark.slow
def test_the_setting_turns_it_off(closet: dict[str, Product], client: Client, settings: Any) -> None:
    view(client, closet["red dress"])
    settings.PERSONAL_STRIP = False
    assert strip(client) == []
    response = view(client, closet["black boot"])
    assert COOKIE not in response.cookies
    assert not response.has_header("Cache-Control")


def hands(rows: list[list[int]]) -> list[list[Match]]:
    return [[Match(Product(pk=pk), None, None, Source.VISUAL) for pk in row] for row in rows]


def test_hands_are_dealt_in_proportion_to_one_a_half_and_a_third() -> None:
    rows = hands([[1, 2, 3, 4, 5, 6], [11, 12, 13, 14, 15, 16], [21, 22, 23, 24, 25, 26]])
    assert [match.product.pk for match in dealt(rows, 11)] == [1, 2, 11, 3, 21, 4, 12, 5, 6, 13, 22]


@pytest.mark.slow
@given(st.lists(st.lists(st.integers(1, 30), unique=True, max_size=12), max_size=3), st.integers(1, 12))
def test_dealing_returns_every_product_once(rows: list[list[int]], limit: int) -> None:
    row = [match.product.pk for match in dealt(hands(rows), limit)]
    assert len(row) == len(set(row)) == min(limit, len({pk for one in rows for pk in one}))
