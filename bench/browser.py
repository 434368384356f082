"""Chromium, as the tests and the measurements start it, and what both ask of a page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = (390, 1440)
MOST_SHIFT = 0.02
Theme = Literal["light", "dark"]
#: Dark mode changes only colours.
THEMES: dict[Theme, list[str] | None] = {"light": None, "dark": ["color-contrast", "link-in-text-block"]}
#: For `add_init_script`: `window.shift` is the cumulative layout shift so far.
WATCH_SHIFT = """window.shift = 0;
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({type: "layout-shift", buffered: true});"""
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_AXE = """(rules) => axe
    .run(document, {resultTypes: ["violations"], ...(rules && {runOnly: {type: "rule", values: rules}})})
    .then(({violations}) => violations.flatMap(
        ({id, nodes}) => nodes.map((node) => `${id}: ${node.target.join(" ")} ${node.html.slice(0, 160)}`)))"""


@contextmanager
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if path is None:
        raise SystemExit("No Chromium here. `make tools` installs it on Debian.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


def load_axe(page: Page) -> None:
    page.evaluate(f"{AXE_SCRIPT}; null")


def violations(page: Page, theme: Theme) -> list[str]:
    """What axe-core finds in a page that `load_axe` prepared, one line for each element."""
    page.emulate_media(color_scheme=theme)
    found: list[str] = page.evaluate(_AXE, THEMES[theme])
    return found
