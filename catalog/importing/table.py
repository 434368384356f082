"""A table of your own: a .csv or .tsv with a header, and pictures anywhere beside it."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import TypeVar

from catalog.importing.archive import Archive
from catalog.importing.errors import ImportFailed, RowError
from catalog.importing.kaggle import COLUMNS as KAGGLE_COLUMNS
from catalog.importing.kaggle import TABLE as KAGGLE_TABLE
from catalog.importing.kaggle import UNSORTED, KaggleLayout
from catalog.importing.records import Record
from catalog.importing.table_cells import (
    BadCell,
    category_of,
    currency_for,
    currency_of,
    parts_of,
    price_of,
    published_of,
    stock_of,
)
from catalog.importing.table_columns import NEEDED, needed_in, read_columns
from catalog.importing.table_files import TextTable, read_table, tables_at_top, visible
from catalog.models.product import DESCRIPTION_LENGTH, default_currency
from ml.files.tables import restored

T = TypeVar("T")
SHOWN = 60  # characters of a cell in an error


class TableLayout:
    name = "table"

    def recognises(self, archive: Archive) -> bool:
        """By the header. One that lacks one of the needed columns is ours too, to say so rather than guess."""
        kaggle = KaggleLayout().recognises(archive)
        return any(
            needed_in(table.header) >= len(NEEDED) - (not kaggle)
            and (not kaggle or PurePosixPath(table.name).name == KAGGLE_TABLE)
            and not set(KAGGLE_COLUMNS) <= set(table.header)
            for table in _tables(archive)
        )

    def count(self, archive: Archive) -> int:
        return _table(archive).lines

    def notes(self, archive: Archive) -> list[str]:
        table = _table(archive)
        attributes = read_columns(table.name, table.header).attributes
        kept = f"Columns kept as attributes: {', '.join(attributes)}." if attributes else ""
        return [note for note in (table.warning, kept) if note]

    def records(self, archive: Archive) -> Iterator[Record | RowError]:
        table = _table(archive)
        reader = _Rows(table, _Files(archive, table))
        for row in table.rows():
            if isinstance(row, RowError):
                yield row
            elif any(cell.strip() for cell in row[1]):
                yield from reader.read(*row)


def _tables(archive: Archive) -> list[TextTable]:
    return [read_table(archive, name) for name in tables_at_top(archive)]


def _table(archive: Archive) -> TextTable:
    """The one with the columns that are needed, or the one that comes nearest.

    Raises:
        ImportFailed: there is none, or more than one.
    """
    tables = sorted(_tables(archive), key=lambda table: needed_in(table.header), reverse=True)
    if not tables:
        raise ImportFailed(f"{archive.path} holds no .csv or .tsv file at its top.")
    complete = [table.name for table in tables if needed_in(table.header) == len(NEEDED)]
    if len(complete) > 1:
        raise ImportFailed(f"{archive.path} holds {len(complete)} tables: {', '.join(complete)}. Keep one at its top.")
    return tables[0]


class _Files:
    """Finds what a cell names: a path from the table, or only the end of one."""

    def __init__(self, archive: Archive, table: TextTable) -> None:
        self.folder = table.folder
        self.names = {_folded(name): name for name in visible(archive)}
        self.ends: dict[str, list[str]] = defaultdict(list)
        for name in self.names.values():
            self.ends[_folded(PurePosixPath(name).name)].append(name)

    def named(self, cell: str) -> tuple[str, ...]:
        """The files; where there is none of that name, the name itself, which cannot be read then."""
        whole = self._find(cell)
        return (whole,) if whole else tuple(self._find(part) or self._path(part) for part in parts_of(cell))

    def _find(self, cell: str) -> str | None:
        if "://" in cell:
            raise BadCell("is a web address: put the file beside the table and give its name")
        path = self._path(cell)
        if exact := self.names.get(_folded(path)):
            return exact
        end = _folded(_relative(cell))
        found = [name for name in self.ends[PurePosixPath(end).name] if _folded(f"/{name}").endswith(f"/{end}")]
        if len(found) > 1:
            raise BadCell(f"may be any of {', '.join(found[:3])}: include the folder")
        return found[0] if found else None

    def _path(self, cell: str) -> str:
        return str(self.folder / _relative(cell))


def _relative(cell: str) -> str:
    return cell.replace("\\", "/").removeprefix("./").lstrip("/")


def _folded(name: str) -> str:
    """macOS takes accents apart in file names, and tables are written by hand."""
    return unicodedata.normalize("NFC", name).casefold()


class _Rows:
    def __init__(self, table: TextTable, files: _Files) -> None:
        self.table, self.files = table, files
        self.columns = read_columns(table.name, table.header)

    def read(self, line: int, cells: list[str]) -> list[Record | RowError]:
        """The row's product, or everything that is wrong with it."""
        if problem := self._shape(cells):
            return [RowError(self.table.name, line, "bad_columns", problem)]
        row = _Row(self, line, [restored(cell.strip()) for cell in cells])
        record = row.record()
        return [*row.problems] if row.refused else [record, *row.problems]

    def _shape(self, cells: list[str]) -> str | None:
        names = self.columns.names
        if len(cells) != len(names):
            return f"{len(cells)} columns where {len(names)} are expected"
        for number, (name, cell) in enumerate(zip(names, cells, strict=True), start=1):
            if not name and cell.strip():
                return f'column {number} has no name in the header, but holds "{cell.strip()[:SHOWN]}"'
        return None


class _Row:
    def __init__(self, rows: _Rows, line: int, cells: list[str]) -> None:
        self.rows, self.line, self.cells = rows, line, cells
        self.problems: list[RowError] = []
        self.refused = False

    def record(self) -> Record:
        sku, title = self._text("sku"), self._text("title")
        if not sku or len(sku) > 64:
            self._refuse_row("bad_sku", f"{self._name('sku')} is empty or longer than 64 characters")
        if not title:
            self._refuse_row("no_title", f"{self._name('title')} is empty")
        images = self._value("image", self.rows.files.named) or ()
        if not self._text("image"):
            reason = f"{self._name('image')} is empty: product {sku} is imported without a picture"
            self._report("no_image", reason)
        price, currency = self._value("price", price_of), self._value("currency", currency_of)
        return Record(
            file=self.rows.table.name,
            line=self.line,
            sku=sku,
            title=self._short("title", 255),
            category=self._value("category", category_of) or (UNSORTED,),
            image=images[0] if images else None,
            more_images=images[1:],
            alts=self._alts(len(images)),
            attributes={
                name: self.cells[place] for name, place in self.rows.columns.attributes.items() if self.cells[place]
            },
            price=price.amount if price else None,
            currency=self._value("price", lambda _: currency_for(price, currency, default_currency())) or currency,
            stock=self._value("stock", stock_of),
            published=self._value("published", published_of) is not False,
            description=self._short("description", DESCRIPTION_LENGTH),
            brand=self._short("brand", 100),
        )

    def _alts(self, images: int) -> tuple[str, ...]:
        """One text for each picture, in the same order; the semicolon is part of a text."""
        text = self._text("alt")
        alts = tuple(alt.strip() for alt in text.split("|")) if images > 1 else (text,)
        if len(alts) > max(images, 1):
            self._bad("alt", f"holds {len(alts)} texts for {images} pictures")
        if any(len(alt) > 255 for alt in alts):
            self._bad("alt", "is longer than 255 characters")
        return alts

    def _short(self, field: str, most: int) -> str:
        text = self._text(field)
        if len(text) > most:
            self._bad(field, f"is longer than {most:,} characters")
        return text

    def _value(self, field: str, parse: Callable[[str], T]) -> T | None:
        text = self._text(field)
        try:
            return parse(text) if text else None
        except BadCell as error:
            self._bad(field, str(error))
            return None

    def _text(self, field: str) -> str:
        place = self.rows.columns.fields.get(field)
        return "" if place is None else self.cells[place]

    def _name(self, field: str) -> str:
        return self.rows.columns.names[self.rows.columns.fields[field]]

    def _bad(self, field: str, reason: str) -> None:
        text = self._text(field)
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
        self._refuse_row("bad_value", f'{self._name(field)}: "{shown}" {reason}')

    def _refuse_row(self, code: str, reason: str) -> None:
        self.refused = True
        self._report(code, reason)

    def _report(self, code: str, reason: str) -> None:
        self.problems.append(RowError(self.rows.table.name, self.line, code, reason))
