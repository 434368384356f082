"""One folder per class, as for training a classifier: `Dress/0001.jpg`, `Shirt/0002.jpg`, …"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from catalog.importing.archive import Archive
from catalog.importing.errors import ImportFailed, RowError
from catalog.importing.kaggle import EXTENSIONS
from catalog.importing.records import Record
from catalog.importing.table_files import tables_at_top


class ClassFolderLayout:
    name = "folder"

    def recognises(self, archive: Archive) -> bool:
        return bool(self._pictures(archive))

    def count(self, archive: Archive) -> int:
        return len(self._pictures(archive))

    def notes(self, archive: Archive) -> list[str]:
        return [
            f"{name} is not read: every folder is imported as a class. See --help for what a table needs."
            for name in tables_at_top(archive)
        ]

    def records(self, archive: Archive) -> Iterator[Record | RowError]:
        pictures = self._pictures(archive)
        if not pictures:
            raise ImportFailed(f"{archive.path} holds no pictures in folders: expected one folder per class.")
        for number, name in enumerate(pictures, start=1):
            kind = PurePosixPath(name).parent.name
            yield Record(
                file=name,
                line=number,
                sku=sku_of(name),
                title=f"{kind.replace('_', ' ')} {_short(name)}"[:255],
                category=(kind.replace("_", " ")[:100],),
                image=name,
            )

    def _pictures(self, archive: Archive) -> list[str]:
        return [
            name
            for name in archive.names()
            if (path := PurePosixPath(name)).suffix.lower() in EXTENSIONS and path.parent.name
        ]


def sku_of(name: str) -> str:
    """The SKU of the product that the picture of this name, relative to the archive, becomes."""
    kind = PurePosixPath(name).parent.name
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', kind)[:40].strip('-')}-{_short(name)}"


def _short(name: str) -> str:
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:8]
