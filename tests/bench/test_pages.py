"""`python -m bench pages`: the table says which figure misses its target, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from bench.pages.kinds import Kind
from bench.pages.measuring import DESKTOP, PHONE, Measured, View, measured
from bench.pages.table import head, missed, row
from tests.e2e.conftest import browser, database_beside_playwright, url  # noqa: F401 (fixtures)
from tests.shopkeeper import Shopkeeper

LIGHT = View(sent=90_000, html=20_000, html_sent=5_000, requests=20, foreign=[], paint=400, shift=0.01)


def page(name: str = "category", **changes: object) -> Measured:
    view = replace(LIGHT, **changes)  # type: ignore[arg-type]
    return Measured(
        Kind(name, "/"), {PHONE: view, DESKTOP: LIGHT}, {PHONE: 2500, DESKTOP: 1000}, {"light": [], "dark": []}, 20.0
    )


def test_a_page_at_its_targets_meets_them() -> None:
    assert missed([page()]) == []
    assert "✗" not in row(page())


def test_each_row_has_a_cell_for_each_title() -> None:
    assert {line.count("|") for line in [*head(), row(page())]} == {len(row(page()).split("|")) - 1}


def test_a_category_that_is_too_heavy_is_named_with_its_target() -> None:
    assert missed([page(sent=300_600)]) == ["category: kB, phone 301, at most 300"]
    assert row(page(sent=300_600)).startswith("| category | 301 ✗ | 90 ✓ |")
    assert row(page("home", sent=300_600)).startswith("| home | 301 | 90 |"), "other pages have no such target"


def test_requests_to_others_are_listed() -> None:
    tracked = page(foreign=["https://tracker.example/pixel"])
    assert missed([tracked]) == ["category: to others 1, at most 0", "  asks https://tracker.example/pixel"]


def test_what_axe_finds_is_listed_with_its_width_and_theme() -> None:
    found = page()
    found.axe["dark"] = ["390 px: color-contrast: .badge"]
    assert missed([found]) == ["category: axe, dark 1, at most 0", "  dark, 390 px: color-contrast: .badge"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("database_beside_playwright")
def test_a_real_page_is_measured(shop: Shopkeeper, url: str, browser: Browser) -> None:  # noqa: F811
    shop.image(shop.product("Red dress"))
    found = measured(browser, url, Kind("home", "/", cookies={"saved": "1"}), runs=1)
    for width in (PHONE, DESKTOP):
        view = found.views[width]
        assert view.requests > 10
        assert view.sent > view.html == view.html_sent > 5_000
        assert found.paints[width] > 0
    assert found.foreign == [] == found.axe["light"] == found.axe["dark"]
    with pytest.raises(SystemExit, match="/nothing/ answers 404 instead of 200"):
        measured(browser, url, Kind("gone", "/nothing/"), runs=1)
