"""Pictures named on a command line: files, folders, and zip files of pictures, one at a time."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ml.images import MAX_BYTES, ImageRejected

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif")


@dataclass(frozen=True)
class Source:
    """A picture not yet read; `read` raises OSError or ImageRejected."""

    name: str
    read: Callable[[], bytes]


def find(paths: Sequence[Path]) -> Iterator[Source]:
    """Every picture under `paths`, in order of name; a path that does not exist raises FileNotFoundError,
    a damaged zip file BadZipFile.

    A file named directly is always tried; inside folders and zip files only names that end like pictures.
    """
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.suffix.lower() in EXTENSIONS and file.is_file():
                    yield Source(str(file), file.read_bytes)
        elif not path.is_file():
            raise FileNotFoundError(f"{path} does not exist")
        elif path.suffix.lower() == ".zip":
            yield from _zipped(path)
        else:
            yield Source(str(path), path.read_bytes)


def _zipped(path: Path) -> Iterator[Source]:
    archive = zipfile.ZipFile(path)  # stays open as long as one of its pictures is still to be read
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        if entry.filename.lower().endswith(EXTENSIONS):
            yield Source(f"{path}/{entry.filename}", partial(_read, archive, entry))


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.file_size > MAX_BYTES:  # before unpacking: a zip bomb announces itself here
        raise ImageRejected("too_many_bytes", f"The file unpacks to {entry.file_size / 2**20:.0f} MB.")
    try:
        with archive.open(entry) as file:
            return file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ImageRejected("corrupt", f"The zip entry cannot be unpacked ({error}).") from error
