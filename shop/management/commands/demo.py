"""Set up, fill and run a whole shop in one terminal; Ctrl-C stops all of it."""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import sys
import threading
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.db.models import Count
from honcho import manager
from honcho.printer import Printer

from catalog.models import Product
from common.arguments import positive, whole_number
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.lifecycle.switching import ensure_active_model
from recommendations.monitoring.status import PipelineStatus, pipeline_status

CATALOG = settings.BASE_DIR / "demo"
START_SECONDS = 30
STOP_SECONDS = 12  # a worker finishes the batch that it has claimed
REPORT_SECONDS = 3.0


class Command(BaseCommand):
    help = (
        "Set up and run the whole shop in this terminal: web server, worker and scheduler, with the embedded "
        "Postgres and Redis. An empty shop is filled with the second-hand clothes in demo/, or with --catalog. "
        "Ctrl-C stops everything; the data in VAR_DIR is kept for the next start."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--catalog", type=Path, metavar="PATH", help="folder or zip to import (see import_catalog)")
        parser.add_argument("--limit", type=positive, metavar="N", help="import at most N products")
        parser.add_argument(
            "--port", type=whole_number(1, 65_535), default=8000, metavar="N", help="default: %(default)s"
        )
        parser.add_argument("--once", action="store_true", help="stop when every picture is embedded")

    def handle(self, *, catalog: Path | None, limit: int | None, port: int, once: bool, **options: Any) -> None:
        _require_free(port)
        call_command("migrate", verbosity=0, interactive=False)
        password = self._admin_password()
        settings.SHOP_CURRENCY = shop_currency()  # of the products that join those of an earlier start
        self._fill(catalog, limit)
        try:
            ensure_active_model(log=self.stderr.write)
        except ModelUnavailable as error:
            raise CommandError(str(error)) from error
        connections.close_all()  # the processes below are forked and must not share a connection
        manager.KILL_WAIT = STOP_SECONDS
        printer = Printer(sys.stdout)
        running = manager.Manager(printer)
        environment = {
            **os.environ,
            "SHOP_CURRENCY": shop_currency(),
            "PHOTO_SAMPLES": "" if catalog else str(CATALOG / "queries"),
            "PYTHONUNBUFFERED": "1",
            # Celery warns about root because of pickled messages; these are JSON.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        }
        for name, bind in (("web", ["--bind", f"127.0.0.1:{port}"]), ("worker", []), ("scheduler", [])):
            command = shlex.join([sys.executable, "-m", "shop", name, *bind])
            running.add_process(name, f"exec {command}", env=environment, cwd=str(settings.BASE_DIR))
        samples = "" if catalog else f"  Photos to try:     {CATALOG / 'queries'}\n"
        threading.Thread(
            target=self._follow, args=(running, f"http://127.0.0.1:{port}", password, samples, once), daemon=True
        ).start()
        running.loop()
        self.stdout.write("Stopped. `make demo` starts the same shop again.")

    def _admin_password(self) -> str:
        """Make the demo's login on the first start. It survives restarts, and only this user can read it."""
        kept = settings.VAR_DIR / "admin-password"
        users = get_user_model().objects
        if not kept.exists():
            kept.touch(mode=0o600)
            kept.write_text(secrets.token_urlsafe(9))
        password = kept.read_text().strip()
        if not users.filter(username="admin").exists():
            users.create_superuser("admin", password=password)
        return password

    def _fill(self, catalog: Path | None, limit: int | None) -> None:
        if catalog is None:
            if Product.objects.exists():
                return
            catalog = CATALOG
        call_command("import_catalog", catalog, limit=limit, demo_prices=True, stdout=self.stdout, stderr=self.stderr)

    def _follow(self, running: manager.Manager, url: str, password: str, samples: str, once: bool) -> None:
        """Report when the shop is open, and how many pictures are embedded."""
        patience = time.monotonic() + START_SECONDS
        while not (answers := _answers(f"{url}/healthz")) and time.monotonic() < patience:
            time.sleep(0.3)
        if not answers:
            self.stderr.write(f"  {url} does not answer from here. Check that the loopback interface is up.")
        self.stdout.write(
            f"\n  The shop is open:  {url}\n  Admin:             {url}/admin/  (admin / {password})\n"
            f"  API:               {url}/api/v1/docs/\n{samples}  Ctrl-C stops everything.\n"
        )
        status = pipeline_status()
        self._warn(status)
        while not status.settled:
            self.stdout.write(f"  Embedding pictures: {status.ready + status.failed:,} of {status.total:,}")
            time.sleep(REPORT_SECONDS)
            status = pipeline_status()
        self.stdout.write(f"  All {status.total:,} pictures done: {status.ready:,} ready, {status.failed:,} failed.")
        for code, count in sorted(status.failures.items()):
            self.stdout.write(f"    {code}: {count:,}")
        self._warn(status)
        connections.close_all()
        if once:
            running.terminate()

    def _warn(self, status: PipelineStatus) -> None:
        for warning in status.warnings:
            self.stderr.write(self.style.WARNING(f"  {warning}"))


def shop_currency() -> str:
    """SHOP_CURRENCY if it is set, or else the currency of most products: budgets are compared with prices."""
    if os.environ.get("SHOP_CURRENCY"):
        return settings.SHOP_CURRENCY
    counts = Product.objects.order_by().values("currency").annotate(products=Count("pk"))
    most = counts.order_by("-products", "currency").first()
    return most["currency"] if most else settings.SHOP_CURRENCY


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CommandError(f"Port {port} is in use. Choose another: `make demo PORT=8001`.") from error


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as response:  # noqa: S310  (our own address)
            return response.status == 200
    except (URLError, OSError):
        return False
