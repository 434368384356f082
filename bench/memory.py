"""Resident memory of the running processes, and their connections to Postgres."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from django.core.management import call_command
from django.db import connection

from bench.emptying import empty_shop
from bench.shop import ScratchShop
from recommendations.lifecycle.switching import ensure_active_model
from recommendations.monitoring.status import pipeline_status

PORT = 8790
PICTURES = 2000  # at most


def measure(shop: ScratchShop) -> None:
    empty_shop()
    ensure_active_model(log=lambda line: print(f"  {line}"))
    web = subprocess.Popen([sys.executable, "-m", "shop", "web", "--bind", f"127.0.0.1:{PORT}"], cwd=shop.root)
    worker = subprocess.Popen(
        [sys.executable, "-m", "shop", "worker"], cwd=shop.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(100):
            try:
                urlopen(f"http://127.0.0.1:{PORT}/", timeout=2).read()
                break
            except (URLError, OSError):
                time.sleep(0.3)
        time.sleep(3)
        _print("idle", {"web": web, "worker": worker})
        others = _connections()
        call_command("import_catalog", shop.catalog(), limit=PICTURES, verbosity=0, stderr=io.StringIO())
        most = 0
        while not pipeline_status().settled:
            most = max(most, _connections() - others)
            time.sleep(0.05)
        _print(f"after {pipeline_status().total:,} pictures, at most", {"worker": worker}, peak=True)
        print(f"  connections of the worker to Postgres while it embeds: {most}")
    finally:
        for process in (web, worker):
            process.terminate()
            process.wait()


def _print(when: str, processes: dict[str, subprocess.Popen[bytes]], *, peak: bool = False) -> None:
    for name, process in processes.items():
        family = [process.pid, *_children(process.pid)]
        sizes = ", ".join(f"{_resident_mib(pid, peak=peak):.0f} MiB" for pid in family)
        print(f"  {name}, {when}: {sizes}")


def _connections() -> int:
    """Connections of other processes to the shop's database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        )
        return int(cursor.fetchone()[0])


def _children(parent: int) -> list[int]:
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if (folder / "stat").exists() and int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent
    ]


def _resident_mib(pid: int, *, peak: bool) -> float:
    field = "VmHWM:" if peak else "VmRSS:"
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field))
