"""Results of an unfinished `python -m ml embed`, kept so that a killed run loses nothing."""

import fcntl
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ml.files.features import first_bad


class PartialError(Exception):
    """Unfinished work that cannot be continued: one sentence that names the folder and the remedy."""


@dataclass(frozen=True)
class Row:
    """One picture that was processed.

    Attributes:
        stamp: of the source; if it differs today, the picture was replaced.
        labels: task → (likeliest label, its probability).
        code, message: why there is no vector; "" if there is one.
    """

    name: str
    stamp: str
    digest: str = ""
    labels: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    code: str = ""
    message: str = ""


class Partial:
    """Two append-only files in a folder: vectors as raw float32, then a line of JSON for each picture.

    A vector is written before its line, so every line has its vector even after a kill. A line or vector that was
    only partly written is cut off. One process at a time.

    Attributes:
        rows: name → its latest row.
    """

    def __init__(self, folder: Path, head: Mapping[str, Any], dimension: int, *, restart: bool = False) -> None:
        """Continue what is in `folder`, or begin.

        Args:
            head: what all rows must have in common; JSON.
            restart: discard what is there.

        Raises:
            PartialError: another process uses it, or it was begun with another `head`.
            OSError: the folder cannot be written.
        """
        self.folder = folder
        self.rows: dict[str, Row] = {}
        self._places: dict[str, int] = {}
        self._dimension = dimension
        folder.mkdir(parents=True, exist_ok=True)
        self._lines = os.open(folder / "rows.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        self._vectors = os.open(folder / "vectors.f32", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            self._lock()
            if restart:
                os.ftruncate(self._lines, 0)
                os.ftruncate(self._vectors, 0)
            self._agree(json.loads(json.dumps(head)))
        except BaseException:
            self.close()
            raise

    def add(self, rows: Sequence[Row], vectors: np.ndarray) -> None:
        """Append `rows` and the vectors of those without a code, float32 [m, D], in the same order.

        Raises:
            OSError: for instance the disk is full. Nothing of this call is kept, but everything before it is.
        """
        ends = os.fstat(self._lines).st_size, os.fstat(self._vectors).st_size
        try:
            _write(self._vectors, vectors.astype("<f4", copy=False).tobytes())
            _write(self._lines, b"".join(json.dumps(asdict(row)).encode() + b"\n" for row in rows))
        except BaseException:
            os.ftruncate(self._lines, ends[0])
            os.ftruncate(self._vectors, ends[1])
            raise
        place = ends[1] // (4 * self._dimension)
        for row in rows:
            self._remember(row, place)
            place += not row.code

    def vectors(self, names: Sequence[str]) -> np.ndarray:
        """float32 [len(names), D]; mapped from disk if `names` are all of them in the order they were added."""
        places = [self._places[name] for name in names]
        count = os.fstat(self._vectors).st_size // (4 * self._dimension)
        if not places:
            return np.zeros((0, self._dimension), np.float32)
        every = np.memmap(self.folder / "vectors.f32", "<f4", "r", shape=(count, self._dimension))
        return every if places == list(range(count)) else every[places]

    def close(self) -> None:
        """Release it for other processes."""
        os.close(self._lines)
        os.close(self._vectors)

    def remove(self) -> None:
        """Close it and delete it."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PartialError(
                f"Another process is writing {self.folder}. Wait for it, or name another output."
            ) from None

    def _agree(self, head: Any) -> None:
        """Read what is complete and cut off the rest; write the head if there is nothing."""
        size = os.fstat(self._vectors).st_size // (4 * self._dimension)
        usable = self._usable(size)
        kept = place = 0
        with open(self._lines, "rb", closefd=False) as file:
            file.seek(0)
            for number, line in enumerate(file):
                try:
                    found = json.loads(line) if line.endswith(b"\n") else None
                    row = None if number == 0 or found is None else Row(**found)
                except (ValueError, TypeError):
                    break
                if found is None:
                    break
                if row is None:
                    if found != head:
                        views = f", {found['views']} views" if "views" in found else ""
                        raise PartialError(
                            f"{self.folder} was begun with another model ({found.get('name', 'unknown')}{views}). "
                            "Name the same weights and views, or start over with --restart."
                        )
                elif not row.code and place >= usable:
                    break
                else:
                    self._remember(row, place)
                    place += not row.code
                kept += len(line)
        os.ftruncate(self._lines, kept)
        os.ftruncate(self._vectors, place * 4 * self._dimension)
        if kept == 0:
            _write(self._lines, json.dumps(head).encode() + b"\n")

    def _usable(self, count: int) -> int:
        """How many vectors from the start are finite and of length 1: after a power cut, zeros may follow."""
        if not count:
            return 0
        bad = first_bad(np.memmap(self.folder / "vectors.f32", "<f4", "r", shape=(count, self._dimension)))
        return count if bad is None else bad

    def _remember(self, row: Row, place: int) -> None:
        self.rows[row.name] = row
        if row.code:
            self._places.pop(row.name, None)
        else:
            self._places[row.name] = place


def folder_for(out: Path) -> Path:
    """Next to the output: on the same disk, and where people look for it."""
    return out.with_name(f"{out.name}.partial")


def _write(file: int, data: bytes) -> None:
    """Write all of `data`: one system call may write less on a disk that is nearly full."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
