"""The demo, as a newcomer starts it, and a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from bench.browser import chromium
from tests.pictures import picture

ROOT = Path(__file__).resolve().parents[2]
COLOURS = {"red": (205, 30, 45), "green": (30, 140, 60), "blue": (40, 60, 190)}


@dataclass
class Demo:
    popen: subprocess.Popen[bytes]
    url: str
    var: Path
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def password(self) -> str:
        return re.search(r"\(admin / (\S+)\)", self.log)[1]  # type: ignore[index]

    def wait_for(self, text: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.log:
            assert self.popen.poll() is None, self.log
            assert time.monotonic() < deadline, f"{text!r} not within {seconds} s:\n{self.log}"
            time.sleep(0.3)

    def environment(self) -> dict[str, str]:
        return {**os.environ, "VAR_DIR": str(self.var), "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`manage.py demo` on a small catalog of coloured shapes, untrained weights, its own VAR_DIR."""
    catalog = tmp_path_factory.mktemp("catalog")
    for number, (name, colour) in enumerate((name, colour) for name, colour in COLOURS.items() for _ in range(8)):
        folder = catalog / f"{name.capitalize()} things"
        folder.mkdir(exist_ok=True)
        shade = tuple(min(255, channel + 3 * (number % 8)) for channel in colour)
        data = picture(shade, shape=("ellipse", "rectangle")[number % 2], size=(240, 320))
        (folder / f"{number}.jpg").write_bytes(data)
    home = Path(tempfile.mkdtemp(prefix="lookalike-demo-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home / "demo.log"
    shop = Demo(None, f"http://127.0.0.1:{port}", home / "var", log)  # type: ignore[arg-type]
    with log.open("w") as stream:
        shop.popen = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--catalog", str(catalog), "--port", str(port)],
            cwd=ROOT, env=shop.environment(), stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        shop.wait_for("pictures done", 240)
        yield shop
    finally:
        if shop.popen.poll() is None:
            shop.popen.send_signal(signal.SIGINT)
            shop.popen.wait(timeout=60)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed after its module: while it is open, Playwright's event loop runs in the thread of the following tests, and
    Django refuses database access in such a thread."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def database_beside_playwright() -> Iterator[None]:
    """Allows database access in this thread, where Playwright's event loop runs."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    cache.clear()
    yield
    cache.clear()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def url(transactional_db: None) -> Iterator[str]:
    """A server like `live_server`, with static files as the shop serves them: browsers may cache them."""
    shared = {alias: connections[alias] for alias in connections if connections[alias].vendor == "sqlite"}
    thread = LiveServerThread("localhost", static_handler=lambda application: application, connections_override=shared)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    assert thread.error is None
    yield f"http://{thread.host}:{thread.port}"
    thread.terminate()


@pytest.fixture
def opened(browser: Browser, url: str) -> Iterator[Callable[..., Page]]:
    """Opens windows of a size, or of a width; no script may fail in them."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(size: ViewportSize | int = 1440, **options: Any) -> Page:
        viewport = ViewportSize(width=size, height=844) if isinstance(size, int) else size
        # Scrolls at once, so that positions can be compared.
        contexts.append(browser.new_context(base_url=url, viewport=viewport, reduced_motion="reduce", **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error.stack or error}"))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert problems == []
