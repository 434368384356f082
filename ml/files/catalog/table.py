"""A table of your own: a header in any order, and pictures anywhere next to it."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import PurePosixPath
from typing import TypeVar

from ml.files.catalog.archive import Archive
from ml.files.catalog.cells import (
    BadCell,
    Price,
    available_of,
    category_of,
    currency_for,
    currency_of,
    gtin_of,
    parts_of,
    present,
    price_of,
    published_of,
    stock_of,
)
from ml.files.catalog.columns import NEEDED, STYLE, Columns, needed_in, read_columns
from ml.files.catalog.errors import CatalogFileError, RowError
from ml.files.catalog.kaggle import COLUMNS as KAGGLE_COLUMNS
from ml.files.catalog.records import (
    ALT_LENGTH,
    BRAND_LENGTH,
    DESCRIPTION_LENGTH,
    SKU_LENGTH,
    TITLE_LENGTH,
    UNSORTED,
    URL_LENGTH,
    WORD_LENGTH,
    Catalog,
    Record,
)
from ml.files.catalog.rows import Table
from ml.files.catalog.tables import KAGGLE_TABLE, FoundTable, Input
from ml.files.tables import restored

T = TypeVar("T")
SHOWN = 60  # characters of a cell in an error
#: Columns whose text is taken literally. In the others, "NA" and the like stand for unknown values.
AS_WRITTEN = frozenset({"sku", "title", "description", "image", "alt"})


def recognises(input: Input, *, complete: bool = False) -> bool:
    """Whether a table at the top has the columns that are needed.

    Args:
        complete: require all of them. By default, a table that lacks one is recognised too, and `read` names it.
    """
    kaggle = input.kaggle_table is not None
    least = len(NEEDED) if kaggle or complete else len(NEEDED) - 1
    return any(
        needed_in(found.header) >= least
        and (not kaggle or PurePosixPath(found.name).name == KAGGLE_TABLE)
        and not set(KAGGLE_COLUMNS) <= set(found.header)
        for found in input.tables
    )


def read(input: Input, *, currency: str) -> Catalog:
    """
    Args:
        currency: meant by a sign that several currencies share.

    Raises:
        CatalogFileError: there is no such table or more than one, or its header cannot be used.
    """
    table = _choose(input).table
    columns = read_columns(table.name, table.header)
    notes = [*table.notes]
    if columns.attributes:
        notes.append(f"Columns kept as attributes: {', '.join(columns.attributes)}.")
    if others := [found.name for found in input.tables if found.name != table.name]:
        notes.append(f"Other tables are not read: {', '.join(others)}.")
    rows = _Rows(table, columns, _Files(input.archive, table), currency)
    records = partial(_records, table, rows)
    return Catalog("table", input.archive, table.name, table.count, records, table.warnings, tuple(notes))


def _choose(input: Input) -> FoundTable:
    """The table with the columns that are needed, or the one that comes nearest."""
    tables = sorted(input.tables, key=lambda found: needed_in(found.header), reverse=True)
    if not tables:
        raise CatalogFileError(f"{input.archive.path} has no .csv, .tsv or .xlsx file at its top.")
    complete = [found.name for found in tables if needed_in(found.header) == len(NEEDED)]
    if len(complete) > 1:
        raise CatalogFileError(
            f"{input.archive.path} has {len(complete)} tables: {', '.join(complete)}. Keep one at its top."
        )
    return tables[0]


def _records(table: Table, rows: _Rows) -> Iterator[Record | RowError]:
    for row in table.rows():
        if isinstance(row, RowError):
            yield row
        else:
            yield from rows.read(*row)


class _Files:
    """Finds what a cell names: a path from the table, or only the end of one."""

    def __init__(self, archive: Archive, table: Table) -> None:
        self.folder = table.folder
        self.names = {_folded(name): name for name in archive.names}
        self.ends: dict[str, list[str]] = defaultdict(list)
        for name in self.names.values():
            self.ends[_folded(PurePosixPath(name).name)].append(name)

    def named(self, cell: str) -> tuple[str, ...]:
        """The files. A name without a file is returned as it is; reading it fails later."""
        whole = self._find(cell)
        return (whole,) if whole else tuple(self._find(part) or self._path(part) for part in parts_of(cell))

    def _find(self, cell: str) -> str | None:
        if "://" in cell:
            raise BadCell(
                "is a web address, and pictures are not downloaded: put the file next to the table and give its name"
            )
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
    """macOS decomposes accents in file names, and tables are written by hand."""
    return unicodedata.normalize("NFC", name).casefold()


class _Rows:
    def __init__(self, table: Table, columns: Columns, files: _Files, currency: str) -> None:
        self.table, self.columns, self.files, self.currency = table, columns, files, currency

    def read(self, line: int, cells: list[str]) -> list[Record | RowError]:
        """The product of a row, or everything that is wrong with it."""
        if problem := self._shape(cells):
            return [RowError(self.table.name, line, "bad_columns", problem)]
        row = _Row(self, line, [restored(cell.strip()) for cell in cells])
        record = row.record()
        return [*row.problems] if row.refused else [record, *row.problems]

    def _shape(self, cells: list[str]) -> str | None:
        names = self.columns.names
        if len(cells) != len(names):
            return f"{len(cells)} columns instead of {len(names)}"
        for number, (name, cell) in enumerate(zip(names, cells, strict=True), start=1):
            if not name and cell.strip():
                return f'column {number} has no name in the header, but contains "{cell.strip()[:SHOWN]}"'
        return None


class _Row:
    def __init__(self, rows: _Rows, line: int, cells: list[str]) -> None:
        self.rows, self.line, self.cells = rows, line, cells
        self.problems: list[RowError] = []
        self.refused = False

    def record(self) -> Record:
        sku, title = self._text("sku"), self._text("title")
        if not sku or len(sku) > SKU_LENGTH:
            self._refuse_row("bad_sku", f"{self._name('sku')} is empty or longer than {SKU_LENGTH} characters")
        if not title:
            self._refuse_row("no_title", f"{self._name('title')} is empty")
        images = self._value("image", self.rows.files.named) or ()
        if not self._text("image"):
            reason = f"{self._name('image')} is empty: product {sku} is imported without a picture"
            self._report("no_image", reason)
        category = self._value("category", category_of) or ()
        attributes = self._attributes()
        price, currency = self._value("price", price_of), self._value("currency", currency_of)
        labels = {"type": category[-1] if category else ""} | {
            name: attributes.get(name, "") for name in ("colour", "gender")
        }
        return Record(
            file=self.rows.table.name,
            line=self.line,
            sku=sku,
            title=self._short("title", TITLE_LENGTH),
            category=category or (UNSORTED,),
            image=images[0] if images else None,
            more_images=images[1:],
            alts=self._alts(len(images)),
            attributes=attributes,
            price=price.amount if price else None,
            compare_at_price=self._compare_at(price),
            currency=self._value("price", lambda _: currency_for(price, currency, self.rows.currency)) or currency,
            stock=self._stock(),
            published=self._value("published", published_of) is not False,
            description=self._short("description", DESCRIPTION_LENGTH),
            brand=self._short("brand", BRAND_LENGTH),
            gtin=self._gtin(),
            size=self._short("size", WORD_LENGTH),
            condition=self._short("condition", WORD_LENGTH),
            url=self._short("url", URL_LENGTH),
            labels={label: text for label, text in labels.items() if text},
            name=title,
        )

    def _attributes(self) -> dict[str, str]:
        cells = {name: present(self.cells[place]) for name, place in self.rows.columns.attributes.items()}
        cells |= {STYLE: self._text("group")} if self._text("group") else {}
        return {name: cell for name, cell in cells.items() if cell}

    def _compare_at(self, price: Price | None) -> Decimal | None:
        """The former price. A product that is not reduced is imported without one."""
        former = self._value("compare_at_price", price_of)
        if former is None or self.refused:
            return None
        if price is None or former.amount <= price.amount:
            reason = "is not above the price, so the product is imported without a former price"
            self._report("not_reduced", self._about("compare_at_price", reason))
            return None
        return former.amount

    def _gtin(self) -> str:
        """A product with a wrong GTIN is imported without it."""
        text = self._text("gtin")
        try:
            return gtin_of(text) if text else ""
        except BadCell as error:
            self._report("bad_gtin", self._about("gtin", f"{error}. The product is imported without it"))
            return ""

    def _stock(self) -> int | None:
        """The number in stock takes precedence over the availability."""
        stock, available = self._value("stock", stock_of), self._value("availability", available_of)
        return 0 if stock is None and available is False else stock

    def _alts(self, images: int) -> tuple[str, ...]:
        """One text for each picture, in the same order; a semicolon is part of a text."""
        text = self._text("alt")
        alts = tuple(alt.strip() for alt in text.split("|")) if images > 1 else (text,)
        if len(alts) > max(images, 1):
            self._bad("alt", f"has {len(alts)} texts for {images} pictures")
        if any(len(alt) > ALT_LENGTH for alt in alts):
            self._bad("alt", f"is longer than {ALT_LENGTH} characters")
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
        if place is None:
            return ""
        return self.cells[place] if field in AS_WRITTEN else present(self.cells[place])

    def _name(self, field: str) -> str:
        return self.rows.columns.names[self.rows.columns.fields[field]]

    def _bad(self, field: str, reason: str) -> None:
        self._refuse_row("bad_value", self._about(field, reason))

    def _about(self, field: str, reason: str) -> str:
        text = self._text(field)
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
        return f'{self._name(field)}: "{shown}" {reason}'

    def _refuse_row(self, code: str, reason: str) -> None:
        self.refused = True
        self._report(code, reason)

    def _report(self, code: str, reason: str) -> None:
        self.problems.append(RowError(self.rows.table.name, self.line, code, reason))
