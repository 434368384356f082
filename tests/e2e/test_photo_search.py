"""Searching by photo in a real browser: every way to begin, the box, words, budget, and the address of the results."""

from __future__ import annotations

import re
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, ViewportSize, expect

from catalog.models import Product
from recommendations.lifecycle import artifacts
from recommendations.models import EmbeddingModel
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]
RED, GREEN = (205, 30, 45), (30, 140, 60)
PHONE, DESKTOP = ViewportSize(width=390, height=844), ViewportSize(width=1440, height=900)
PAGE = "/search/photo/"


class Eye:
    """A network that sees dresses only: in red, in green, or half and half."""

    def embed(self, pictures: list[np.ndarray]) -> np.ndarray:
        return np.stack([self._of(np.asarray(each, np.float32)) for each in pictures])

    def _of(self, image: np.ndarray) -> np.ndarray:
        channels = image.reshape(-1, 3).mean(axis=0) if image.shape[-1] == 3 else image.reshape(3, -1).mean(axis=1)
        colour = np.maximum(channels[:2] - channels[:2].mean(), 0) + 1e-3
        return np.array([1, 0, *colour / np.linalg.norm(colour)], np.float32) / np.float32(2**0.5)


@pytest.fixture
def dresses(shop: Shopkeeper, coloured: EmbeddingModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dresses in red at 10, 20, … and in green at 15, 25, …"""
    monkeypatch.setattr(artifacts, "embedder", lambda model: Eye())
    for number in range(10):
        for colour, vector, price in (("Red", [1, 0, 1, 0], 10), ("Green", [1, 0, 0, 1], 15)):
            shop.embedded(
                coloured, f"{colour} dress {number}", [vector[0], number / 3, *vector[2:]], category="dresses",
                price=Decimal(price + 10 * number), attributes={"colour": colour},
            )  # fmt: skip


def halves(size: tuple[int, int] = (800, 600)) -> bytes:
    """A photo whose left half is red and whose right half is green."""
    image = Image.new("RGB", size, RED)
    image.paste(GREEN, (size[0] // 2, 0, *size))
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def file_of(data: bytes, name: str = "photo.png", kind: str = "image/png") -> Any:
    return {"name": name, "mimeType": kind, "buffer": data}


def chosen(page: Page, data: bytes) -> Locator:
    """The titles of the results."""
    page.goto(PAGE)
    page.locator("#photo").set_input_files(file_of(data))
    titles = page.locator("[data-results-grid] .card__title")
    expect(titles.first).to_be_visible()
    return titles


def first_is(titles: Locator, colour: str) -> None:
    expect(titles.first).to_have_text(re.compile(colour))


@pytest.mark.parametrize("way", ["file", "drop", "paste", "sample"])
def test_every_way_of_choosing_starts_the_search(
    dresses: None, opened: Any, way: str, settings: Any, tmp_path: Path
) -> None:
    data = picture(GREEN, format="PNG")
    (tmp_path / "green-dress.png").write_bytes(data)
    settings.PHOTO_SAMPLES = str(tmp_path)
    page = opened(DESKTOP)
    page.route("**/samples/*", lambda route: route.fulfill(body=data, content_type="image/png"))
    page.goto(PAGE)
    if way == "file":
        page.locator("#photo").set_input_files(file_of(data))
    elif way == "sample":
        page.get_by_role("button", name="Green dress").click()
    else:
        page.evaluate(
            """([way, bytes]) => {
                const files = new DataTransfer();
                files.items.add(new File([new Uint8Array(bytes)], "photo.png", { type: "image/png" }));
                const options = { bubbles: true, cancelable: true };
                document.body.dispatchEvent(way === "drop"
                    ? new DragEvent("drop", { dataTransfer: files, ...options })
                    : new ClipboardEvent("paste", { clipboardData: files, ...options }));
            }""",
            [way, list(data)],
        )
    first_is(page.locator("[data-results-grid] .card__title"), "Green")
    expect(page).to_have_url(re.compile(r"\?seen="))


def test_a_red_dress_under_40_is_found_in_four_actions(dresses: None, opened: Any) -> None:
    page = opened(PHONE, has_touch=True)
    page.goto(PAGE)
    page.locator("#photo").set_input_files(file_of(picture(RED, format="PNG")))  # 1
    page.get_by_label("Describe what you want").fill("dress under 40")  # 2
    page.keyboard.press("Enter")  # 3
    titles = page.locator("[data-results-grid] .card__title")
    expect(page.get_by_role("button", name="Remove: Up to")).to_be_visible()
    first_is(titles, "Red dress [0-2]")
    titles.first.click()  # 4
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Red dress [0-2]"))


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_words_become_chips_that_survive_cropping_reload_back_and_sharing(
    dresses: None, opened: Any, viewport: ViewportSize
) -> None:
    page = opened(viewport)
    titles = chosen(page, picture(RED, format="PNG"))
    first_is(titles, "Red")
    words = page.get_by_label("Describe what you want")
    words.fill("in green, under 40, fluffy")
    expect(page.get_by_text("was not understood")).to_have_count(0)  # not while typing
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("“fluffy” was not understood and not used.")).to_be_visible()
    first_is(titles, "Green dress [0-2]")
    expect(page.locator("[data-crop-picture]")).to_be_visible()

    expect(words).to_have_value("in green, fluffy")
    expect(page.locator("#refine-price")).to_have_value("40")  # the price is shown once

    page.get_by_role("button", name="Remove: Up to").click()
    expect(page.locator("#refine-price")).to_have_value("")
    expect(page.get_by_role("button", name="Remove: Up to")).to_have_count(0)
    words.fill("in green")
    words.press("Enter")
    expect(page.get_by_text("was not understood")).to_have_count(0)
    first = page.url

    page.locator("[data-crop-box]").focus()
    page.keyboard.press("Shift+ArrowLeft")
    expect(page).not_to_have_url(first)
    expect(page.get_by_role("button", name="Remove: In green")).to_be_visible()
    first_is(titles, "Green")

    link = page.url
    page.reload()
    expect(words).to_have_value("in green")
    first_is(titles, "Green")
    titles.first.click()
    page.go_back()
    first_is(titles, "Green")
    shared = opened(viewport, java_script_enabled=False)
    shared.goto(link)
    first_is(shared.locator("[data-results-grid] .card__title"), "Green")
    shared.get_by_role("button", name="Remove: In green").click()
    first_is(shared.locator("[data-results-grid] .card__title"), "Red")


def test_a_low_budget_is_raised_by_one_click(dresses: None, opened: Any) -> None:
    page = opened(DESKTOP)
    titles = chosen(page, picture(RED, format="PNG"))
    page.locator("#refine-price").fill("5")
    expect(page.get_by_role("heading", name="No look-alikes within $5.00. They start at $10.00.")).to_be_visible()
    expect(page.locator("#photo-results .card__title")).to_have_count(6)
    page.get_by_role("button", name="Raise the budget to").click()
    expect(page.get_by_role("heading", name="Look-alikes within")).to_be_visible()
    expect(page.locator("#refine-price")).not_to_have_value("5")
    expect(page).to_have_url(re.compile(r"price_max="))
    expect(titles.nth(1)).to_be_visible()


# The box


def box_of(page: Page) -> dict[str, float]:
    """Its place, as shares of the photo."""
    found: dict[str, float] = page.evaluate(
        """() => {
            const [box, stage] = ["box", "stage"].map(
                (name) => document.querySelector(`[data-crop-${name}]`).getBoundingClientRect());
            return { left: (box.left - stage.left) / stage.width, top: (box.top - stage.top) / stage.height,
                     width: box.width / stage.width, height: box.height / stage.height };
        }"""
    )
    return found


def point(page: Page, x: float, y: float) -> tuple[float, float]:
    """A place on the photo in the window."""
    page.locator("[data-crop-stage]").scroll_into_view_if_needed()
    stage = page.locator("[data-crop-stage]").bounding_box()
    assert stage
    return stage["x"] + x * stage["width"], stage["y"] + y * stage["height"]


def is_right_half(page: Page) -> None:
    found = box_of(page)
    assert found["left"] == pytest.approx(0.55, abs=0.06)
    assert found["left"] + found["width"] == pytest.approx(1, abs=0.02)


def test_the_box_is_dragged_by_mouse(dresses: None, opened: Any) -> None:
    page = opened(DESKTOP)
    titles = chosen(page, halves())
    page.mouse.move(*point(page, 0.02, 0.98))
    page.mouse.down()
    page.mouse.move(*point(page, 0.3, 0.98), steps=4)
    page.mouse.move(*point(page, 0.57, 0.98), steps=4)
    page.mouse.up()
    is_right_half(page)
    first_is(titles, "Green")
    page.mouse.move(*point(page, 0.8, 0.5))
    page.mouse.down()
    page.mouse.move(*point(page, 0.3, 0.5), steps=4)
    page.mouse.up()
    assert box_of(page)["left"] == pytest.approx(0.05, abs=0.05)
    first_is(titles, "Red")


def test_the_box_is_dragged_by_finger(dresses: None, opened: Any) -> None:
    page = opened(PHONE, has_touch=True)
    titles = chosen(page, halves())
    page.get_by_text("Crop the photo").click()
    finger = page.context.new_cdp_session(page)
    for kind, x in (("touchStart", 0.02), ("touchMove", 0.3), ("touchMove", 0.57), ("touchEnd", None)):
        points = [] if x is None else [dict(zip("xy", point(page, x, 0.98), strict=True))]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    is_right_half(page)
    first_is(titles, "Green")


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_corner_is_tapped_and_then_the_place_where_it_goes(
    dresses: None, opened: Any, viewport: ViewportSize
) -> None:
    page = opened(viewport, has_touch=True)
    titles = chosen(page, halves())
    page.get_by_text("Crop the photo").click()
    page.touchscreen.tap(*point(page, 0.03, 0.03))
    expect(page.get_by_text("Now tap where the corner goes.")).to_be_visible()
    page.touchscreen.tap(*point(page, 0.57, 0.3))
    expect(page.get_by_text("Now tap where the corner goes.")).to_have_count(0)
    is_right_half(page)
    assert box_of(page)["top"] == pytest.approx(0.3, abs=0.05)
    first_is(titles, "Green")


def test_the_box_is_moved_by_keyboard_and_by_buttons(dresses: None, opened: Any) -> None:
    page = opened(DESKTOP)
    titles = chosen(page, halves())
    page.locator("[data-crop-box]").focus()
    for _ in range(11):
        page.keyboard.press("Shift+ArrowLeft")
    first_is(titles, "Red")
    expect(page.locator("[data-crop-box]")).to_be_focused()
    for _ in range(11):
        page.keyboard.press("ArrowRight")
    is_right_half(page)
    first_is(titles, "Green")
    page.get_by_text("Crop the photo").click()
    for _ in range(11):
        page.get_by_role("button", name="Move left").click()
    first_is(titles, "Red")
    page.get_by_role("button", name="Whole photo").click()
    assert box_of(page)["width"] == pytest.approx(1, abs=0.01)


# Files


def test_a_heic_photo_is_refused_with_what_to_do(dresses: None, opened: Any) -> None:
    page = opened(DESKTOP)
    page.goto(PAGE)
    page.locator("#photo").set_input_files(file_of(b"\0\0\0\x18ftypheic" + b"\0" * 64, "IMG_1.HEIC", ""))
    expect(page.locator("#photo-error")).to_have_text(
        "This browser cannot open HEIC photos. Save the photo as JPEG, or search on the phone that took it."
    )
    assert page.evaluate("document.querySelector('#photo').files.length") == 0


def test_a_photo_of_48_megapixels_is_sent_small(dresses: None, opened: Any) -> None:
    stream = BytesIO()
    Image.new("RGB", (8000, 6000), GREEN).save(stream, "JPEG", quality=90)
    page = opened(PHONE)
    page.goto(PAGE)
    with page.expect_request(lambda request: request.method == "POST") as asked:
        page.locator("#photo").set_input_files(file_of(stream.getvalue(), "photo.jpg", "image/jpeg"))
    assert asked.value.url.endswith(PAGE)
    first_is(page.locator("[data-results-grid] .card__title"), "Green")
    size = page.evaluate(
        "createImageBitmap(document.querySelector('#photo').files[0]).then(({ width, height }) => [width, height])"
    )
    assert size == [1280, 960]


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_results_begin_within_the_first_screen_beside_the_photo(
    dresses: None, opened: Any, viewport: ViewportSize
) -> None:
    page = opened(viewport)
    chosen(page, halves((600, 800)))
    top = page.evaluate("document.querySelector('[data-results-grid] li').getBoundingClientRect().top + scrollY")
    assert top <= 600
    expect(page.locator("[data-crop-picture]")).to_be_in_viewport()
    expect(page.get_by_label("Describe what you want")).to_be_in_viewport()


def test_a_photo_takes_the_place_of_the_product_whose_look_alikes_are_shown(dresses: None, opened: Any) -> None:
    page = opened(DESKTOP)
    page.goto(f"{PAGE}?product={Product.objects.get(title='Red dress 0').slug}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Find similar")
    page.get_by_text("Search with a photo instead").click()
    page.locator("#photo").set_input_files(file_of(picture(GREEN, format="PNG")))
    expect(page.get_by_role("heading", level=1)).to_have_text("Search by photo")
    first_is(page.locator("[data-results-grid] .card__title"), "Green")
    expect(page).to_have_url(re.compile(r"\?seen="))
