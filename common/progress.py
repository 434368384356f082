"""The progress display of every command that may run longer than two seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_SECONDS = 5.0


class Meter:
    """Counts finished items: a bar on a terminal, otherwise a line every few seconds.

    Args:
        done: items of `total` that were finished before this run; the rate excludes them.
    """

    def __init__(self, stream: TextIO, title: str, total: int, *, done: int = 0) -> None:
        self.title, self.total, self.done = title, total, done
        self._before = done
        self._stream = stream
        self._began = self._spoke = time.monotonic()
        self._bar: Progress | None = None
        self._task: Any = None
        console = Console(file=stream)
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=console,
            )
            self._task = self._bar.add_task(title, total=total, completed=done, rate="")
            self._bar.start()

    @property
    def rate(self) -> float:
        """Items per second since the start."""
        return (self.done - self._before) / max(time.monotonic() - self._began, 1e-9)

    def advance(self, count: int = 1) -> None:
        self.done += count
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, rate=f"{self.rate:,.0f}/s")
        elif time.monotonic() - self._spoke > PLAIN_SECONDS:
            self._spoke = time.monotonic()
            self._stream.write(
                f"{self.title}: {self.done:,} of {self.total:,} ({self.rate:,.0f}/s, {self._remaining()})\n"
            )
            self._stream.flush()

    def set(self, done: int, total: int) -> None:
        """Set both counts, for work that counts its own items and learns the total on the way."""
        self.total = total
        if self._bar is not None:
            self._bar.update(self._task, total=total)
        self.advance(done - self.done)

    def _remaining(self) -> str:
        seconds = max(self.total - self.done, 0) / max(self.rate, 1e-9)
        if seconds < 90:
            return f"{seconds:.0f} s left"
        return f"{seconds / 60:.0f} min left" if seconds < 5400 else f"{min(seconds / 3600, 9999):.1f} h left"

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def meter(stream: Any, title: str, total: int, *, done: int = 0) -> Iterator[Meter]:
    """`stream`: a command's `self.stderr`."""
    shown = Meter(getattr(stream, "_out", stream), title, total, done=done)
    try:
        yield shown
    finally:
        shown.close()
