"""One folder per class, as for training a classifier: `Dress/0001.jpg`, `Shirt/0002.jpg`, …"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath

from ml.files.catalog.errors import CatalogFileError
from ml.files.catalog.header.columns import listed, missing_in
from ml.files.catalog.records import TITLE_LENGTH, Catalog, Record
from ml.files.catalog.tables import Input
from ml.files.pictures import EXTENSIONS, OTHER_EXTENSIONS


def recognises(input: Input) -> bool:
    return bool(_pictures(input.archive.names))


def read(input: Input) -> Catalog:
    """
    Raises:
        CatalogFileError: there are no pictures in folders.
    """
    pictures = _pictures(input.archive.names)
    if not pictures:
        raise CatalogFileError(f"{input.archive.path} has no pictures in folders. Expected one folder per class.")
    notes = [
        f"{found.name} is not read, because it has no columns for {listed(missing_in(found.header))}: every folder is "
        "imported as a class. See docs/how-to/import.md for what a table needs."
        if missing_in(found.header)
        else f"{found.name} is not read: every folder is imported as a class."
        for found in input.tables
    ]
    if loose := [name for name in input.archive.names if "/" not in name and _is_picture(name)]:
        notes.append(f"Pictures outside folders are not read: {', '.join(loose[:3])}{', …' * (len(loose) > 3)}.")
    records = partial(_records, pictures)
    return Catalog("folder", input.archive, input.archive.path.name, len(pictures), records, notes=tuple(notes))


def sku_of(name: str) -> str:
    """The SKU of the product made from the picture of this name, relative to the archive."""
    folder = PurePosixPath(name).parent.name
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', folder)[:40].strip('-')}-{_short(name)}"


def _records(pictures: Sequence[str]) -> Iterator[Record]:
    for number, name in enumerate(pictures, start=1):
        folder = PurePosixPath(name).parent.name
        words = unicodedata.normalize("NFC", folder.replace("_", " ")).strip() or folder
        yield Record(
            file=name,
            line=number,
            sku=sku_of(name),
            title=f"{words} {_short(name)}"[:TITLE_LENGTH],
            category=(words[:100],),
            image=name,
            labels={"type": folder},
        )


def _pictures(names: Sequence[str]) -> list[str]:
    return [name for name in names if PurePosixPath(name).parent.name and _is_picture(name)]


def _is_picture(name: str) -> bool:
    """Also of formats that are refused, so that each is reported."""
    return name.lower().endswith((*EXTENSIONS, *OTHER_EXTENSIONS))


def _short(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
