"""The processes that make up a running shop. The demo runs them all; docker-compose.yml runs one a container."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

BIN = Path(sys.executable).parent


def web(bind: str, *, workers: int = 1) -> list[str]:
    """Threads, not processes, are what a page that waits for Postgres needs; each process holds a network."""
    return [
        str(BIN / "gunicorn"), "shop.wsgi", "--bind", bind, "--worker-class", "gthread", "--workers", str(workers),
        "--threads", "8", "--timeout", "60", "--graceful-timeout", "10", "--log-level", "warning",
        "--no-control-socket",
    ]  # fmt: skip


def worker() -> list[str]:
    """One child that takes one task at a time: the network uses every core by itself."""
    return [
        str(BIN / "celery"), "--quiet", "-A", "shop", "worker", "--pool", "prefork", "--concurrency", "1",
        "--prefetch-multiplier", "1", "--queues", "interactive,bulk", "--loglevel", "INFO",
        "--without-gossip", "--without-mingle",
    ]  # fmt: skip


def scheduler() -> list[str]:
    return [str(BIN / "celery"), "--quiet", "-A", "shop", "beat", "--loglevel", "WARNING"]


def shell(command: list[str]) -> str:
    """For a runner that wants one string; `exec` so that signals reach the program itself."""
    return "exec " + shlex.join(command)
