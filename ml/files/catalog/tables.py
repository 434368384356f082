"""Which tables an archive has, and what is in them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import PurePosixPath

from ml.files.catalog.archive import Archive
from ml.files.catalog.errors import CatalogFileError, RowRejected
from ml.files.catalog.header.columns import needed_in
from ml.files.catalog.rows import Table
from ml.files.catalog.text import START, header_of, read_text
from ml.files.catalog.workbook import read_workbook

WORKBOOK = ".xlsx"
TEXT = ".txt"  # Excel's "Unicode text"; also of notes, which are no tables
EXTENSIONS = (".csv", ".tsv", TEXT, WORKBOOK)
UNREAD = (".xls", ".xlsm", ".xlsb", ".ods", ".numbers")  # spreadsheets in formats that are not read
KAGGLE_TABLE = "styles.csv"
MOST_TABLES = 50  # looked into below the top
TABLE_MAX_BYTES = 512 * 2**20


class FoundTable:
    """A table that was found in an archive. Its file is read once, when `table` is first used."""

    def __init__(self, archive: Archive, name: str, max_bytes: int = TABLE_MAX_BYTES) -> None:
        self.archive, self.name, self.max_bytes = archive, name, max_bytes

    @cached_property
    def header(self) -> list[str]:
        """Empty if it cannot be read; `table` raises the reason."""
        try:
            if self.is_workbook:
                return self.table.header
            return header_of(self.name, self.archive.start(self.name, START))
        except (CatalogFileError, RowRejected):
            return []

    @cached_property
    def table(self) -> Table:
        """
        Raises:
            CatalogFileError: it cannot be read.
        """
        try:
            if self.is_workbook:
                return read_workbook(self.name, self.archive.read(self.name, self.max_bytes))
            self.archive.check_size(self.name, self.max_bytes)
            return read_text(self.name, partial(self.archive.open, self.name))
        except RowRejected as error:
            raise CatalogFileError(f"{self.name} in {self.archive.path} cannot be read: {error.reason}") from error

    @property
    def is_meant(self) -> bool:
        return not self.name.lower().endswith(TEXT) or needed_in(self.header) > 1

    @property
    def is_workbook(self) -> bool:
        return self.name.lower().endswith(WORKBOOK)


class Input:
    """An archive and the tables at its top.

    Attributes:
        only: the name of the one table to read, if it was named.
    """

    def __init__(self, archive: Archive, *, only: str = "", max_bytes: int = TABLE_MAX_BYTES) -> None:
        self.archive, self.only, self.max_bytes = archive, only, max_bytes

    @cached_property
    def tables(self) -> Sequence[FoundTable]:
        """Those at the top, or in the folders that contain everything, as in many zip files.

        Without any there, those with all needed columns that are nearest to the top.
        """
        if self.only:
            return [self.found(self.only)]
        names, top = self.archive.names, self._top
        paths = (PurePosixPath(name) for name in names)
        tables = [path for path in paths if path.suffix.lower() in EXTENSIONS]
        found = [table for path in tables if path.parent == top and (table := self.found(str(path))).is_meant]
        if any(needed_in(table.header) > 1 or table.is_workbook for table in found):
            return found
        tables.sort(key=lambda path: len(path.parts))
        below = [table for path in tables[:MOST_TABLES] if needed_in((table := self.found(str(path))).header) > 2]
        depth = min((table.name.count("/") for table in below), default=0)
        return [*(table for table in below if table.name.count("/") == depth), *found]

    @cached_property
    def _top(self) -> PurePosixPath:
        names = self.archive.names
        return PurePosixPath(os.path.commonpath([os.path.dirname(name) for name in names]) if names else "")

    @cached_property
    def kaggle_table(self) -> FoundTable | None:
        """The `styles.csv` nearest to the top, wherever it is."""
        named = [name for name in self.archive.names if PurePosixPath(name).name.lower() == KAGGLE_TABLE]
        if self.only:
            named = [name for name in named if name == self.only]
        return self.found(min(named, key=len)) if named else None

    @cached_property
    def unreadable(self) -> list[str]:
        """Tables at the top, or in the folder that contains everything, in a format that is not read."""
        top = (name for name in self.archive.names if PurePosixPath(name).parent == self._top)
        return [name for name in top if name.lower().endswith(UNREAD)]

    def found(self, name: str) -> FoundTable:
        return FoundTable(self.archive, name, self.max_bytes)
