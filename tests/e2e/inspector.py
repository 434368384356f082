"""What is wrong with a page in a real browser: whether it is accessible by axe-core's rules, as wide as its window, and
still while it loads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from playwright.sync_api import Browser, Page

from bench.browser import MOST_SHIFT, THEMES, WATCH_SHIFT, WIDTHS, load_axe, violations
from tests.e2e.every_page import Visit, log_in

NARROW = 320  # CSS pixels: 1280 at 400 % zoom (WCAG 1.4.10)


class Inspector:
    """Opens pages and notes what is wrong with them."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self.url = browser, url
        self.pages: dict[str, Page] = {}
        self.problems: list[str] = []
        self.say(
            f"\n{'page':<44} {'width':>5}  {'light':>5} {'dark':>5}  {'shift':>5}  violations of axe, layout shift"
        )

    def inspect_all(self, visits: Iterable[Visit]) -> None:
        """Those with the environment variable ONLY in their names."""
        for visit in visits:
            if os.environ.get("ONLY", "") in visit.name:
                self.inspect(visit)
        assert not self.problems, "\n".join(self.problems)

    def page_of(self, who: str) -> Page:
        if who not in self.pages:
            context = self.browser.new_context(base_url=self.url, reduced_motion="reduce")  # colours change at once
            context.add_init_script(WATCH_SHIFT)
            page = self.pages[who] = context.new_page()
            page.set_default_timeout(60_000)
            if who not in ("", "faults"):
                page.goto("/admin/login/")
                log_in(page, who)
        return self.pages[who]

    def inspect(self, visit: Visit) -> None:
        # A page whose requests are intercepted caches nothing, so those have a page of their own.
        page = self.page_of("faults" if visit.html else visit.who)
        for number, width in enumerate(WIDTHS):
            page.emulate_media(color_scheme="light")
            page.set_viewport_size({"width": width, "height": 900})
            # The admin hides its pages until its scripts have run, so nothing in them can shift: it is only resized.
            if number == 0 or not visit.address.startswith("/admin/"):
                self.open(visit, page)
            counts = []
            for theme in THEMES:
                found = violations(page, theme)
                counts.append(len(found))
                self.problems += [f"{visit.name}, {theme}, {width} px: {problem}" for problem in found]
            shift = page.evaluate("shift")
            if shift > MOST_SHIFT:
                self.problems.append(f"{visit.name}, {width} px: shifts by {shift:.3f} while it loads")
            self.say(f"{visit.name:<44} {width:>5}  {counts[0]:>5} {counts[1]:>5}  {shift:>5.3f}")
        page.set_viewport_size({"width": NARROW, "height": 640})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > NARROW:
            self.problems.append(f"{visit.name}: {wide} px wide in a window of {NARROW}")

    def open(self, visit: Visit, page: Page) -> None:
        if visit.html:
            body = visit.html()
            page.route(f"**{visit.address}", lambda route: route.fulfill(body=body, content_type="text/html"))
        page.goto(visit.address)
        if visit.act:
            visit.act(page)
        load_axe(page)

    @staticmethod
    def say(row: str) -> None:
        sys.stdout.write(f"{row}\n")
