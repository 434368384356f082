"""The similar items of a product page, which are fetched when they come near the window, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, sin

import pytest
from playwright.sync_api import Page, Route, expect

from catalog.models import Product
from recommendations.models import EmbeddingModel
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]
SHIFTS = """() => {
    window.shift = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
}"""


@pytest.fixture
def coat(shop: Shopkeeper, coloured: EmbeddingModel) -> Product:
    """With a long description, so that the strip begins far below the window, and eight look-alikes."""
    for number in range(8):
        turn = 0.25 * number  # far enough apart for a card each
        shop.embedded(coloured, f"Parka {number}", [cos(turn), sin(turn), 0, 1], attributes={"colour": "Green"})
    return shop.embedded(
        coloured, "Coat", [1, 0, 1, 0], description="Warm and dry.\n\n" * 60, attributes={"colour": "Red"}
    )


def requests_of(page: Page) -> list[str]:
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url) if "/similar/" in request.url else None)
    return found


@pytest.mark.parametrize("width", [390, 1440])
def test_the_strip_comes_when_it_is_near_and_moves_nothing(
    coat: Product, opened: Callable[..., Page], width: int
) -> None:
    page = opened(width)
    fetched = requests_of(page)
    page.goto(coat.get_absolute_url())
    page.evaluate(SHIFTS)
    page.wait_for_load_state("networkidle")
    assert fetched == []
    place = page.locator("#similar")
    top = place.evaluate("place => place.getBoundingClientRect().top + scrollY")
    page.mouse.wheel(0, top - 844 - 300)  # below the window still, and within 400 pixels of it
    expect(place.locator(".card")).to_have_count(6)
    assert place.evaluate("place => place.getBoundingClientRect().top") > 844
    assert len(fetched) == 1
    place.scroll_into_view_if_needed()
    page.wait_for_timeout(200)
    assert page.evaluate("shift") <= 0.02
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_sold_out_item_shows_them_at_once(coat: Product, opened: Callable[..., Page]) -> None:
    Product.objects.filter(pk=coat.pk).update(stock=0)
    page = opened(390)
    page.goto(coat.get_absolute_url())
    expect(page.locator("#similar .card")).to_have_count(6)
    assert page.evaluate("scrollY") == 0


def test_without_scripts_a_link_shows_them(coat: Product, opened: Callable[..., Page]) -> None:
    page = opened(390, java_script_enabled=False)
    page.goto(coat.get_absolute_url())
    expect(page.locator(".strip__row--waiting")).to_be_hidden()
    page.get_by_role("link", name="Show similar items").click()
    assert page.url.endswith("?similar=1#similar-title")
    expect(page.locator("#similar .card")).to_have_count(6)
    page.get_by_role("link", name="Green", exact=True).click()
    assert page.url.endswith("?colour=Green#similar-title")
    page.get_by_role("link", name="Original colour").click()
    assert page.url.endswith("?similar=1#similar-title")


@pytest.mark.parametrize("fault", ["aborted", "refused"])
def test_a_failure_is_said_and_leaves_the_link(coat: Product, opened: Callable[..., Page], fault: str) -> None:
    page = opened(390)

    def fail(route: Route) -> None:
        if fault == "aborted":
            route.abort()
        else:
            route.fulfill(status=429)

    page.route("**/similar/", fail)
    page.goto(coat.get_absolute_url())
    page.locator("#similar").scroll_into_view_if_needed()
    expect(page.locator("#similar").get_by_role("status")).to_have_text(
        "The similar items could not be loaded. Use the link to try again."
    )
    page.get_by_role("link", name="Show similar items").click()
    expect(page.locator("#similar .card")).to_have_count(6)


def test_where_nothing_is_similar_no_place_stays(
    shop: Shopkeeper, coloured: EmbeddingModel, opened: Callable[..., Page]
) -> None:
    only = shop.embedded(coloured, "Only", [1, 0, 1, 0])
    page = opened(1440)
    page.goto(only.get_absolute_url())
    expect(page.locator("#similar")).to_have_count(0)
    expect(page.get_by_role("link", name="See similar items")).to_be_hidden()
    hat = shop.product("Hat", category="hats")
    page.goto(only.get_absolute_url())
    expect(page.locator("#similar .card")).to_have_count(1)
    page.route("**/similar/", lambda route: route.fulfill(body="", content_type="text/html"))  # gone since
    page.goto(hat.get_absolute_url())
    expect(page.locator("#similar")).to_have_count(0)


def test_back_from_a_similar_item_returns_to_its_card(coat: Product, opened: Callable[..., Page]) -> None:
    page = opened(390)
    page.goto(coat.get_absolute_url())
    page.locator("#similar").scroll_into_view_if_needed()
    link = page.locator("#similar .card__title a").nth(1)
    link.click()
    page.wait_for_url("**/p/parka*/")
    page.go_back()
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()


@pytest.mark.parametrize("width", [390, 1440])
def test_examples_refine_the_strip_by_keyboard(coat: Product, opened: Callable[..., Page], width: int) -> None:
    page = opened(width)
    page.goto(coat.get_absolute_url())
    page.locator("#similar").scroll_into_view_if_needed()
    cards = page.locator("#similar .card__title")
    expect(cards).to_have_count(6)
    liked, disliked = cards.nth(2).inner_text(), cards.nth(0).inner_text()
    more = page.get_by_role("link", name=f"More like {liked}", exact=True)
    more.focus()
    page.keyboard.press("Enter")
    chip = page.get_by_role("link", name=f"Remove: More like {liked}", exact=True)
    expect(chip).to_be_visible()
    expect(page.locator("#similar-title")).to_be_focused()  # the card is gone
    expect(page.locator("#similar-status")).to_have_text("Similar items: 6")
    page.get_by_role("link", name=f"Less like {disliked}", exact=True).press("Enter")
    expect(page.get_by_role("link", name=f"Remove: Less like {disliked}", exact=True)).to_be_visible()
    assert not {liked, disliked} & set(cards.all_inner_texts())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.reload()
    expect(chip).to_be_visible()
    chip.press("Enter")
    expect(chip).to_have_count(0)
    page.get_by_role("link", name=f"Remove: Less like {disliked}", exact=True).press("Enter")
    expect(page.get_by_role("list", name="Your examples")).to_have_count(0)
    assert page.url.endswith(coat.get_absolute_url())
