"""Which pictures a set contains, and what is known about each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ml.datasets.families import family_of
from ml.files.catalog.archive import Archive
from ml.files.catalog.errors import CatalogFileError, Merged, RowError, RowRejected, UnknownLayout
from ml.files.catalog.opening import open_catalog
from ml.files.catalog.records import Catalog, Record
from ml.pictures.codec import MAX_BYTES, ImageRejected, inspect

_MEASURED = 64  # pictures that stand for the size of a set

TASKS = ("type", "colour", "family", "gender")

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
        group: the product's display name, "" when unknown: pictures with one name belong to one side of a split.
        stamp: changes when the file changes.
    """

    name: str
    labels: Mapping[str, str]
    read: Callable[[], bytes] = field(repr=False)
    group: str = ""
    stamp: str = ""


def open_set(path: Path, *, note: Note | None = None) -> list[Sample]:
    """The pictures of a folder, zip file or table, in order of name.

    Every layout that the shop imports: `styles.csv` next to `images/<id>.jpg` (Kaggle's "Fashion Product Images", and
    what `manage.py export_training_set` writes), a table of your own, or one folder per class, whose name is the type.
    Hidden files and folders are left out.

    Args:
        note: called with a sentence about what was left out.

    Raises:
        DatasetError: no such path, a damaged archive or table, or no pictures in it.
    """
    try:
        catalog = open_catalog(path, learning=True)
        samples = list(_samples(catalog, note or (lambda _: None)))
    except UnknownLayout:
        samples = []
    except (CatalogFileError, OSError) as error:
        raise DatasetError(f"{path} cannot be used: {error}") from error
    if not samples:
        raise DatasetError(
            f"{path} contains no labelled pictures. Expected styles.csv next to images/<id>.jpg, one folder per class, "
            "or a table with a category or a colour."
        )
    return sorted(samples, key=lambda sample: sample.name)


def _samples(catalog: Catalog, note: Note) -> Iterator[Sample]:
    for warning in catalog.warnings:
        note(warning)
    files, seen = frozenset(catalog.archive.names), set[str]()
    rows = without = refused = 0
    first: RowError | None = None
    for record in catalog.records():
        if isinstance(record, Merged):
            continue
        rows += 1
        if isinstance(record, RowError):
            refused, first = refused + 1, first or record
            continue
        labels = _labels(record)
        pictures = [name for name, _ in record.pictures if name in files] if labels else []
        without += not pictures
        for name in pictures:
            if name not in seen:
                seen.add(name)
                yield _sample(catalog.archive, name, labels, record)
    if without:
        note(f"{without:,} of {rows:,} rows of {catalog.source} have no picture or no label: left out.")
    if first:
        note(f"{refused:,} of {rows:,} rows of {catalog.source} cannot be read: left out. The first: {first}.")


def _sample(archive: Archive, name: str, labels: Mapping[str, str], record: Record) -> Sample:
    group = " ".join(record.name.split()).casefold()
    return Sample(name, labels, partial(_read, archive, name), group, archive.stamp(name))


def _read(archive: Archive, name: str) -> bytes:
    try:
        return archive.read(name, MAX_BYTES)
    except RowRejected as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and cause.errno is not None:  # the disk's, which may be back the next time
            raise cause from error
        raise ImageRejected(error.code, error.reason) from error


def _labels(record: Record) -> dict[str, str]:
    labels = dict(record.labels)
    if family := family_of(labels.get("colour", "")):
        labels["family"] = family
    return labels


def usual_side(samples: Sequence[Sample]) -> int:
    """The longer side of most pictures of a set, in pixels: the median of some of them.

    Raises:
        DatasetError: none of them can be read.
    """
    sides = []
    for sample in samples[:: max(1, len(samples) // _MEASURED)]:
        with suppress(ImageRejected, OSError):
            info = inspect(sample.read())
            sides.append(max(info.width, info.height))
    if not sides:
        raise DatasetError("None of the pictures can be read.")
    return sorted(sides)[len(sides) // 2]
