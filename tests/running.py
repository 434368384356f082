"""Real processes of a shop, started by a test."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# How long a process may take to end in order before it is killed.
PATIENCE = 20


class Process:
    """One process in a separate process group, with its output in a file."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.log_path = log
        with log.open("w") as stream:
            self.popen = subprocess.Popen(
                command, env=environment, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def children(self) -> list[int]:
        """Process ids of the direct children."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == self.popen.pid and state != "Z":
                found.append(int(folder.name))
        return found

    def kill_child(self) -> None:
        """Kill only the busy process, at once, as the kernel does when memory runs out."""
        (child,) = self.children()
        os.kill(child, signal.SIGKILL)

    def kill(self) -> None:
        """The process and all its children, at once."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def terminate(self) -> None:
        """Ask it to end; see `ended`."""
        self.popen.send_signal(signal.SIGTERM)

    def ended(self, seconds: float = PATIENCE) -> int:
        """Wait until it has ended; returns its exit status."""
        try:
            return self.popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s. {self.log}") from None

    def stop(self) -> None:
        if self.running:
            self.terminate()
            try:
                self.popen.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()


Start = Callable[..., Process]


def until(condition: Callable[[], object], seconds: float, what: Callable[[], str] = lambda: "") -> None:
    """Wait for something that must happen; the limit only keeps a failed test from hanging."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s. {what()}"
        time.sleep(0.1)
