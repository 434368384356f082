"""Which pictures a set holds, and what is known of each."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from ml.datasets.families import family_of
from ml.files.pictures import is_hidden, is_picture_name, read_entry
from ml.files.tables import restored
from ml.pictures.codec import ImageRejected

TASKS = ("type", "colour", "family", "gender")
TABLE = "styles.csv"
_COLUMNS = {"type": "articleType", "colour": "baseColour", "gender": "gender"}
_ABSENT = {"", "na", "n/a", "nan", "null"}

Note = Callable[[str], None]


class DatasetError(Exception):
    """A set that cannot be used: one sentence that names it and the remedy."""


@dataclass(frozen=True)
class Sample:
    """One labelled picture, not yet read.

    Attributes:
        name: unique within the set, e.g. "images/1163.jpg".
        labels: task → label; a task of `TASKS` that is not known is absent.
        read: gives the file's bytes; raises OSError or ImageRejected.
        group: the product's display name, "" when unknown: pictures of one name belong to one side of a split.
        stamp: changes when the file changes.
    """

    name: str
    labels: Mapping[str, str]
    read: Callable[[], bytes] = field(repr=False)
    group: str = ""
    stamp: str = ""


def open_set(path: Path, *, note: Note | None = None) -> list[Sample]:
    """The pictures of a folder or zip file, in order of name.

    Two layouts: `styles.csv` beside `images/<id>.jpg` (Kaggle's "Fashion Product Images", and what
    `manage.py export_training_set` writes), else one folder per class, whose name is the type. Hidden files and
    folders are passed over.

    Args:
        note: called with a sentence about what was left out.

    Raises:
        DatasetError: no such path, a damaged archive or table, or no pictures in it.
    """
    try:
        files = dict(_zipped(path) if path.is_file() else _in_folder(path))
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DatasetError(f"{path} is neither a folder nor a readable zip file ({error}).") from error
    table = next((name for name in sorted(files, key=len) if PurePosixPath(name).name == TABLE), None)
    samples = _from_table(path, table, files, note) if table else _from_class_folders(files)
    if not samples:
        raise DatasetError(
            f"{path} holds no labelled pictures. Expected {TABLE} beside images/<id>.jpg, or one folder per class."
        )
    return sorted(samples, key=lambda sample: sample.name)


@dataclass(frozen=True)
class _File:
    read: Callable[[], bytes]
    stamp: str


def _in_folder(path: Path) -> Iterator[tuple[str, _File]]:
    if not path.is_dir():
        raise FileNotFoundError("it does not exist")
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        if _is_wanted(name) and file.is_file():
            status = file.stat()
            yield name, _File(file.read_bytes, f"{status.st_size}-{status.st_mtime_ns}")


def _zipped(path: Path) -> Iterator[tuple[str, _File]]:
    archive = zipfile.ZipFile(path)  # stays open as long as one of its pictures is still to be read
    for entry in archive.infolist():
        if _is_wanted(entry.filename):
            yield entry.filename, _File(partial(read_entry, archive, entry), f"{entry.file_size}-{entry.CRC:08x}")


def _is_wanted(name: str) -> bool:
    return is_picture_name(name) or (PurePosixPath(name).name == TABLE and not is_hidden(name))


def _from_class_folders(files: Mapping[str, _File]) -> list[Sample]:
    return [
        Sample(name, {"type": PurePosixPath(name).parent.name}, file.read, stamp=file.stamp)
        for name, file in files.items()
        if PurePosixPath(name).parent.name
    ]


def _from_table(path: Path, table: str, files: Mapping[str, _File], note: Note | None) -> list[Sample]:
    try:
        lines = csv.DictReader(io.StringIO(files[table].read().decode("utf-8-sig"), newline=""))
        rows = [
            {key: restored(cell) if isinstance(cell, str) else cell for key, cell in line.items()} for line in lines
        ]
    except (OSError, ImageRejected, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table} in {path} cannot be read as CSV ({error}).") from error
    if not rows or not {"id", "articleType"} <= rows[0].keys():
        raise DatasetError(f"{table} in {path} must have rows, and at least the columns id and articleType.")
    folder = PurePosixPath(table).parent
    pictures = {str(PurePosixPath(name).with_suffix("")): name for name in files if name != table}
    samples, without = [], 0
    for row in rows:
        name = pictures.get(str(folder / "images" / (row["id"] or "")))
        labels = _labels(row)
        if name is None or not labels:
            without += 1
            continue
        group = " ".join((row.get("productDisplayName") or "").split()).casefold()
        samples.append(Sample(name, labels, files[name].read, group, files[name].stamp))
    if without and note:
        note(f"{without:,} of {len(rows):,} rows of {table} have no picture or no label: left out.")
    return list({sample.name: sample for sample in samples}.values())


def _labels(row: Mapping[str, str | None]) -> dict[str, str]:
    labels = {}
    for task, column in _COLUMNS.items():
        value = (row.get(column) or "").strip()
        if value.casefold() not in _ABSENT:
            labels[task] = value
    family = family_of(labels.get("colour", ""))
    if family:
        labels["family"] = family
    return labels
