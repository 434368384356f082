"""From the category menu to a product and back to its card: with mouse, keyboard, and without scripts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import APIResponse, Locator, Page, Route, expect

from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("database_beside_playwright"),
]
WIDTHS = [390, 1440]
HEIGHT = 844


@pytest.fixture
def dresses(shop: Shopkeeper, settings: Any) -> None:
    """15 green and 15 blue dresses on pages of six."""
    settings.PRODUCTS_PER_PAGE = 6
    data = picture(size=(240, 320))
    for number in range(30):
        product = shop.product(
            f"Dress {number}", category="clothes/dresses", price=Decimal(10 + number), brand="Kestrel",
            attributes={"colour": ("Green", "Blue")[number % 2]},
        )  # fmt: skip
        shop.image(product, data)
    shop.product("Boot", category="shoes")


def cards(page: Page) -> Locator:
    return page.locator("#cards .card__title a")


def top_of(link: Locator) -> float:
    return float(link.evaluate("link => link.closest('.card').getBoundingClientRect().top"))


def choose_green(page: Page, width: int) -> None:
    if width < 960:
        page.get_by_role("button", name="Filters").click()
    page.get_by_role("checkbox", name="Green").check()
    expect(page.locator("#count")).to_have_text("15 products")
    if width < 960:
        page.get_by_role("button", name="Show products").click()
        expect(page.locator("#filters")).to_be_hidden()


@pytest.mark.parametrize("width", WIDTHS)
def test_back_returns_to_the_very_card(dresses: None, opened: Any, width: int) -> None:
    page: Page = opened(width)
    page.goto("/")
    page.get_by_role("button", name="Categories").click()
    page.get_by_role("navigation", name="Categories").get_by_role("link", name="Dresses").click()
    page.wait_for_url("**/c/clothes/dresses/")
    expect(page.locator("#count")).to_have_text("30 products")
    choose_green(page, width)
    expect(cards(page)).to_have_count(6)
    page.get_by_role("link", name="Load more").click()
    expect(cards(page)).to_have_count(12)
    assert "colour=Green" in page.url
    assert "upto=2" in page.url

    link = page.get_by_role("link", name="Dress 12", exact=True)  # on the second page
    link.scroll_into_view_if_needed()
    before = top_of(link)
    assert page.evaluate("scrollY") > 0
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dress 12")
    page.go_back()
    expect(cards(page)).to_have_count(12)
    expect(link).to_be_focused()
    assert top_of(link) == pytest.approx(before, abs=2)
    page.reload()
    expect(cards(page)).to_have_count(12)
    assert top_of(link) == pytest.approx(before, abs=2)
    expect(page.get_by_role("checkbox", name="Green", include_hidden=True)).to_be_checked()

    page.go_back()  # the list before "Load more" replaced its address is the one without the filter
    expect(page.locator("#count")).to_have_text("30 products")
    expect(page.get_by_role("checkbox", name="Green", include_hidden=True)).not_to_be_checked()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("width", WIDTHS)
def test_without_scripts_links_and_a_button_do_the_same(dresses: None, opened: Any, width: int) -> None:
    page: Page = opened(width, java_script_enabled=False)
    page.goto("/")
    menu = page.get_by_role("navigation", name="Categories")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Categories").click()
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Categories").click()
    menu.get_by_role("link", name="Dresses").click()
    page.wait_for_url("**/c/clothes/dresses/")
    if width < 960:
        page.get_by_role("button", name="Filters").click()
    page.get_by_role("checkbox", name="Green").check()
    page.locator("#filters").get_by_role("button", name="Apply").click()
    expect(page.locator("#count")).to_have_text("15 products")
    assert "colour=Green" in page.url
    page.get_by_role("link", name="Load more").click()
    page.wait_for_url("**page=2**")
    link = page.get_by_role("link", name="Dress 12", exact=True)
    link.scroll_into_view_if_needed()
    box = link.bounding_box()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Dress 12")
    page.go_back()
    page.wait_for_url("**page=2**")
    after = link.bounding_box()
    assert box is not None
    assert after is not None
    assert after["y"] == pytest.approx(box["y"], abs=2)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_keyboard_is_enough(dresses: None, opened: Any, width: int) -> None:
    page: Page = opened(width)
    page.goto("/")
    keys = page.keyboard
    button = page.get_by_role("button", name="Categories")
    tab_to(page, button)
    keys.press("Enter")
    menu = page.get_by_role("navigation", name="Categories")
    expect(menu).to_be_visible()
    tab_to(page, menu.get_by_role("link", name="Clothes"))
    keys.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()
    keys.press("Enter")
    tab_to(page, menu.get_by_role("link", name="Dresses"))
    keys.press("Enter")
    page.wait_for_url("**/c/clothes/dresses/")
    if width < 960:
        tab_to(page, page.get_by_role("button", name="Filters"))
        keys.press("Enter")
    green = page.get_by_role("checkbox", name="Green")
    tab_to(page, green)
    keys.press("Space")
    expect(page.locator("#count")).to_have_text("15 products")
    expect(green).to_be_focused()  # what replaces the facets keeps the focus
    if width < 960:
        keys.press("Escape")
        expect(page.get_by_role("button", name="Filters")).to_be_focused()
    tab_to(page, page.get_by_role("link", name="Load more"))
    keys.press("Enter")
    expect(cards(page)).to_have_count(12)
    expect(page.get_by_role("link", name="Dress 16", exact=True)).to_be_focused()  # the first new card
    link = page.get_by_role("link", name="Dress 12", exact=True)
    tab_to(page, link, most=6)  # a card has three stops
    before = top_of(link)
    keys.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Dress 12")
    page.go_back()
    expect(link).to_be_focused()
    assert top_of(link) == pytest.approx(before, abs=2)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_thumbs_of_the_price_move_by_keyboard_and_mouse(dresses: None, opened: Any, width: int) -> None:
    page: Page = opened(width)
    page.clock.install()
    page.goto("/c/clothes/")
    if width < 960:
        page.get_by_role("button", name="Filters").click()
    low, high = page.get_by_role("slider", name="Lowest price"), page.get_by_role("slider", name="Highest price")
    assert high.get_attribute("aria-valuetext") == "$39.00"
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "price_" in request.url else None)
    low.focus()
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)  # keys may come slowly here
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    assert requests == []
    page.clock.resume()
    expect(page.locator("#count")).not_to_have_text("30 products")
    assert len(requests) == 1  # once the thumb rests
    expect(low).to_be_focused()
    least = page.get_by_role("textbox", name="From")
    assert low.get_attribute("aria-valuetext") == f"${least.input_value()}"
    assert f"price_min={float(least.input_value()):g}" in page.url
    for _ in range(150):
        page.keyboard.press("ArrowRight")
    assert low.input_value() == high.input_value() == "100"  # it meets the other one, and stops
    page.keyboard.press("Home")
    expect(page.locator("#count")).to_have_text("30 products")
    assert least.input_value() == ""

    high.scroll_into_view_if_needed()
    box = high.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 12, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, y, steps=20)
    page.mouse.up()
    expect(page.locator("#count")).not_to_have_text("30 products")
    assert "price_max=" in page.url
    assert high.get_attribute("aria-valuetext") == f"${page.get_by_role('textbox', name='To').input_value()}"


class Held:
    """An answer that does not come until it is let go."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.answers: list[tuple[Route, APIResponse]] = []
        page.route(address, self.hold, times=1)

    def hold(self, route: Route) -> None:
        self.answers.append((route, route.fetch()))

    def wait(self) -> None:
        while not self.answers:
            self.page.wait_for_timeout(10)

    def let_go(self) -> None:
        """Also if the page no longer waits for it."""
        [(route, answer)] = self.answers
        route.fulfill(response=answer)
        self.page.wait_for_load_state("networkidle")


def test_an_answer_on_its_way_does_not_take_the_thumb_away(dresses: None, opened: Any) -> None:
    page: Page = opened(1440)
    page.goto("/c/clothes/")
    low = page.get_by_role("slider", name="Lowest price")
    held = Held(page, "**price_min=**")
    low.focus()
    page.keyboard.press("End")
    held.wait()
    page.keyboard.press("Home")  # before the answer
    held.let_go()
    expect(low).to_be_focused()
    expect(page.locator("#count")).to_have_text("30 products")
    assert low.input_value() == "0"
    assert page.get_by_role("textbox", name="From").input_value() == ""
    assert "price_min" not in page.url


def test_an_answer_on_its_way_does_not_take_a_typed_price_away(dresses: None, opened: Any) -> None:
    page: Page = opened(1440)
    page.goto("/c/clothes/")
    held = Held(page, "**colour=Green**")
    page.get_by_role("checkbox", name="Green").click(no_wait_after=True)
    held.wait()
    page.get_by_role("textbox", name="From").press_sequentially("3")
    held.let_go()
    page.keyboard.type("5")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("2 products")
    assert "colour=Green" in page.url
    assert "price_min=35" in page.url


@pytest.mark.parametrize("first", ["filter", "more"])
def test_the_last_choice_wins_whatever_control_it_was(dresses: None, opened: Any, first: str) -> None:
    page: Page = opened(1440)
    page.goto("/c/clothes/")
    held = Held(page, "**upto=2**" if first == "more" else "**colour=Green**")
    if first == "more":
        page.get_by_role("link", name="Load more").click(no_wait_after=True)
    else:
        page.get_by_role("checkbox", name="Green").click(no_wait_after=True)
    held.wait()
    page.get_by_role("combobox", name="Sort by").select_option("price")
    expect(cards(page).first).to_have_text("Dress 0")
    held.let_go()
    expect(cards(page)).to_have_count(6)
    assert "sort=price" in page.url
    assert "upto" not in page.url
    page.get_by_role("link", name="Load more").click()
    expect(cards(page)).to_have_count(12)
    assert "sort=price" in page.url


def tab_to(page: Page, target: Locator, most: int = 60) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if target.evaluate("each => each === document.activeElement"):
            return
    focused = page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
    pytest.fail(f"{target} is not within {most} steps; the focus is at {focused}")
