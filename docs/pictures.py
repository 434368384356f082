"""`python -m docs.pictures http://127.0.0.1:8000`: take the pictures of pages in docs/img/ again, from the demo."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from bench.browser import chromium

ROOT = Path(__file__).resolve().parents[1]
SHOWN = ROOT / "docs" / "img"
PRODUCT = "/p/beige-and-black-striped-jumper--SH-0262/"
PHOTO = ROOT / "demo" / "queries" / "small-checked-shirt.webp"
WIDTH = 1200
MOST_BYTES = 110_000


def home(page: Page) -> None:
    page.goto("/")
    save(page, "home", 1080)


def product(page: Page) -> None:
    page.goto(PRODUCT)
    page.locator("#similar").scroll_into_view_if_needed()  # where its items are fetched
    page.locator("#similar .card").first.wait_for()
    save(page, "product", 1410)


def photo_search(page: Page) -> None:
    page.goto("/search/photo/")
    page.locator("[name=price_max]").first.fill("20")
    page.locator("#photo").set_input_files(PHOTO)
    page.locator("[data-results-grid] .card").first.wait_for()
    save(page, "photo-search", 1290)


def save(page: Page, name: str, height: int) -> None:
    """The top of the page with all of its pictures, in the best quality that is small enough."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    page.wait_for_load_state("networkidle")
    page.wait_for_function("[...document.images].every(({complete, loading}) => complete || loading === 'lazy')")
    image = Image.open(BytesIO(page.screenshot()))
    for quality in range(86, 30, -4):
        file = BytesIO()
        image.convert("RGB").save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= MOST_BYTES:
            break
    (SHOWN / f"{name}.webp").write_bytes(file.getvalue())
    sys.stdout.write(f"{name}.webp: {file.tell():,} bytes, quality {quality}\n")


def main() -> None:
    with chromium() as browser:
        for take in (home, product, photo_search):
            context = browser.new_context(
                base_url=sys.argv[1], viewport={"width": WIDTH, "height": 1000}, reduced_motion="reduce"
            )
            take(context.new_page())
            context.close()


if __name__ == "__main__":
    main()
