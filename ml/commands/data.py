"""Labelled sets named on the command line."""

import time
from pathlib import Path

from ml.commands.common import note
from ml.datasets import Prepared, Sample, open_set, prepare
from ml.embedder import default_cache_dir

_NOTES = 10  # unreadable pictures named one by one; the rest are only counted


def prepared_set(
    path: Path, *, input_size: int, fit: str, cache_dir: Path | None = None, samples: list[Sample] | None = None
) -> Prepared:
    """The set at `path`, decoded once and cached; standard error names the pictures it leaves out.

    Args:
        samples: those of the set, if they have already been read.

    Raises:
        DatasetError: the set has no usable pictures.
    """
    left_out = 0
    said = time.monotonic()

    def leave_out(sentence: str) -> None:
        nonlocal left_out
        left_out += 1
        if left_out <= _NOTES:
            note(sentence)

    def advance(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said > 2:
            said = time.monotonic()
            note(f"reading {path.name}: {done:,} of {total:,} pictures")

    found = open_set(path, note=note) if samples is None else samples
    prepared = prepare(
        found,
        input_size=input_size,
        fit=fit,
        cache_dir=cache_dir or default_cache_dir(),
        note=leave_out,
        progress=advance,
    )
    if left_out > _NOTES:
        note(f"… and {left_out - _NOTES:,} more pictures left out.")
    return prepared
