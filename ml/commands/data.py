"""Labelled sets named on the command line."""

import time
from pathlib import Path

import numpy as np

from ml.commands.common import note, progress
from ml.datasets import Prepared, Sample, backgrounds_of, open_set, prepare
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


def backgrounds_in(prepared: Prepared) -> np.ndarray:
    """`backgrounds_of` the pictures, int [n]; standard error says how many share one."""
    with progress("comparing backgrounds", 2 * len(prepared.samples), unit="steps") as advance:
        found = backgrounds_of(prepared.pixels, advance=advance)
    counts = np.bincount(found)
    shared = counts[counts > 1]
    if shared.size:
        note(
            f"{shared.sum():,} of {len(found):,} pictures share a background with others, in {shared.size:,} groups of "
            f"up to {shared.max():,}. Each group stays on one side."
        )
    return found
