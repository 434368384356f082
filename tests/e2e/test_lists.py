"""Hearts, comparison and "Find similar" in a real browser, with and without scripts."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from catalog.models import Product
from recommendations.models import EmbeddingModel
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]
WIDTHS = [390, 1440]


@pytest.fixture
def dresses(shop: Shopkeeper) -> list[Product]:
    products = [shop.product(f"Dress {number}", category="clothes/dresses") for number in range(6)]
    for product in products:
        shop.image(product, picture(size=(240, 320)))
    return products


@pytest.mark.parametrize("width", WIDTHS)
def test_a_heart_saves_an_item_and_says_so(width: int, opened: Any, dresses: list[Product]) -> None:
    page = opened(width)
    page.goto("/c/clothes/")
    heart = page.get_by_role("button", name="Save: Dress 3")
    expect(heart).to_have_attribute("aria-pressed", "false")
    heart.click()
    expect(heart).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#list-status")).to_have_text("Saved. It is in “Saved items”.")
    expect(page.locator("[data-list-count=saved]")).to_have_text("1")
    page.get_by_role("banner").get_by_role("link", name="Saved items").click()
    expect(page.locator(".card__title")).to_have_text(["Dress 3"])
    page.go_back()
    expect(page.get_by_role("button", name="Save: Dress 3")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Save: Dress 3").press("Enter")
    expect(page.locator("[data-list-count=saved]")).to_be_hidden()
    assert page.context.cookies() == [] or "saved" not in {each["name"] for each in page.context.cookies()}


@pytest.mark.parametrize("width", WIDTHS)
def test_four_items_are_compared_and_a_fifth_is_refused(width: int, opened: Any, dresses: list[Product]) -> None:
    page = opened(width)
    for dress in dresses[:5]:
        page.goto(dress.get_absolute_url())
        page.get_by_role("button", name="Add to comparison").click()
    expect(page.locator("#list-status")).to_have_text("You can compare 4 items. Remove one to add another.")
    page.get_by_role("link", name="Compare (4)").click()
    expect(page.locator("thead .card__title")).to_have_text([f"Dress {number}" for number in (3, 2, 1, 0)])
    page.get_by_role("button", name="Remove: Dress 3").click()
    expect(page.locator("thead .card__title")).to_have_text([f"Dress {number}" for number in (2, 1, 0)])


def test_without_scripts_forms_do_the_same(opened: Any, dresses: list[Product]) -> None:
    page = opened(390, java_script_enabled=False)
    page.goto(dresses[0].get_absolute_url())
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("Saved items")
    expect(page.locator(".card__title")).to_have_text(["Dress 0"])
    page.get_by_role("button", name="Compare: Dress 0").click()
    expect(page.locator("h1")).to_have_text("Compare")
    page.get_by_role("button", name="Remove: Dress 0").click()
    expect(page.get_by_text("Nothing to compare yet")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_card_leads_to_the_look_alikes_of_its_item(
    width: int, opened: Any, shop: Shopkeeper, coloured: EmbeddingModel
) -> None:
    for number in range(4):
        shop.embedded(coloured, f"Dress {number}", [1, number / 4, 0, 1], price=10 + number)
    waiting = shop.product("Not embedded")
    shop.image(waiting)
    page = opened(width)
    page.goto("/c/clothes/")
    page.get_by_role("link", name="Find similar: Dress 0").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Find similar")
    expect(page.locator("[data-results-grid] .card__title")).to_have_text(["Dress 1", "Dress 2", "Dress 3"])
    page.reload()
    expect(page.locator("[data-results-grid] .card__title")).to_have_text(["Dress 1", "Dress 2", "Dress 3"])
    if width < 500:
        page.get_by_text("Sort, budget and more").click()
    page.get_by_label("Budget").fill("12")
    expect(page.locator("[data-results-grid] .card__title")).to_have_text(["Dress 1", "Dress 2"])
    assert "price_max=12" in page.url
    assert "product=dress-0" in page.url
    expect(page.get_by_role("link", name="Dress 0", exact=True)).to_be_visible()
    page.goto("/search/photo/?product=" + waiting.slug)
    expect(page.get_by_role("heading", level=1)).to_have_text("Not embedded")
