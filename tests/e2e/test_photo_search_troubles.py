"""Searching by photo when something is wrong: slow networks, impatient shoppers, and files that are no photos."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Request, expect

from tests.e2e.test_photo_search import DESKTOP, GREEN, PAGE, PHONE, RED, dresses, file_of, first_is
from tests.pictures import picture

__all__ = ["dresses"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]
MEGABIT = 1024 * 1024 / 8  # bytes


def slow_down(page: Page) -> None:
    """To 1.6 Mbit/s and 150 ms, as Lighthouse takes for a slow mobile network."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    speed = {"downloadThroughput": 1.6 * MEGABIT, "uploadThroughput": 1.6 * MEGABIT}
    session.send("Network.emulateNetworkConditions", {"offline": False, "latency": 150, **speed})


def noisy(colour: tuple[int, int, int]) -> bytes:
    """A photo that stays large as JPEG: 1,280 pixels wide, some hundred kB."""
    noise = np.random.default_rng(7).integers(-12, 12, (960, 1280, 3))
    stream = BytesIO()
    Image.fromarray(np.clip(noise + colour, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def searches_of(page: Page) -> list[Request]:
    found: list[Request] = []
    page.on("request", lambda request: found.append(request) if request.method == "POST" else None)
    return found


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_on_a_slow_network_the_page_says_that_it_searches_and_a_second_start_changes_nothing(
    dresses: None, opened: Any, viewport: Any
) -> None:
    page = opened(viewport)
    page.goto(PAGE)
    searches = searches_of(page)
    slow_down(page)
    page.locator("#photo").set_input_files(file_of(noisy(GREEN), "photo.jpg", "image/jpeg"))
    button = page.locator("[data-photo-submit]")
    expect(button).to_have_text(re.compile("Searching…"), use_inner_text=True)
    expect(page.locator("[data-photo-status]")).to_have_text("Searching…")
    for _ in range(3):
        button.click()
    expect(page.locator("[data-photo-status]")).to_have_text(re.compile("look-alike"), timeout=30_000)
    first_is(page.locator("[data-results-grid] .card__title"), "Green")
    assert len(searches) == 1

    # Another photo: what is shown stays until the answer is there, and the page says that it searches.
    page.locator("#photo").set_input_files(file_of(noisy(RED), "photo.jpg", "image/jpeg"))
    expect(page.locator("[data-photo-status]")).to_have_text("Searching…")
    expect(page.locator("[data-photo-status]")).to_be_in_viewport()
    first_is(page.locator("[data-results-grid] .card__title"), "Green")
    expect(page.locator("[data-results-grid] .card__title").first).to_have_text(re.compile("Red"), timeout=30_000)
    assert len(searches) == 2


def test_the_photo_that_was_chosen_last_is_searched_for(dresses: None, opened: Any) -> None:
    page = opened(PHONE)
    page.goto(PAGE)
    slow_down(page)
    page.locator("#photo").set_input_files(file_of(noisy(RED), "photo.jpg", "image/jpeg"))
    expect(page.locator("#photo-search")).to_have_class(re.compile("htmx-request"))
    page.locator("#photo").set_input_files(file_of(picture(GREEN, format="PNG")))
    first_is(page.locator("[data-results-grid] .card__title"), "Green")
    page.wait_for_load_state("networkidle")
    first_is(page.locator("[data-results-grid] .card__title"), "Green")


def test_without_a_connection_the_page_says_so_and_the_search_can_be_repeated(dresses: None, opened: Any) -> None:
    page = opened(PHONE)
    page.goto(PAGE)
    page.context.set_offline(True)
    page.locator("#photo").set_input_files(file_of(picture(GREEN, format="PNG")))
    expect(page.locator("#photo-error")).to_have_text("Cannot reach the shop. Check your connection and try again.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Find look-alikes").click()
    first_is(page.locator("[data-results-grid] .card__title"), "Green")
    expect(page.locator("#photo-error")).to_be_empty()


@pytest.mark.parametrize(
    ("name", "kind", "data", "sentence"),
    [
        ("notes.txt", "text/plain", b"notes", "This file is not a picture. Choose a photo."),
        ("photo.jpg", "image/jpeg", b"notes " * 20, "This file cannot be opened. Choose a JPEG"),
        ("photo.jpg", "image/jpeg", b"", "The file is empty. Choose another photo."),
        ("photo.jpg", "image/jpeg", b"\xff\xd8\xff" + b"x" * 60_000, "The file is too large. Choose a smaller photo"),
        ("photo.gif", "image/gif", b"GIF89a", "The photo is damaged or incomplete. Save it again"),
    ],
    ids=["text", "text named .jpg", "nothing", "too large", "broken"],
)
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_each_refused_file_is_answered_with_what_to_do(
    dresses: None, opened: Any, settings: Any, name: str, kind: str, data: bytes, sentence: str, scripts: bool
) -> None:
    settings.IMAGE_MAX_BYTES = 50_000
    page = opened(PHONE, java_script_enabled=scripts)
    page.goto(PAGE)
    page.locator("#photo").set_input_files(file_of(data, name, kind))
    if not scripts:
        page.get_by_role("button", name="Find look-alikes").click()
    by_server = "This file cannot be opened." if kind == "text/plain" and not scripts else sentence
    expect(page.locator("#photo-error")).to_contain_text(by_server)
    page.locator("#photo").set_input_files(file_of(picture(GREEN, format="PNG")))
    if not scripts:
        page.get_by_role("button", name="Find look-alikes").click()
    first_is(page.locator("[data-results-grid] .card__title"), "Green")
