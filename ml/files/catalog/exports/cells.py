"""Cells of a row by the names of their columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from ml.files.catalog.errors import RowError
from ml.files.catalog.header.columns import STYLE, clean, key_of, plain
from ml.files.catalog.header.names import NAMES
from ml.files.catalog.rows import Row, Table

MOST_ATTRIBUTES = 100  # columns of options or attributes
#: Fields that other shops keep as attributes.
_OWN = frozenset({"size", "condition"})


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
    """Rows with a cell for each column. Others are damaged: their cells may be those of other columns."""
    width = len(table.header)
    for row in table.rows():
        if isinstance(row, RowError) or len(row[1]) == width:
            yield row
        elif len(row[1]) > width and not "".join(row[1][width:]).strip():
            yield row[0], row[1][:width]
        else:
            yield RowError(table.name, row[0], "bad_columns", f"{len(row[1])} columns instead of {width}")


def attribute_name(name: str, taken: Collection[str]) -> str:
    """What an option or attribute of another shop is called as a column, so that it is not taken for another one: a
    style is not the group of a product. Empty if there is such an attribute.

    Args:
        taken: keys of the other columns.
    """
    key = key_of(name)
    if key == STYLE or (key in NAMES and key not in _OWN):
        return f"{name} option"
    return name if key and key not in taken else ""


def distinct(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, values)))
