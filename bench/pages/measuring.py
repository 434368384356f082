"""What a shopper's browser gets and shows when it opens a page for the first time."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from bench.browser import THEMES, WATCH_SHIFT, WIDTHS, load_axe, violations
from bench.pages.kinds import Kind

PHONE, DESKTOP = WIDTHS
#: Displays of today: a phone has three pixels for each of CSS.
DEVICES: dict[int, dict[str, Any]] = {
    PHONE: {
        "viewport": {"width": PHONE, "height": 844},
        "device_scale_factor": 3,
        "is_mobile": True,
        "has_touch": True,
    },
    DESKTOP: {"viewport": {"width": DESKTOP, "height": 900}},
}
SERVED = 20  # requests for the server's time
# Lighthouse's slow phone: 1.6 Mbit/s, round trips of 150 ms, a processor four times as slow as this one.
_SLOW = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 94_000}
_SLOW_PROCESSOR = 4
_WATCH_PAINT = """window.paint = 0;
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.paint = entry.startTime;
}).observe({type: "largest-contentful-paint", buffered: true});"""
_SCROLL = """async () => {
    for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
        scrollTo(0, y);
        await new Promise((next) => setTimeout(next, 60));
    }
}"""


@dataclass(frozen=True)
class View:
    """
    Attributes:
        sent: bytes of all responses with their headers, before the page is scrolled.
        html, html_sent: bytes of the page itself, unpacked and as it was sent.
        foreign: addresses of other hosts that were asked for something.
        paint: milliseconds until the largest element was painted (LCP).
        shift: cumulative layout shift, also while the page is scrolled to its end if it was.
    """

    sent: int
    html: int
    html_sent: int
    requests: int
    foreign: list[str]
    paint: float
    shift: float


@dataclass
class Measured:
    kind: Kind
    views: dict[int, View] = field(default_factory=dict)  # by width
    paints: dict[int, float] = field(default_factory=dict)  # median milliseconds; on the phone throttled
    axe: dict[str, list[str]] = field(default_factory=dict)  # by theme
    served: float = 0.0  # median milliseconds until the first byte

    @property
    def foreign(self) -> list[str]:
        return [address for view in self.views.values() for address in view.foreign]


def measured(browser: Browser, url: str, kind: Kind, runs: int) -> Measured:
    found = Measured(kind, served=_served(url, kind))
    for width in WIDTHS:
        found.views[width] = _viewed(browser, url, kind, width, scrolled=True)
        is_phone = width == PHONE
        paints = [_viewed(browser, url, kind, width, throttled=is_phone).paint for _ in range(runs)]
        found.paints[width] = statistics.median(paints)
    found.axe = _axe(browser, url, kind)
    return found


def _viewed(
    browser: Browser, url: str, kind: Kind, width: int, *, throttled: bool = False, scrolled: bool = False
) -> View:
    with _opened(browser, url, kind, width) as page:
        client = page.context.new_cdp_session(page)
        sent: list[int] = []
        addresses: list[str] = []
        client.on("Network.loadingFinished", lambda event: sent.append(round(event["encodedDataLength"])))
        client.on("Network.requestWillBeSent", lambda event: addresses.append(event["request"]["url"]))
        client.send("Network.enable")
        if throttled:
            client.send("Network.emulateNetworkConditions", _SLOW)
            client.send("Emulation.setCPUThrottlingRate", {"rate": _SLOW_PROCESSOR})
        page.add_init_script(WATCH_SHIFT + _WATCH_PAINT)
        answer = page.goto(url + kind.path)
        assert answer is not None
        if answer.status != kind.status:
            raise SystemExit(f"{kind.path} answers {answer.status} instead of {kind.status}.")
        page.wait_for_load_state("networkidle")
        paint, total, count = page.evaluate("paint"), sum(sent), len(addresses)
        if scrolled:
            page.evaluate(_SCROLL)
            page.wait_for_load_state("networkidle")
        away = [one for one in addresses if urlsplit(one).scheme not in ("data", "blob") and not one.startswith(url)]
        size = answer.request.sizes()["responseBodySize"]
        return View(total, len(answer.body()), size, count, away, paint, page.evaluate("shift"))


def _axe(browser: Browser, url: str, kind: Kind) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {theme: [] for theme in THEMES}
    for width in WIDTHS:
        with _opened(browser, url, kind, width, reduced_motion="reduce") as page:  # colours change at once
            page.goto(url + kind.path)
            page.evaluate(_SCROLL)
            page.wait_for_load_state("networkidle")
            load_axe(page)
            for theme in THEMES:
                found[theme] += [f"{width} px: {each}" for each in violations(page, theme)]
    return found


@contextmanager
def _opened(browser: Browser, url: str, kind: Kind, width: int, **options: Any) -> Iterator[Page]:
    """A window with an empty cache and the cookies of `kind`."""
    context = browser.new_context(**DEVICES[width], **options)
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in kind.cookies.items()])
    yield context.new_page()
    context.close()


def _served(url: str, kind: Kind) -> float:
    """Median milliseconds from a request to the first byte of its answer, over one connection."""
    parts = urlsplit(url)
    of_scheme = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = of_scheme(parts.netloc, timeout=60)
    cookie = "; ".join(f"{name}={value}" for name, value in kind.cookies.items())
    times = []
    for _ in range(SERVED):
        began = time.perf_counter()
        connection.request("GET", kind.path, headers={"Cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        times.append(1000 * (time.perf_counter() - began))
        answer.read()
    connection.close()
    return statistics.median(times)
