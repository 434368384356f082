"""A table whose columns have no meaning yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias

from ml.files.catalog.errors import RowError

Row: TypeAlias = tuple[int, list[str]]  # line number and cells


@dataclass(frozen=True)
class Table:
    """Attributes:
    name: of its file in the archive.
    header: the cells of its first row that is not blank.
    rows: reads the rows below the header, without those whose cells are all empty.
    count: of these rows, about.
    dialect: what separates its cells, and its encoding, for people.
    warnings: sentences about how it is read.
    notes: sentences about what is not read.
    """

    name: str
    header: list[str]
    rows: Callable[[], Iterator[Row | RowError]]
    count: int
    dialect: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def folder(self) -> PurePosixPath:
        return PurePosixPath(self.name).parent
