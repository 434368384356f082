"""Pictures of a set, decoded and fitted once and kept on disk."""

import hashlib
import json
import lzma
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ml.datasets.reading import DatasetError, Note, Sample
from ml.pictures.codec import DECODER_VERSION, ImageRejected, to_input

_AT_A_TIME = 512


@dataclass(frozen=True)
class Prepared:
    """Attributes: samples, n of them; pixels, uint8 [n, S, S, 3], on disk; digests, of each one's pixels."""

    samples: list[Sample]
    pixels: np.ndarray
    digests: list[str]


@dataclass(frozen=True)
class _Input:
    input_size: int
    fit: str


def prepare(
    samples: Sequence[Sample],
    *,
    input_size: int,
    fit: str,
    cache_dir: Path,
    note: Note | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Decode `samples` as the model will see them. Unreadable pictures are named and left out.

    The result is kept under `cache_dir` for the same files and the same fitting. If the system failed to read a file,
    nothing is kept: a network drive may be back the next time.

    Args:
        note: called with a sentence about each picture left out.
        progress: called with (done, total).

    Raises:
        DatasetError: no picture can be read.
        OSError: the cache cannot be written.
    """
    described = json.dumps([DECODER_VERSION, input_size, fit, *((s.name, s.stamp) for s in samples)])
    base = cache_dir / "prepared" / hashlib.sha256(described.encode()).hexdigest()[:32]
    index = base.with_suffix(".json")
    if index.is_file():
        names, digests = _names_and_digests(index)
        pixels = np.load(base.with_suffix(".npy"), mmap_mode="r")
    else:
        base.parent.mkdir(parents=True, exist_ok=True)
        names, digests, pixels = _write(samples, _Input(input_size, fit), base, note, progress)
    if not digests:
        raise DatasetError("None of the pictures can be read.")
    by_name = {sample.name: sample for sample in samples}
    return Prepared([by_name[name] for name in names], pixels, digests)


def _names_and_digests(index: Path) -> tuple[list[str], list[str]]:
    kept = json.loads(index.read_text())
    return kept["names"], kept["digests"]


def _write(
    samples: Sequence[Sample],
    fitted: _Input,
    base: Path,
    note: Note | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[str], list[str], np.ndarray]:
    """Names, digests and pixels of the readable pictures."""
    names: list[str] = []
    digests: list[str] = []
    try_again = False
    with tempfile.TemporaryDirectory(dir=base.parent, prefix=".prepare-") as folder:
        draft = Path(folder) / "pixels.npy"
        with draft.open("wb") as file, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
            _write_header(file, 0, fitted)
            for start in range(0, len(samples), _AT_A_TIME):
                chunk = samples[start : start + _AT_A_TIME]
                for sample, result in zip(chunk, threads.map(lambda s: _pixels(s, fitted), chunk), strict=True):
                    if isinstance(result, Exception):
                        try_again = try_again or isinstance(result, OSError)
                        if note:
                            note(f"Left out {sample.name}: {result}")
                        continue
                    names.append(sample.name)
                    digests.append(hashlib.sha256(result.tobytes()).hexdigest()[:32])
                    file.write(result.tobytes())
                if progress:
                    progress(start + len(chunk), len(samples))
            file.seek(0)
            _write_header(file, len(names), fitted)
        if not names:
            return names, digests, np.zeros((0, fitted.input_size, fitted.input_size, 3), np.uint8)
        pixels = np.load(draft, mmap_mode="r")  # of a file that may be removed: pixels last while they are mapped
        if not try_again:
            draft.replace(base.with_suffix(".npy"))
            draft_index = Path(folder) / "index.json"
            draft_index.write_text(json.dumps({"names": names, "digests": digests}))
            draft_index.replace(base.with_suffix(".json"))
    return names, digests, pixels


def _pixels(sample: Sample, fitted: _Input) -> np.ndarray | Exception:
    try:
        return to_input(sample.read(), fitted)
    except (ImageRejected, OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        return error


def _write_header(file: BinaryIO, count: int, fitted: _Input) -> None:
    """The header of an .npy file. NumPy pads it, so it is as long for any count: the pictures are written once, behind
    a header for none, and need their space only once (39,571 at 224 px are 6 GB)."""
    described = {"descr": "|u1", "fortran_order": False, "shape": (count, fitted.input_size, fitted.input_size, 3)}
    np.lib.format.write_array_header_1_0(file, described)
