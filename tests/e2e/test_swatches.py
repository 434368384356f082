"""Similar items in another colour, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from recommendations.models import EmbeddingModel
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]


def test_choosing_a_colour_swaps_the_strip_and_nothing_else(
    shop: Shopkeeper, coloured: EmbeddingModel, live_server: LiveServer, browser: Browser
) -> None:
    asking = shop.embedded(coloured, "asking", [1, 0, 1, 0], attributes={"colour": "Red"})
    for place in range(1, 3):
        shop.embedded(coloured, f"green {place}", [1, 0.3 * place, 0, 1], attributes={"colour": "Green"})
    with browser.new_context(base_url=live_server.url, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(asking.get_absolute_url())
        page.evaluate("window.stays = true")
        swatch = page.get_by_role("link", name="Green", exact=True)
        swatch.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Similar items in Green")).to_be_visible()
        expect(swatch).to_be_focused()
        expect(swatch).to_have_attribute("aria-current", "true")
        expect(page.locator("#similar-status")).to_have_text("Similar items in Green: 2")
        assert page.url.endswith("?colour=Green")
        assert page.evaluate("window.stays")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.reload()
        expect(page.get_by_role("heading", name="Similar items in Green")).to_be_visible()
        page.get_by_role("link", name="Original colour").click()
        expect(page.get_by_role("heading", name="Similar items", exact=True)).to_be_visible()
        assert page.url.endswith(asking.get_absolute_url())
        assert problems == []
