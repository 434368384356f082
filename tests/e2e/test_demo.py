"""What a newcomer does in the first ten minutes, in a real browser."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.e2e.conftest import COLOURS, ROOT, Demo
from tests.pictures import picture

pytestmark = pytest.mark.slow

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def page(browser: Browser, demo: Demo) -> Page:
    """A page that fails the test on any script error or refused resource."""
    context = browser.new_context(base_url=demo.url, viewport=DESKTOP)
    page = context.new_page()
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"{page.url}: {message.text} ({message.location.get('url')})")

    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error.stack or error}"))
    page.on("console", note)
    yield page
    context.close()
    assert problems == []


def test_the_terminal_tells_where_the_shop_is_and_that_the_weights_are_untrained(demo: Demo) -> None:
    assert f"The shop is open:  {demo.url}" in demo.log
    assert "All 24 pictures done: 24 ready, 0 failed." in demo.log
    assert "UNTRAINED" in demo.log
    assert "Traceback" not in demo.log


def log_in(page: Page, demo: Demo) -> None:
    page.goto("/admin/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name=re.compile("log in", re.I)).click()
    expect(page.get_by_text("UNTRAINED")).to_be_visible()


def test_staff_upload_a_photo_and_shoppers_see_similar_items(demo: Demo, page: Page, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture(COLOURS["red"], size=(200, 260)))
    log_in(page, demo)

    page.goto("/admin/catalog/product/add/")
    page.get_by_label("Title").fill("Brand new red thing")
    page.get_by_label("SKU").fill("BRANDNEW")
    page.locator("#id_price").fill("12.50")
    page.locator("#id_stock").fill("3")
    page.locator(".select2-selection").first.click()
    page.locator(".select2-dropdown .select2-search__field").fill("Red")
    page.locator(".select2-results__option", has_text="Red things").click()
    page.locator("#id_new_pictures").set_input_files(photo)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible()

    page.goto("/p/brand-new-red-thing--BRANDNEW/?similar=1")
    expect(page.get_by_role("heading", name="Brand new red thing")).to_be_visible()
    strip = page.get_by_role("region", name="Similar items")
    # Until the worker has embedded the picture, the strip shows the same category and says so.
    for _ in range(60):
        if strip.get_by_text("from the same category").count() == 0 and strip.locator(".card__title a").count() > 0:
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(strip.get_by_text("from the same category")).to_have_count(0)
    first = strip.locator(".card__title a").first
    assert "Red things" in (first.inner_text() or first.get_attribute("aria-label") or "")


def test_a_photo_and_a_budget_find_look_alikes_without_reloading(demo: Demo, page: Page, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(picture(COLOURS["green"], size=(200, 260), format="PNG"))
    page.goto("/search/photo/")
    page.locator('input[name="photo"]').set_input_files(photo)
    page.get_by_role("button", name=re.compile("find|search", re.I)).last.click()
    first = page.locator("main").get_by_text(re.compile("Green things")).first
    expect(first).to_be_visible(timeout=30_000)


def test_what_was_viewed_inspires_a_strip_whose_clicks_are_counted_until_it_is_cleared(demo: Demo, page: Page) -> None:
    page.goto("/c/red-things/")
    page.locator(".grid .card__title a").last.click()
    similar = page.get_by_role("region", name="Similar items")
    page.evaluate("document.querySelector('#similar').scrollIntoView()")  # at once: it is replaced as it comes near
    expect(similar.locator(".card__title a").nth(1)).to_be_in_viewport()
    similar.locator(".card__title a").nth(1).click()
    expect(page.locator("h1.product__title")).to_be_visible()

    page.goto("/")
    personal = page.get_by_role("region", name="Inspired by what you viewed")
    expect(personal.locator(".card__title a").first).to_be_visible()
    personal.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Cleared.")).to_be_visible()
    expect(personal).to_have_count(0)

    found = {rate["position"]: rate for rate in rates(demo) if (rate["strip"], rate["source"]) == ("similar", "visual")}
    assert found[2]["seen"] >= 1
    assert (found[1]["clicked"], found[2]["clicked"]) == (0, 1)


def rates(demo: Demo) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "manage.py", "click_through", "--json"],
        cwd=ROOT, env=demo.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)["rates"]


def choose_green(page: Page, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(picture(COLOURS["green"], size=(200, 260), format="PNG"))
    page.goto("/search/photo/")
    page.locator('input[name="photo"]').set_input_files(photo)


def search_for_green(page: Page, tmp_path: Path) -> None:
    choose_green(page, tmp_path)
    expect(page.get_by_role("radio", name="All types")).to_be_checked(timeout=30_000)


def test_a_photo_search_goes_on_without_the_photo(demo: Demo, page: Page, tmp_path: Path) -> None:
    search_for_green(page, tmp_path)
    cards = page.locator("[data-results-grid] .card__title")
    expect(cards).to_have_count(12)
    expect(page.get_by_text("What is in the photo?")).to_be_in_viewport(ratio=1)
    with page.expect_request("**/search/photo/") as asked:
        page.get_by_role("radio", name="Green things").check()
    assert b"photo.png" not in (asked.value.post_data_buffer or b"")
    expect(cards).to_have_count(8)
    page.get_by_role("radio", name="All types").check()
    expect(cards).to_have_count(12)
    page.get_by_role("button", name="Show more").click()
    expect(cards).to_have_count(24)
    expect(page.locator("[data-results-grid] .card__title a").nth(12)).to_be_focused()
    page.locator("#refine-price").fill("0.01")
    expect(page.get_by_role("heading", name=re.compile("No look-alikes within"))).to_be_visible()
    expect(page.locator("[data-photo-status]")).to_have_text(re.compile("No look-alikes within"))
    expect(page.locator("#refine-price")).to_be_focused()


def test_a_photo_search_starts_at_once_and_its_address_works_elsewhere(
    demo: Demo, page: Page, browser: Browser, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(picture(COLOURS["green"], size=(1600, 2400), format="PNG"))
    page.goto("/search/photo/")
    page.locator('input[name="photo"]').set_input_files(photo)
    cards = page.locator("[data-results-grid] .card__title")
    expect(cards).to_have_count(12, timeout=30_000)
    expect(page.locator("[data-crop-picture]")).to_be_visible()
    sent = page.evaluate(
        """async () => {
            const [file] = document.querySelector("[data-photo-input]").files;
            const { width, height } = await createImageBitmap(file);
            return [file.name, file.type, width, height];
        }"""
    )
    assert sent == ["photo.jpg", "image/jpeg", 853, 1280], "made by the browser"
    expect(page).to_have_url(re.compile(r"/search/photo/\?seen="))

    first = page.url
    page.locator("[data-crop-box]").focus()
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.keyboard.press("Shift+ArrowLeft")
    expect(page).not_to_have_url(first)
    expect(page.locator("[data-crop-box]")).to_be_focused()
    page.locator(".crop__more summary").click()
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.get_by_role("button", name="Smaller", exact=True).click()

    page.get_by_role("radio", name="All types").check()
    link = page.url
    page.reload()
    expect(cards).to_have_count(12)
    cards.first.get_by_role("link").click()
    page.go_back()
    expect(cards).to_have_count(12)
    with browser.new_context(base_url=demo.url, viewport=PHONE, java_script_enabled=False) as context:
        shared = context.new_page()
        shared.goto(link)
        expect(shared.locator("[data-results-grid] .card__title")).to_have_count(12)
        expect(shared.get_by_text("Your photo is not shown here")).to_be_visible()


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_dropped_or_pasted_photo_is_searched_at_once(demo: Demo, page: Page, way: str) -> None:
    page.goto("/")
    page.evaluate(
        """async ([way, bytes]) => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], "photo.png", { type: "image/png" }));
            const event = way === "drop"
                ? new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true })
                : new ClipboardEvent("paste", { clipboardData: files, bubbles: true, cancelable: true });
            document.body.dispatchEvent(event);
        }""",
        [way, list(picture(COLOURS["green"], size=(200, 260), format="PNG"))],
    )
    expect(page.locator("[data-results-grid] .card__title")).to_have_count(12, timeout=30_000)
    expect(page).to_have_url(re.compile(r"/search/photo/\?seen="))
    page.go_back()
    expect(page).to_have_url(f"{demo.url}/")
    page.wait_for_load_state("networkidle")  # a window that closes while it loads may never answer


@pytest.fixture
def rough_page(browser: Browser, demo: Demo) -> Iterator[Page]:
    """Without the check of the console, where browsers report every answer of 400 and more; scripts must not fail."""
    problems: list[str] = []
    with browser.new_context(base_url=demo.url, viewport=DESKTOP) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error.stack or error}"))
        yield page
    assert problems == []


def test_a_photo_search_explains_failures_and_recovers(demo: Demo, rough_page: Page, tmp_path: Path) -> None:
    page = rough_page
    search_for_green(page, tmp_path)
    cards = page.locator("[data-results-grid] .card__title")
    expect(cards).to_have_count(12)
    error = page.locator("#photo-error")

    # A proxy answers with a page of its own; the results stay.
    page.route("**/search/photo/", lambda route: route.fulfill(status=413, body="<h1>Payload Too Large</h1>"))
    page.get_by_role("radio", name="Green things").check()
    expect(error).to_have_text("The photo is too large. Choose a smaller one.")
    expect(cards).to_have_count(12)
    page.unroute("**/search/photo/")

    # The token is no longer accepted: the photo, which the form still has, is sent again.
    page.locator("[data-seen]").evaluate("input => input.value = 'outdated'")
    page.get_by_role("radio", name="Red things").check()
    expect(page.get_by_role("radio", name="All types")).to_be_checked()
    expect(cards).to_have_count(12)
    expect(error).to_have_text("")

    page.locator('input[name="photo"]').set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no"})
    expect(error).not_to_have_text("")
    expect(page.locator("[data-photo-input]")).to_have_attribute("aria-invalid", "true")
    expect(cards).to_have_count(0)


def test_staff_see_a_picture_fail_and_try_it_again(demo: Demo, page: Page) -> None:
    log_in(page, demo)
    page.goto("/admin/recommendations/pipeline/")
    expect(page.get_by_text("No pictures have failed.")).to_be_visible()
    expect(page.locator(".pipeline-workers li")).to_have_count(1)
    file = min((demo.var / "media" / "products").rglob("*.jpg"))
    data = file.read_bytes()
    file.write_bytes(b"gone")
    command = [sys.executable, "manage.py", "embed_catalog", "--all", "--enqueue"]
    subprocess.run(command, cwd=ROOT, env=demo.environment(), check=True, capture_output=True)
    expect(page.get_by_role("heading", name="checksum")).to_be_visible(timeout=60_000)  # without a reload
    file.write_bytes(data)
    page.get_by_role("button", name="Try it again").click()
    expect(page.get_by_text("1 picture will be tried again.")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile(r"^\d+ ready$"))).to_be_visible(timeout=60_000)
    expect(page.get_by_text("No pictures have failed.")).to_be_visible(timeout=60_000)


def test_the_pipelines_page_works_without_javascript_too(demo: Demo, page: Page, browser: Browser) -> None:
    log_in(page, demo)
    context = browser.new_context(base_url=demo.url, java_script_enabled=False)
    context.add_cookies(page.context.cookies())  # type: ignore[arg-type]
    plain = context.new_page()
    plain.goto("/admin/recommendations/pipeline/")
    plain.get_by_role("button", name="Pause").click()
    expect(plain.get_by_text("by admin")).to_be_visible()
    plain.get_by_role("button", name="Resume").click()
    expect(plain.get_by_text("The pipeline is running.")).to_be_visible()
    context.close()


def test_without_javascript_too(demo: Demo, browser: Browser, tmp_path: Path) -> None:
    with browser.new_context(base_url=demo.url, java_script_enabled=False) as context:
        page = context.new_page()
        choose_green(page, tmp_path)
        page.get_by_role("button", name="Find look-alikes").click()
        page.get_by_role("radio", name="Green things").check()
        page.get_by_role("button", name="Update").click()
        expect(page.locator("[data-results-grid] .card__title")).to_have_count(8)
        expect(page.get_by_role("radio", name="Green things")).to_be_checked()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("path", ["/", "/c/red-things/", "/search/?q=red", "/search/photo/", "/api/v1/docs/"])
def test_pages_fit_their_window_and_log_no_errors(
    page: Page, path: str, viewport: dict[str, int], request: pytest.FixtureRequest
) -> None:
    page.set_viewport_size(viewport)  # type: ignore[arg-type]
    response = page.goto(path, wait_until="networkidle")
    assert response is not None
    assert response.status == 200
    if not path.startswith("/api/"):
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"]


def test_the_command_line_answers_beside_the_running_shop(demo: Demo) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "similar", "BRANDNEW", "-k", "10", "--json"],
        cwd=ROOT, env=demo.environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["results"]
    assert len(found) == 10
    assert "BRANDNEW" not in {entry["sku"] for entry in found}


def test_ctrl_c_stops_every_process(demo: Demo) -> None:
    demo.popen.send_signal(signal.SIGINT)
    demo.popen.wait(timeout=60)
    assert "Stopped." in demo.log
    left = [
        line
        for folder in Path("/proc").glob("[0-9]*")
        if (line := command_line(folder)) and (str(demo.var) in line or demo.url.removeprefix("http://") in line)
    ]
    assert left == []


def command_line(folder: Path) -> str:
    try:
        return (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
