"""Real processes of the shop, beside the test and on its database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from shop import embedded


class Process:
    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.log_path = log
        with log.open("w") as stream:
            self.popen = subprocess.Popen(
                command, env=environment, cwd=settings.BASE_DIR, stdout=stream, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def children(self) -> list[int]:
        """Process ids of the direct children."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == self.popen.pid:
                found.append(int(folder.name))
        return found

    def stop(self) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(self.popen.pid, signal.SIGKILL)
                self.popen.wait()


Start = Callable[..., Process]


def services() -> dict[str, str]:
    """The test's own Postgres and Redis, named the way a real installation names its own."""
    broker = embedded.services(settings.VAR_DIR).ensure_redis()
    socket = settings.DATABASES["default"]["HOST"].replace("/", "%2F")
    name = connection.settings_dict["NAME"]
    return {"DATABASE_URL": f"postgresql://{embedded.USER}@{socket}/{name}", "REDIS_URL": broker}


@pytest.fixture
def start(transactional_db: None, tmp_path: Path) -> Iterator[Start]:
    """Starts `python -m shop NAME` (or a whole command); all are stopped after the test."""
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


def until(condition: Callable[[], bool], seconds: float, what: Callable[[], str] = lambda: "") -> None:
    """Wait for something that has to come; a limit only keeps a failed test from hanging."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s. {what()}"
        time.sleep(0.2)
