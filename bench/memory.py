"""Resident memory of the running processes."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from bench.shop import ScratchShop

PORT = 8790


def measure(shop: ScratchShop) -> None:
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
        for name, process in (("web", web), ("worker", worker)):
            family = [process.pid, *_children(process.pid)]
            print(f"{name:>7}: " + ", ".join(f"{_resident_mb(pid):.0f} MiB" for pid in family))
    finally:
        for process in (web, worker):
            process.terminate()
            process.wait()


def _children(parent: int) -> list[int]:
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if (folder / "stat").exists() and int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == parent
    ]


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS:"))
