"""What the subcommands share: options, notes and progress on standard error, and how a model is found."""

import argparse
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ml import weights as weights_files
from ml.embedder import Embedder
from ml.weights import Weights

# Where standard error is a file and not a screen, a line now and then stands in for the bar.
_SECONDS_BETWEEN_LINES = 15.0

WEIGHTS = "bundled, imagenet, imagenet-inception, untrained, or a file"  # what --weights takes
SHEET = "search.png"  # what `search` writes beside a features file


@dataclass(frozen=True)
class Parents:
    """Parent parsers: `model` brings --weights, --pooling and --cache-dir; `running` brings --runtime."""

    model: argparse.ArgumentParser
    running: argparse.ArgumentParser


class Failure(Exception):
    """Ends a command with one sentence for a person, and an exit code."""

    def __init__(self, sentence: str, *, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


def whole_number(low: int, high: int = 2**31 - 1) -> Callable[[str], int]:
    """For `type=` of an option: a whole number from `low` to `high`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or not low <= int(text) <= high:
            upper = "or more" if high == 2**31 - 1 else f"to {high}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, {low} {upper}")
        return int(text)

    return read


positive = whole_number(1)
not_negative = whole_number(0)


def number(low: float, high: float = math.inf, *, below: bool = False) -> Callable[[str], float]:
    """For `type=` of an option: a finite number from `low` to `high`, or below it."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (low <= value < math.inf and (value < high if below else value <= high)):
            upper = "" if high == math.inf else f" to {'below ' if below else ''}{high:g}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low:g}{upper}")
        return value

    return read


def note(sentence: str) -> None:
    """Say something that is no result."""
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def progress(what: str, total: int, *, done: int = 0, unit: str = "pictures") -> Iterator[Callable[[int], None]]:
    """A bar with count, rate and time left; call what it yields with how many more are done.

    Args:
        what: e.g. "embedding".
        done: of `total`, before this run; the rate leaves them out.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:.0f} {unit}/s" if speed else f"– {unit}/s", style="progress.data.speed")

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(what, total, done, unit)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), Remaining())
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
            note(f"{what}: {now_done} of {total} {unit}, {rate:.1f}/s, {left}")

    return advance


def resolve(options: argparse.Namespace, *, weights: str | None = None, pooling: str | None = None) -> Weights:
    """The weights that the options ask for; `weights` and `pooling` stand in for options left out.

    Raises:
        WeightsError: they cannot be used.
    """
    with _download_progress() as advance:
        return weights_files.resolve(
            options.weights or weights,
            cache_dir=options.cache_dir,
            pooling=options.pooling or pooling,
            progress=advance,
            log=note,
        )


def load(options: argparse.Namespace, *, weights: str | None = None, pooling: str | None = None) -> Embedder:
    """`resolve`, and a runtime started with what was found."""
    with _download_progress() as advance:
        return Embedder.load(
            options.weights or weights,
            runtime=options.runtime,
            pooling=options.pooling or pooling,
            cache_dir=options.cache_dir,
            progress=advance,
            log=note,
        )


def described(weights: Weights) -> dict[str, object]:
    """What JSON output and features files say of a model."""
    return {
        "name": weights.name,
        "source": weights.source,
        "weights_sha256": weights.sha256,
        "spec": weights.spec.to_meta(),
    }


@contextmanager
def standard_output_on_error() -> Iterator[None]:
    """Send what libraries print, from C as well, to standard error: standard output is for one JSON line."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


@contextmanager
def _download_progress() -> Iterator[Callable[[int, int | None], None]]:
    """A bar that appears with the first byte, so that nothing flickers when nothing is downloaded."""
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress

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
