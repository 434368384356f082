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
        raw = Path(folder) / "pixels"
        with raw.open("wb") as file, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
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
        shape = (len(names), fitted.input_size, fitted.input_size, 3)
        file_of_pixels = _with_header(raw, shape)
        pixels = np.load(
            file_of_pixels, mmap_mode="r"
        )  # of a file that may be removed: pixels last while they are mapped
        if not try_again:
            file_of_pixels.replace(base.with_suffix(".npy"))
            draft = Path(folder) / "index.json"
            draft.write_text(json.dumps({"names": names, "digests": digests}))
            draft.replace(base.with_suffix(".json"))
    return names, digests, pixels


def _pixels(sample: Sample, fitted: _Input) -> np.ndarray | Exception:
    try:
        return to_input(sample.read(), fitted)
    except (ImageRejected, OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        return error


def _with_header(raw: Path, shape: tuple[int, ...]) -> Path:
    """Raw bytes → .npy next to them, without loading all of them."""
    draft = raw.with_suffix(".npy")
    if shape[0]:
        source = np.memmap(raw, np.uint8, "r", shape=shape)
        target = np.lib.format.open_memmap(draft, mode="w+", dtype=np.uint8, shape=shape)
        for start in range(0, shape[0], _AT_A_TIME):
            target[start : start + _AT_A_TIME] = source[start : start + _AT_A_TIME]
        target.flush()
    else:
        np.save(draft, np.zeros(shape, np.uint8))
    return draft
