"""The search box's suggestions, by keyboard, mouse and touch."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from catalog.search.indexing import count_words
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]


@pytest.mark.parametrize("width", [390, 1440])
def test_a_suggestion_is_chosen_by_keyboard_or_mouse(
    width: int, shop: Shopkeeper, live_server: LiveServer, browser: Browser
) -> None:
    for title in ("Red shirt", "Blue shirts"):
        shop.image(shop.product(title, category="clothing/shirts"))
    count_words()
    with browser.new_context(base_url=live_server.url, viewport={"width": width, "height": 700}) as context:
        page = context.new_page()
        page.goto("/")
        box = page.get_by_role("combobox", name="Search products")
        options = page.get_by_role("option")
        box.press_sequentially("shi")
        expect(options).to_have_count(5)  # shirt, the category, both products, and photos
        expect(box).to_have_attribute("aria-expanded", "true")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        box.press("ArrowDown")
        expect(options.first).to_have_attribute("aria-selected", "true")
        assert box.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
        box.press("ArrowUp")
        box.press("ArrowUp")  # from the box to the last
        expect(options.last).to_have_attribute("aria-selected", "true")
        box.press("Escape")
        expect(page.get_by_role("listbox")).to_be_hidden()
        expect(box).to_have_value("shi")
        box.press("ArrowDown")
        box.press("ArrowDown")
        box.press("Enter")
        page.wait_for_url("**/search/?q=shirt")
        expect(page.locator(".card")).to_have_count(2)

        box.fill("red s")
        page.get_by_role("option", name="Red shirt $").click()
        page.wait_for_url("**/p/red-shirt*/")

        box.fill("xyzzy")
        expect(options).to_have_text(["Nothing found. Search by photo"])
        box.press("Enter")  # nothing is selected, so the form is sent
        page.wait_for_url("**/search/?q=xyzzy")
