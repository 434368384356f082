"""Pages in a language that is written from right to left: what is drawn, and where controls lead."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from recommendations.lifecycle import artifacts
from recommendations.models import EmbeddingModel
from tests.e2e.test_photo_search import DESKTOP, PAGE, PHONE, Eye, file_of, halves, point
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]


@pytest.fixture
def shirts(shop: Shopkeeper, coloured: EmbeddingModel, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """An Arabic shop of twelve shirts at 10, 20, …, of which a page shows four."""
    settings.LANGUAGE_CODE = "ar"
    settings.PRODUCTS_PER_PAGE = 4
    monkeypatch.setattr(artifacts, "embedder", lambda model: Eye())
    for number in range(12):
        shop.embedded(
            coloured, f"Shirt {number}", [1, number / 9, number % 2, 1 - number % 2], category="shirts",
            price=Decimal(10 + 10 * number), attributes={"colour": ("Green", "Red")[number % 2]},
        )  # fmt: skip


def left(place: Locator) -> float:
    box = place.bounding_box()
    assert box
    return box["x"]


def is_mirrored(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth, scrollX]")
    assert width[0] <= width[1], "nothing reaches over the edge"
    assert left(page.locator(".brand")) > left(page.locator(".search-box")), "the line begins on the right"


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_lists_filters_and_menus_begin_on_the_right(shirts: None, opened: Any, viewport: Any) -> None:
    page = opened(viewport)
    page.goto("/")
    is_mirrored(page)
    arrow = page.locator("main .arrow").first
    assert arrow.evaluate("arrow => new DOMMatrix(getComputedStyle(arrow).transform).a") == -1, "it points to the left"
    page.goto("/c/shirts/?price_max=80")
    is_mirrored(page)
    crumbs = page.locator(".breadcrumbs li")
    assert left(crumbs.first) > left(crumbs.last)
    chip = page.locator(".chip--remove").first
    assert left(chip) + 1 > 0
    page.goto("/c/shirts/?page=2")
    assert left(page.locator("[rel=prev]").last) > left(page.locator("[rel=next]").last)
    if viewport == PHONE:
        page.goto("/c/shirts/")
        page.locator("[popovertarget=filters]:not([popovertargetaction])").first.click()
    lowest, highest = page.locator("#price-range-min"), page.locator("#price-range-max")
    expect(lowest).to_be_visible()
    before = float(highest.input_value())
    highest.press("ArrowRight")  # towards the lower prices
    assert float(highest.input_value()) < before
    page.locator(".facet__prices input").last.press("Escape")
    page.goto("/")
    page.locator(".menu-button").click()
    expect(page.locator("#menu")).to_be_visible()
    is_mirrored(page)


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_crop_box_follows_the_pointer_and_arrows_show_where_it_goes(
    shirts: None, opened: Any, viewport: Any
) -> None:
    page = opened(viewport)
    page.goto(PAGE)
    page.locator("#photo").set_input_files(file_of(halves()))
    titles = page.locator("[data-results-grid] .card__title")
    expect(titles.first).to_be_visible()
    is_mirrored(page)
    page.locator(".crop__more summary").click()
    to_left, to_right = (page.locator(f"[data-crop-do={name}]") for name in ("left", "right"))
    assert left(to_left) < left(to_right)
    page.mouse.move(*point(page, 0.02, 0.98))
    page.mouse.down()
    page.mouse.move(*point(page, 0.3, 0.98), steps=4)
    page.mouse.move(*point(page, 0.57, 0.98), steps=4)
    page.mouse.up()
    box, stage = page.locator("[data-crop-box]").bounding_box(), page.locator("[data-crop-stage]").bounding_box()
    assert box
    assert stage
    assert (box["x"] - stage["x"]) / stage["width"] == pytest.approx(0.55, abs=0.06), "the right half is left"
    to_left.click()
    moved = page.locator("[data-crop-box]").bounding_box()
    assert moved
    assert moved["x"] < box["x"]
    is_mirrored(page)
