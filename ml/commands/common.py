"""What the subcommands share: options, notes and progress on standard error, and finding a model."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from ml import weights as weights_files
from ml.embedder import Embedder
from ml.weights import Weights

# What --weights takes.
WEIGHTS = (
    "bundled, lookalike-general, imagenet, imagenet-inception, efficientnet-lite0, efficientnet-lite2, untrained, or a "
    "file"
)
SHEET = "search.png"  # what `search` writes next to a features file


@dataclass(frozen=True)
class Parents:
    """Parent parsers: `model` adds --weights, --pooling and --cache-dir; `running` adds --runtime."""

    model: argparse.ArgumentParser
    running: argparse.ArgumentParser


class Failure(Exception):
    """Ends a command with a message for people and an exit code."""

    def __init__(self, sentence: str, *, code: int = 1) -> None:
        super().__init__(sentence)
        self.code = code


def note(sentence: str) -> None:
    """Write a line to standard error; standard output is for results."""
    print(sentence, file=sys.stderr, flush=True)


def progress(
    what: str, total: int, *, done: int = 0, unit: str = "pictures"
) -> AbstractContextManager[Callable[[int], None]]:
    """Progress on standard error; call what it yields with the number of things done since the last call.

    Args:
        what: e.g. "embedding".
        done: of `total`, before this run; the rate leaves them out.
    """
    from ml.commands import bars  # noqa: PLC0415 (rich: 0.2 s)

    return bars.counted(what, total, done, unit)


def resolve(options: argparse.Namespace, *, weights: str | None = None, pooling: str | None = None) -> Weights:
    """The weights that the options name; `weights` and `pooling` are defaults for options not given.

    Raises:
        WeightsError: the weights cannot be used.
    """
    with _downloading() as advance:
        return weights_files.resolve(
            options.weights or weights,
            cache_dir=options.cache_dir,
            pooling=options.pooling or pooling,
            progress=advance,
            log=note,
        )


def load(
    options: argparse.Namespace, *, weights: str | None = None, pooling: str | None = None, maps: bool = False
) -> Embedder:
    """Resolve the weights as `resolve` does, and start a runtime with them, `maps` as in `Embedder.load`."""
    with _downloading() as advance:
        return Embedder.load(
            options.weights or weights,
            runtime=options.runtime,
            pooling=options.pooling or pooling,
            cache_dir=options.cache_dir,
            maps=maps,
            progress=advance,
            log=note,
        )


def described(weights: Weights) -> dict[str, object]:
    """The description of a model in JSON output and features files."""
    return {
        "name": weights.name,
        "source": weights.source,
        "weights_sha256": weights.sha256,
        "spec": weights.spec.to_meta(),
    }


@contextmanager
def standard_output_on_error() -> Iterator[None]:
    """Send what libraries print, even from C, to standard error: standard output is for one JSON line."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _downloading() -> AbstractContextManager[Callable[[int, int | None], None]]:
    from ml.commands import bars  # noqa: PLC0415 (rich: 0.2 s)

    return bars.downloaded()
