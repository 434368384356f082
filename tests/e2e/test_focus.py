"""Where the focus is, and what a screen reader announces, when a page changes without loading."""

from __future__ import annotations

import numpy as np
import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from recommendations.models import EmbeddingModel
from tests.e2e.every_page import log_in
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]
HEARD = """() => {
    window.heard = [];
    const status = document.querySelector("[data-photo-status]");
    new MutationObserver(() => heard.push(status.textContent)).observe(status, {childList: true, characterData: true});
}"""


@pytest.mark.parametrize("address", ["/", "/search/photo/"])
@pytest.mark.parametrize("width", [390, 1440])
def test_a_photo_search_says_what_it_found_and_moves_the_focus_there(
    address: str, width: int, shop: Shopkeeper, network: EmbeddingModel, live_server: LiveServer, browser: Browser
) -> None:
    chance = np.random.default_rng(1)
    for number in range(14):
        shop.embedded(network, f"Dress {number}", list(chance.random(network.dimension)), category=f"things{number}")
    with browser.new_context(base_url=live_server.url, viewport={"width": width, "height": 800}) as context:
        page = context.new_page()
        page.goto(address)
        page.evaluate(HEARD)
        page.locator("#photo").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": picture()})
        expect(page.locator("[data-results-grid] .card")).to_have_count(
            12, timeout=20_000
        )  # starts at once, with processes
        heading = page.locator("#results-title")
        expect(heading).to_be_focused()
        expect(heading).to_be_in_viewport(ratio=1)
        assert page.evaluate("heard") == ["Searching…", "12 look-alikes"]
        if width == 390 and address == "/search/photo/":  # on the first screen, below the photo and folded options
            first = page.locator("[data-results-grid] .card").first
            assert first.evaluate("card => card.getBoundingClientRect().top + scrollY") < 700

        # A file that is no photo: the focus is where another one is chosen, and the alert says why.
        page.locator("#photo").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"text"})
        expect(page.get_by_role("alert").filter(has_text="cannot be opened")).to_be_visible()
        expect(page.locator("#photo")).to_be_focused()
        expect(page.locator("[data-photo-drop]")).to_be_in_viewport()


def test_the_admins_controls_work_by_keyboard(
    shop: Shopkeeper, plane: EmbeddingModel, live_server: LiveServer, browser: Browser
) -> None:
    User.objects.create_superuser("boss", password="known to the tests")
    with browser.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 800}) as context:
        page = context.new_page()
        page.goto("/admin/login/")
        log_in(page, "boss")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("main")).to_be_focused()
        apps = page.locator("#nav-sidebar-apps")
        texts = apps.inner_text()
        assert texts.index("Products") < texts.index("Users") < texts.index("Tokens")
        page.goto("/admin/recommendations/rule/add/")
        menu = page.get_by_role("button", name="Related records").first
        menu.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Add another category").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_text("Add another category").first).to_be_hidden()
