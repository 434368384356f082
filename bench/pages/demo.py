"""A demo of its own for the measurement, complete before the first page is opened."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.core.management import call_command

from bench.shop import RATES, open_scratch_shop

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "demo" / "queries"
_PATIENCE = 1800  # seconds; 482 pictures take one minute on two idle cores


@contextmanager
def running_demo(limit: int | None) -> Iterator[str]:
    """The address of `manage.py demo` with every picture embedded, all renditions made and one product sold out."""
    # Static files as the image for production has them: compressed. The demo serves them from the sources.
    static = Path(os.environ.get("BENCH_VAR_DIR", ROOT / "var" / "bench")).absolute() / "pages-static"
    os.environ.update(dict.fromkeys(RATES, ""), STATIC_ROOT=str(static), PHOTO_SAMPLES=str(SAMPLES))
    shop = open_scratch_shop(ROOT, weights="bundled", name="pages")
    call_command("collectstatic", interactive=False, verbosity=0)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = shop.var / "demo.log"
    command = [sys.executable, "manage.py", "demo", "--port", str(port), *(["--limit", str(limit)] if limit else [])]
    with log.open("w") as stream:
        demo = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=stream, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or `timeout` would leave the demo running
    try:
        print(f"Starting a demo in {shop.var}…", flush=True)
        _wait_for("pictures done", log, demo)
        call_command("make_renditions")
        # By its name: models can be imported only after the settings name the shop.
        products = apps.get_model("catalog", "Product").objects
        products.filter(pk=products.order_by("pk").values("pk")[:1]).update(stock=0)
        yield f"http://127.0.0.1:{port}"
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(timeout=60)


def _wait_for(text: str, log: Path, demo: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while text not in log.read_text(errors="replace"):
        if demo.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"The demo did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.5)
