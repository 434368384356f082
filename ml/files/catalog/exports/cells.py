"""Cells of a row by the names of their columns."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from ml.files.catalog.errors import RowError
from ml.files.catalog.header.columns import STYLE, clean, key_of, plain
from ml.files.catalog.header.names import NAMES
from ml.files.catalog.records import ATTRIBUTE_LENGTH
from ml.files.catalog.rows import Row, Table

MOST_ATTRIBUTES = 100  # columns of options or attributes
_COMMA = re.compile(r"(?<!\\),")


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


class Unique:
    """Columns of which each has another meaning: a later one only completes the one that has its meaning already.

    Attributes:
        names: of the columns.
    """

    def __init__(self, fixed: Sequence[str], others: Sequence[str]) -> None:
        """
        Args:
            fixed: names of columns that differ.
            others: names of those that may complete them, or an earlier one of these.
        """
        self.names = [*fixed]
        places = {key_of(name): place for place, name in reversed(list(enumerate(fixed)))}
        self._places = list(range(len(fixed)))
        for name in others:
            key = key_of(name)
            if not key or key not in places:
                places[key] = len(self.names)
                self.names.append(name)
            self._places.append(places[key])

    def row(self, cells: Iterable[str]) -> list[str]:
        """The first cell of each meaning that is not empty. `cells`: one for each name."""
        row = [""] * len(self.names)
        for place, cell in zip(self._places, cells, strict=True):
            row[place] = row[place] if row[place].strip() else cell
        return row


def whole_rows(table: Table) -> Iterator[Row | RowError]:
    """Rows with a cell for each column. Others are damaged: their cells may be those of other columns."""
    width = len(table.header)
    for row in table.rows():
        if isinstance(row, RowError) or len(row[1]) == width:
            yield row
        elif len(row[1]) > width and not "".join(row[1][width:]).strip():
            yield row[0], row[1][:width]
        else:
            yield RowError(table.name, row[0], "bad_columns", f"{len(row[1])} columns instead of {width}")


def attribute_name(name: str, own: Collection[str]) -> str:
    """What an option or attribute of another shop is called as a column, so that it is not taken for another one: a
    style is not the group of a product.

    Args:
        own: fields of a product that this shop may keep as attributes.
    """
    key = key_of(name)
    return f"{name} option" if key == STYLE or (key in NAMES and key not in own) else name


def listed(text: str) -> list[str]:
    """Parts between commas; a comma with a backslash is part of a name."""
    return distinct(part.strip().replace("\\,", ",") for part in _COMMA.split(text))


def tags(text: str) -> str:
    """Tags as a text, of many as many as an attribute has room for."""
    found = listed(text)
    while len(", ".join(found)) > ATTRIBUTE_LENGTH:
        found.pop()
    return ", ".join(found)


def distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, values)))
