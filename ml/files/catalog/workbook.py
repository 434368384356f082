"""XLSX workbooks as tables, with numbers as people read them and limits on what is unpacked."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import islice
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from defusedxml.common import DefusedXmlException
from openpyxl.utils.exceptions import InvalidFileException

from ml.files.catalog.cells import SIGN
from ml.files.catalog.errors import CatalogFileError, RowError
from ml.files.catalog.header.columns import AMOUNTS, MOST_ABOVE, clean, header_place, key_of, needed_in
from ml.files.catalog.rows import Row, Table
from ml.files.number_formats import number_format
from ml.files.sheet_xml import survey

MOST_BYTES = 50 * 2**20  # of the file
MOST_UNPACKED = 250 * 2**20  # of its parts together; 44,000 products with long texts take 40 MB
MOST_PARTS = 1000
MOST_RATIO = 200  # a sheet of repeated short texts packs 40 to 1
MOST_COLUMNS = 250
MOST_ROWS = 2**20  # of a sheet in Excel
MOST_TEXTS = 2**20  # that cells share; openpyxl keeps them all in memory
MOST_TEXT_BYTES = 64 * 2**20  # of these texts together
MOST_TREE = 4 * 2**20  # of a part that openpyxl reads as one tree, such as the styles; it takes 20 times as much
MOST_ROW = 2**20  # of the XML of one row or text, which is a tree too
_PIECE = 2**18
#: Next to a number: a sign or code that is known, or one that the row is refused for.
_CURRENCY = re.compile(rf"^(?:{SIGN})$|^[A-Z]{{3}}$|[$\u00a2-\u00a5\u20a0-\u20cf]")

#: Parts that are read row by row, or not at all. All others are read as one tree.
_LARGE = re.compile(r"xl/(worksheets/[^/]+\.xml|sharedStrings\.xml|media/.+)")
_ROW = re.compile(rb"[</:](row|si)[\s/>]")
_BEGINNING = re.compile(rb"<(?:\w+:)?(row|si)[\s/>]")

_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError, TypeError, AttributeError, IndexError,
    NotImplementedError, RuntimeError, ParseError, DefusedXmlException, InvalidFileException,
)  # fmt: skip


def read_workbook(name: str, data: bytes) -> Table:
    """The first sheet with the header of a catalog, or else the first one that is not empty.

    Formulas count as the values that they had when the file was saved. Rows are read one by one.

    Raises:
        CatalogFileError: it is not a workbook, is damaged, or unpacks to too much.
    """
    _check_sizes(name, data)
    try:
        _check_rows(name, data)
        workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        headers = {sheet.title: _header(sheet) for sheet in workbook.worksheets}
    except _DAMAGED as error:
        raise CatalogFileError(f"{name} cannot be read as an XLSX workbook: {_reason(error)}.") from error
    filled = [title for title, (_, header, _) in headers.items() if header]
    if not filled:
        raise CatalogFileError(f"{name} has no sheet with a header.")
    chosen = max(filled, key=lambda title: needed_in(headers[title][1]))  # the first of equals
    first, header, above = headers[chosen]
    if len(header) > MOST_COLUMNS:
        raise CatalogFileError(f"Sheet {chosen} of {name} has more than {MOST_COLUMNS} columns.")
    sheet = workbook[chosen]
    others = [title for title in filled if title != chosen]
    notes = (f"Sheets of {name} that are not read: {', '.join(others)}. Only {chosen} is.",) if others else ()
    skipped = (f"Rows above the header of {name} that are not read: {above}.",) if above else ()
    amounts = frozenset(place for place, name in enumerate(clean(header)) if key_of(name) in AMOUNTS)
    found = survey(data, sheet._worksheet_path)

    def rows() -> Iterator[Row | RowError]:
        line = first
        try:
            for line, cells in enumerate(found.merged.filled(_cells(sheet, amounts)), start=1):
                if line > first and cells:
                    yield line, cells + [""] * (len(header) - len(cells))
        except _DAMAGED as error:
            yield RowError(name, line + 1, "bad_sheet", f"the rest of sheet {chosen} is damaged: {_reason(error)}")

    warnings = (found.warning(name),) if found.unsaved else ()
    dialect = f"sheet {chosen}"
    return Table(name, header, rows, max((sheet.max_row or 0) - first, 0), dialect, warnings, (*notes, *skipped))


def _check_sizes(name: str, data: bytes) -> None:
    """Before anything is unpacked: zipfile never unpacks more of a part than its directory states."""
    if len(data) > MOST_BYTES:
        raise CatalogFileError(f"{name} is larger than {MOST_BYTES / 2**20:g} MB. Save it as CSV.")
    try:
        parts = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise CatalogFileError(f"{name} is not an XLSX workbook: {error}. Save it as XLSX or CSV.") from error
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MOST_PARTS or unpacked > MOST_UNPACKED or unpacked > MOST_RATIO * max(len(data), 2**14):
        raise CatalogFileError(
            f"{name} unpacks to {unpacked / 2**20:,.0f} MB in {len(parts):,} parts, more than a catalog needs. "
            "Save it as CSV."
        )
    for part in parts:
        if part.file_size > MOST_TREE and not _LARGE.fullmatch(part.filename):
            raise CatalogFileError(
                f"{part.filename} of {name} unpacks to {part.file_size / 2**20:,.0f} MB, more than a catalog needs. "
                "Save it as CSV."
            )


def _check_rows(name: str, data: bytes) -> None:
    """Rows and texts leave the memory at their ends, so none may be too long. Something of each stays, so all count."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for part in archive.infolist():
            if not _LARGE.fullmatch(part.filename) or part.filename.startswith("xl/media/"):
                continue
            is_texts = part.filename == "xl/sharedStrings.xml"
            most, what = (MOST_TEXTS, "texts") if is_texts else (MOST_ROWS, "rows")
            if is_texts and part.file_size > MOST_TEXT_BYTES:
                raise CatalogFileError(f"{name} has more than {MOST_TEXT_BYTES / 2**20:g} MB of texts. Save it as CSV.")
            with archive.open(part) as stream:
                length = count = 0
                while piece := stream.read(_PIECE):
                    length = 0 if _ROW.search(piece) else length + len(piece)
                    count += sum(1 for _ in _BEGINNING.finditer(piece))
                    if length > MOST_ROW:
                        limit = f"{MOST_ROW / 2**20:g} MB"
                        raise CatalogFileError(f"{part.filename} of {name} has a row above {limit}. Save it as CSV.")
                    if count > most:
                        raise CatalogFileError(f"{part.filename} of {name} has more than {most:,} {what}.")


def _reason(error: BaseException) -> str:
    """One line; openpyxl wraps what it cannot read in three lines about itself."""
    error = error.__cause__ or error
    if isinstance(error, DefusedXmlException):
        return "it declares XML entities, which no spreadsheet program writes"
    return (str(error) or type(error).__name__).splitlines()[0].removesuffix(".")


def _header(sheet: Any) -> tuple[int, list[str], int]:
    """Number and cells of the row that is the header, and how many rows above it are not empty: none, as a rule."""
    filled = ((line, cells) for line, cells in enumerate(_cells(sheet), start=1) if cells)
    rows = list(islice(filled, MOST_ABOVE + 1))
    place = header_place([cells for _, cells in rows])
    return (*rows[place], place) if rows else (0, [], 0)


def _cells(sheet: Any, amounts: frozenset[int] = frozenset()) -> Iterator[list[str]]:
    """Each row without the empty cells at its end. The dimensions that the file states are not trusted.

    Args:
        amounts: indexes of the columns in which a number has the currency of its format.
    """
    for cells in sheet.iter_rows(max_row=MOST_ROWS, max_col=MOST_COLUMNS + 1):
        end = len(cells)
        while end and (cells[end - 1].value is None or not str(cells[end - 1].value).strip()):
            end -= 1
        yield [_text(cell, column in amounts) for column, cell in enumerate(cells[:end])]


def _text(cell: Any, is_amount: bool) -> str:
    """A cell as a table of text has it: 12.0 is 12, a date 2026-11-26, a truth value yes or no."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        form = number_format(cell.number_format or "General")
        text = form.text(value) or _plain(value)
        return f"{text} {form.sign}" if is_amount and _CURRENCY.search(form.sign) else text
    if isinstance(value, datetime):
        midnight = value.time() == time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="seconds")
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _plain(value: int | float) -> str:
    if isinstance(value, int):
        return str(value)
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else format(value, ".15g")
