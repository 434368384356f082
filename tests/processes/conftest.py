"""Real processes of the shop that run next to the test on its database."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from shop.embedded import servers
from tests.running import Process, Start, until

__all__ = ["Process", "Start", "start", "until"]


def services() -> dict[str, str]:
    """The URLs of the test's Postgres and Redis, as a real installation would set them."""
    broker = servers.services(settings.VAR_DIR).ensure_redis()
    socket = settings.DATABASES["default"]["HOST"].replace("/", "%2F")
    name = connection.settings_dict["NAME"]
    return {"DATABASE_URL": f"postgresql://{servers.USER}@{socket}/{name}", "REDIS_URL": broker}


@pytest.fixture
def start(transactional_db: None, tmp_path: Path) -> Iterator[Start]:
    """Starts `python -m shop NAME` (or a complete command); all processes are stopped after the test."""
    started: list[Process] = []

    def start_one(name: str, *options: str, command: list[str] | None = None, **environment: str) -> Process:
        command = command or [sys.executable, "-m", "shop", name, *options]
        variables = {**os.environ, **services(), "PYTHONUNBUFFERED": "1", **environment}
        process = Process(command, variables, tmp_path / f"{name}-{len(started)}.log")
        started.append(process)
        return process

    yield start_one
    for process in reversed(started):
        process.stop()
    connection.close()
