"""What the subcommands share: options, notes and progress on standard error, and how a model is found."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from ml import weights as weights_files
from ml.embedder import Embedder
from ml.weights import Weights

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


def note(sentence: str) -> None:
    """Say something that is no result."""
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
    """The weights that the options ask for; `weights` and `pooling` stand in for options left out.

    Raises:
        WeightsError: they cannot be used.
    """
    with _downloading() as advance:
        return weights_files.resolve(
            options.weights or weights,
            cache_dir=options.cache_dir,
            pooling=options.pooling or pooling,
            progress=advance,
            log=note,
        )


def load(options: argparse.Namespace, *, weights: str | None = None, pooling: str | None = None) -> Embedder:
    """`resolve`, and a runtime started with what was found."""
    with _downloading() as advance:
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


def _downloading() -> AbstractContextManager[Callable[[int, int | None], None]]:
    from ml.commands import bars  # noqa: PLC0415 (rich: 0.2 s)

    return bars.downloaded()
