"""Every picture of a set decoded and fitted once, kept on disk."""

import hashlib
import json
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
from ml.images import ImageRejected, to_input

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
    """Decode `samples` as the model will see them; pictures that cannot be read are named and left out.

    Done once: the result is kept under `cache_dir`, by what the files are and how they are fitted.

    Args:
        note: called with a sentence about each picture left out.
        progress: called with (done, all).

    Raises:
        DatasetError: no picture can be read.
        OSError: the cache cannot be written.
    """
    key = hashlib.sha256(json.dumps([input_size, fit, *((s.name, s.stamp) for s in samples)]).encode()).hexdigest()
    base = cache_dir / "prepared" / key[:32]
    index = base.with_suffix(".json")
    if not index.is_file():
        base.parent.mkdir(parents=True, exist_ok=True)
        _write(samples, _Input(input_size, fit), base, note, progress)
    kept = json.loads(index.read_text())
    if not kept["digests"]:
        raise DatasetError("None of the pictures can be read.")
    pixels = np.load(base.with_suffix(".npy"), mmap_mode="r")
    by_name = {sample.name: sample for sample in samples}
    return Prepared([by_name[name] for name in kept["names"]], pixels, kept["digests"])


def _write(
    samples: Sequence[Sample],
    fitted: _Input,
    base: Path,
    note: Note | None,
    progress: Callable[[int, int], None] | None,
) -> None:
    names: list[str] = []
    digests: list[str] = []
    with tempfile.TemporaryDirectory(dir=base.parent, prefix=".prepare-") as folder:
        raw = Path(folder) / "pixels"
        with raw.open("wb") as file, ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
            for start in range(0, len(samples), _AT_A_TIME):
                chunk = samples[start : start + _AT_A_TIME]
                for sample, result in zip(chunk, threads.map(lambda s: _pixels(s, fitted), chunk), strict=True):
                    if isinstance(result, str):
                        if note:
                            note(f"Left out {sample.name}: {result}")
                        continue
                    names.append(sample.name)
                    digests.append(hashlib.sha256(result.tobytes()).hexdigest()[:32])
                    file.write(result.tobytes())
                if progress:
                    progress(start + len(chunk), len(samples))
        shape = (len(names), fitted.input_size, fitted.input_size, 3)
        _with_header(raw, shape, base.with_suffix(".npy"))
        draft = Path(folder) / "index.json"
        draft.write_text(json.dumps({"names": names, "digests": digests}))
        draft.replace(base.with_suffix(".json"))


def _pixels(sample: Sample, fitted: _Input) -> np.ndarray | str:
    try:
        return to_input(sample.read(), fitted)
    except (ImageRejected, OSError, zipfile.BadZipFile, zlib.error) as error:
        return getattr(error, "message", None) or str(error)


def _with_header(raw: Path, shape: tuple[int, ...], destination: Path) -> None:
    """Raw bytes → .npy without holding them in memory."""
    draft = raw.with_suffix(".npy")
    if shape[0]:
        source = np.memmap(raw, np.uint8, "r", shape=shape)
        target = np.lib.format.open_memmap(draft, mode="w+", dtype=np.uint8, shape=shape)
        for start in range(0, shape[0], _AT_A_TIME):
            target[start : start + _AT_A_TIME] = source[start : start + _AT_A_TIME]
        target.flush()
    else:
        np.save(draft, np.zeros(shape, np.uint8))
    draft.replace(destination)
