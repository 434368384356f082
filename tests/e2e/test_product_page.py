"""The pictures of a product, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from catalog.models import Product
from recommendations.models import EmbeddingModel
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]


@pytest.fixture
def dress(shop: Shopkeeper) -> Product:
    """With three pictures."""
    product = shop.product("Red dress")
    for _ in range(3):
        shop.image(product)
    return product


@pytest.fixture(params=[390, 1440])
def page(request: pytest.FixtureRequest, live_server: LiveServer, browser: Browser) -> Iterator[Page]:
    size = {"width": request.param, "height": 844}
    with browser.new_context(base_url=live_server.url, viewport=size, has_touch=True) as context:
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        yield page
        assert problems == []


def swipe(page: Page, selector: str, by: int) -> None:
    """A finger moves `by` pixels to the right, as the browser itself reports touches."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        *(("touchMove", [{"x": x + by * step / 5, "y": y}]) for step in range(1, 6)),
        ("touchEnd", []),
    ):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_the_pictures_open_on_the_whole_screen_and_obey_the_keyboard(page: Page, dress: Product) -> None:
    page.goto(dress.get_absolute_url())
    link = page.locator("[data-gallery-open]")
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    status = dialog.get_by_role("status")
    expect(status).to_have_text("Picture 1 of 3")
    for key, number in (("ArrowRight", 2), ("End", 3), ("ArrowRight", 1), ("ArrowLeft", 3), ("Home", 1)):
        page.keyboard.press(key)
        expect(status).to_have_text(f"Picture {number} of 3")
    page.keyboard.press("+")
    expect(dialog.get_by_role("button", name="Zoom out")).to_be_enabled()
    page.keyboard.press("ArrowRight")  # moves the enlarged picture
    expect(status).to_have_text("Picture 1 of 3")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()


def test_a_swipe_shows_the_next_picture_on_the_page_and_on_the_whole_screen(page: Page, dress: Product) -> None:
    page.goto(dress.get_absolute_url())
    swipe(page, "[data-gallery-stage]", -120)
    expect(page.locator("[data-gallery-status]")).to_have_text("Picture 2 of 3")
    page.locator("[data-gallery-open]").click()
    status = page.get_by_role("dialog").get_by_role("status")
    swipe(page, "[data-zoom-stage]", -120)
    expect(status).to_have_text("Picture 3 of 3")
    swipe(page, "[data-zoom-stage]", 120)
    expect(status).to_have_text("Picture 2 of 3")


Point = tuple[float, float]


def touch(page: Page, *frames: list[Point]) -> None:
    """Fingers on the enlarged picture, each frame with their places from its centre; the last frame lifts them."""
    box = page.locator("[data-zoom-stage]").bounding_box()
    assert box is not None
    centre_x, centre_y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session, kind = page.context.new_cdp_session(page), "touchStart"
    for frame in frames:
        points = [{"x": centre_x + x, "y": centre_y + y, "id": finger} for finger, (x, y) in enumerate(frame)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        kind = "touchMove"
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def drawn(page: Page) -> list[float]:
    """How the enlarged picture is drawn: scale, and the place of its centre."""
    found: list[float] = page.evaluate(
        """() => {
            const image = document.querySelector("[data-zoom-stage] img");
            const { a, e, f } = new DOMMatrix(getComputedStyle(image).transform);
            return [a, e, f];
        }"""
    )
    return found


def test_two_fingers_enlarge_a_picture_and_one_moves_it(page: Page, dress: Product) -> None:
    page.goto(dress.get_absolute_url())
    page.locator("[data-gallery-open]").click()
    status = page.get_by_role("dialog").get_by_role("status")
    expect(status).to_have_text("Picture 1 of 3")
    touch(page, [(-20, 0), (20, 0)], [(-40, 0), (40, 0)], [(-60, 0), (60, 0)])
    assert drawn(page) == pytest.approx([3, 0, 0], abs=0.05), "around the middle of the fingers"
    expect(status).to_have_text("Picture 1 of 3")
    touch(page, [(0, 0)], [(-40, 30)], [(-80, 60)])
    assert drawn(page) == pytest.approx([3, -80, 60], abs=1), "no swipe while it is enlarged"
    expect(status).to_have_text("Picture 1 of 3")
    touch(page, [(0, 0)], [(-3000, 0)])
    _, x, _ = drawn(page)
    assert -x <= page.locator("[data-zoom-stage]").evaluate("stage => stage.clientWidth") + 1, "its edge stays in view"
    touch(page, [(-60, 0), (60, 0)], [(-40, 0), (40, 0)], [(-5, 0), (5, 0)])
    assert drawn(page) == pytest.approx([1, 0, 0], abs=0.05), "never smaller than the window"
    expect(page.locator("[data-zoom-do=smaller]")).to_be_disabled()
    touch(page, [(60, 0)], [(0, 0)], [(-60, 0)])
    expect(status).to_have_text("Picture 2 of 3")


def test_from_right_to_left_the_next_picture_is_on_the_left(page: Page, dress: Product, settings: Any) -> None:
    settings.LANGUAGE_CODE = "ar"
    page.goto(dress.get_absolute_url())
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    swipe(page, "[data-gallery-stage]", 120)
    expect(page.locator("[data-gallery-status]")).to_have_text(re.compile("2.+3"))
    page.locator("[data-gallery-thumb][aria-current]").press("ArrowLeft")
    expect(page.locator("[data-gallery-status]")).to_have_text(re.compile("3.+3"))
    page.locator("[data-gallery-open]").click()
    status = page.get_by_role("dialog").get_by_role("status")
    for key, number in (("ArrowRight", 2), ("ArrowLeft", 3)):
        page.keyboard.press(key)
        expect(status).to_have_text(re.compile(f"{number}.+3"))
    touch(page, [(-60, 0)], [(0, 0)], [(60, 0)])
    expect(status).to_have_text(re.compile("1.+3"))
    page.keyboard.press("Escape")


def test_what_is_known_of_a_sold_out_item_is_beside_its_picture_or_below_similar_items(
    page: Page, shop: Shopkeeper, coloured: EmbeddingModel
) -> None:
    product = shop.embedded(coloured, "Coat", [1, 0, 0, 1], stock=0)
    shop.embedded(coloured, "Jacket", [1, 0.2, 0, 1])
    page.goto(product.get_absolute_url())
    expect(page.locator("#similar .card")).to_have_count(1)  # it comes after the page
    details, similar, picture = (
        page.locator(each).bounding_box() for each in (".product__after", "#similar-title", "[data-gallery-stage]")
    )
    assert details
    assert similar
    assert picture
    is_wide = page.evaluate("innerWidth >= 1024")
    assert (details["y"] < similar["y"], details["x"] > picture["x"] + picture["width"]) == (is_wide, is_wide)


def test_a_single_picture_has_no_other_to_go_to(page: Page, shop: Shopkeeper) -> None:
    product = shop.product()
    shop.image(product)
    page.goto(product.get_absolute_url())
    page.locator("[data-gallery-open]").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Next")).to_have_count(0)
    page.keyboard.press("ArrowRight")
    dialog.locator("[data-zoom-stage]").click()
    expect(dialog.get_by_role("button", name="Zoom out")).to_be_enabled()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()


def test_without_scripts_the_pictures_are_links(live_server: LiveServer, browser: Browser, dress: Product) -> None:
    with browser.new_context(base_url=live_server.url, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(dress.get_absolute_url())
        expect(page.get_by_role("dialog")).to_have_count(0)
        for link in page.locator("[data-gallery-open], [data-gallery-thumb]").all():
            assert (link.get_attribute("href") or "").startswith("/media/products/")
