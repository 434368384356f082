"""CSV and TSV as spreadsheets and databases write them: their encoding, and what separates their cells."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Any

from ml.files.catalog.columns import needed_in
from ml.files.catalog.errors import CatalogFileError, RowError
from ml.files.catalog.rows import Row, Table

SEPARATORS = (",", ";", "\t")
START = 2**16  # bytes within which the header must end
_UNCLOSED = "not readable as CSV: a quote in this row is never closed, so no row after it was read"
_PIECE = 2**20  # bytes decoded at a time


def read_text(name: str, data: bytes) -> Table:
    """A table from the bytes of its file. Rows are decoded one by one, so only the bytes stay in memory.

    Raises:
        CatalogFileError: it is not text in a known encoding, or its header cannot be read.
    """
    encoding, lines, warning = _encoding_of(name, data)
    separator, header = _header(name, data[:START].decode(encoding, errors="ignore"))

    def rows() -> Iterator[Row | RowError]:
        text = io.TextIOWrapper(io.BytesIO(data), encoding, newline="")
        found = _rows(csv.reader(text, delimiter=separator, strict=True), name)
        next(found)  # the header
        return found

    return Table(name, header, rows, lines, (warning,) if warning else ())


def header_of(name: str, start: bytes) -> list[str]:
    """The cells of the header, from the first `START` bytes of the file.

    Raises:
        CatalogFileError: these are not CSV.
    """
    encodings = ("utf-16",) if _is_utf_16(start) else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(start)
            break
        except UnicodeDecodeError:
            text = start.decode("latin-1")
    return _header(name, text)[1]


def _rows(reader: Any, name: str) -> Iterator[Row | RowError]:
    """What is left in `reader`, a `csv.reader`, without empty rows. Reading goes on after a row that is not CSV."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = _UNCLOSED if str(error) == "unexpected end of data" else f"not readable as CSV: {error}"
            yield RowError(name, line, "bad_csv", reason)
            continue
        text = "".join(cells)
        if "\0" in text:
            yield RowError(name, line, "bad_csv", "contains a NUL byte")
        elif text and not text.isspace():
            yield line, cells


def _encoding_of(name: str, data: bytes) -> tuple[str, int, str]:
    """Encoding, lines below the header (about: a quoted cell may have several), and a warning if it is a guess."""
    if _is_utf_16(data):
        try:
            return "utf-16", _lines(data, "utf-16"), ""
        except UnicodeDecodeError as error:
            raise CatalogFileError(f"{name} is not UTF-16: {error}. Save it as UTF-8 and try again.") from error
    try:
        return "utf-8-sig", _lines(data, "utf-8-sig"), ""
    except UnicodeDecodeError:
        pass
    for encoding, called in (("cp1252", "Windows-1252"), ("latin-1", "Latin-1")):
        try:
            lines = _lines(data, encoding)
        except UnicodeDecodeError:  # five bytes have no meaning in Windows-1252
            continue
        remedy = "If letters look wrong, save it as UTF-8."
        return encoding, lines, f"{name} is not UTF-8, so it is read as {called}. {remedy}"
    raise AssertionError("every byte is a letter in Latin-1")


def _is_utf_16(data: bytes) -> bool:
    return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def _lines(data: bytes, encoding: str) -> int:
    """
    Raises:
        UnicodeDecodeError
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    feeds = returns = 0
    for start in range(0, len(data) or 1, _PIECE):
        text = decoder.decode(data[start : start + _PIECE], final=start + _PIECE >= len(data))
        feeds, returns = feeds + text.count("\n"), returns + text.count("\r")
    return max(feeds, returns, 1) - 1


def _header(name: str, text: str) -> tuple[str, list[str]]:
    """The separator with which the first line that is not blank names the most known columns, and its cells."""
    found: dict[str, list[str]] = {}
    problem: csv.Error | None = None
    for separator in SEPARATORS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        try:
            found[separator] = next((cells for cells in reader if "".join(cells).strip()), [])
        except csv.Error as error:
            problem = problem or error
    if not found:
        raise CatalogFileError(f"The header of {name} is not readable as CSV: {problem}")
    separator = max(found, key=lambda each: (needed_in(found[each]), len(found[each])))
    if any("\0" in cell for cell in found[separator]):
        raise CatalogFileError(f"{name} is not a text file: its first line contains NUL bytes.")
    return separator, found[separator]
