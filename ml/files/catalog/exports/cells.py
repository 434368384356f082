"""Cells of a row by the names of their columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ml.files.catalog.errors import RowError
from ml.files.catalog.header.columns import clean, plain
from ml.files.catalog.rows import Row, Table


class Cells:
    """Reads rows of a table by `plain` names. A name that the header lacks is an empty cell."""

    def __init__(self, header: Sequence[str]) -> None:
        self.names = clean(header)
        self.places = {plain(name): place for place, name in reversed(list(enumerate(self.names)))}

    def __contains__(self, name: str) -> bool:
        return name in self.places

    def get(self, cells: Sequence[str], *names: str) -> str:
        """The first cell that is not empty."""
        found = (cells[place].strip() for name in names if (place := self.places.get(name, len(cells))) < len(cells))
        return next(filter(None, found), "")


def whole_rows(table: Table) -> Iterator[Row | RowError]:
    """Rows filled up with empty cells, as other programs leave out those at the end of a line."""
    width = len(table.header)
    for row in table.rows():
        if isinstance(row, tuple) and len(row[1]) < width:
            yield row[0], [*row[1], *[""] * (width - len(row[1]))]
        else:
            yield row


def distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, values)))
