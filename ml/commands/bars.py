"""Progress on standard error: a bar on a terminal, an occasional line elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def counted(what: str, total: int, done: int, unit: str) -> Iterator[Callable[[int], None]]:
    """See `ml.commands.common.progress`."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(what, total, done, unit)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(unit), TimeRemainingColumn())
    with Progress(*columns, console=console, speed_estimate_period=60) as bar:
        task = bar.add_task(what, total=total, completed=done)
        yield lambda count: bar.advance(task, count)


def _lines(what: str, total: int, done: int, unit: str) -> Callable[[int], None]:
    started = said = time.monotonic()
    now_done = done

    def advance(count: int) -> None:
        nonlocal now_done, said
        now_done += count
        now = time.monotonic()
        if now - said >= _SECONDS_BETWEEN_LINES:
            said = now
            rate = (now_done - done) / (now - started)
            left = f"{(total - now_done) / rate:.0f} s left" if rate else "no estimate yet"
            print(f"{what}: {now_done} of {total} {unit}, {rate:.1f}/s, {left}", file=sys.stderr, flush=True)

    return advance


@contextmanager
def downloaded() -> Iterator[Callable[[int, int | None], None]]:
    """A bar that appears with the first byte, so nothing flickers if nothing is downloaded."""
    bar = Progress(*Progress.get_default_columns()[:2], DownloadColumn(), console=Console(stderr=True))

    def advance(done: int, total: int | None) -> None:
        if not bar.task_ids:
            bar.add_task("ImageNet weights")
            bar.start()
        bar.update(bar.task_ids[0], completed=done, total=total)

    try:
        yield advance
    finally:
        if bar.task_ids:
            bar.stop()


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.0f} {self._unit}/s" if speed else f"– {self._unit}/s", style="progress.data.speed")
