"""Tables as spreadsheets and databases write them: where they lie, how they are encoded, what separates their cells."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from catalog.importing.archive import TABLE_MAX_BYTES, Archive
from catalog.importing.errors import ImportFailed, RowError, RowRejected
from catalog.importing.table_columns import needed_in

EXTENSIONS = (".csv", ".tsv")
SEPARATORS = (",", ";", "\t")
UNCLOSED = "not readable as CSV: a quote in this row is never closed, so no row after it was read"
HEADER_LENGTH = 2**16  # characters in which the first line must end


@dataclass(frozen=True)
class TextTable:
    """A table's text before anybody knows what its columns mean.

    Attributes:
        header: the cells of its first line that is not blank.
        warning: what to tell about its encoding, if anything.
    """

    name: str
    text: str
    separator: str
    header: list[str]
    warning: str = ""

    @property
    def folder(self) -> PurePosixPath:
        return PurePosixPath(self.name).parent

    @property
    def lines(self) -> int:
        """Lines below the header, about: a quoted cell may hold several."""
        return max(self.text.count("\n"), self.text.count("\r"), 1) - 1

    def rows(self) -> Iterator[tuple[int, list[str]] | RowError]:
        """Line number and cells of each row below the header; blank lines are left out."""
        found = rows(csv.reader(io.StringIO(self.text, newline=""), delimiter=self.separator, strict=True), self.name)
        next(found)
        return found


def rows(reader: Any, name: str) -> Iterator[tuple[int, list[str]] | RowError]:
    """What `reader`, a `csv.reader`, has left: line number and cells of each row that is not blank.

    A row that is not CSV is a RowError, and reading goes on behind it.
    """
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = UNCLOSED if str(error) == "unexpected end of data" else f"not readable as CSV: {error}"
            yield RowError(name, line, "bad_csv", reason)
            continue
        if any("\0" in cell for cell in cells):
            yield RowError(name, line, "bad_csv", "holds a NUL byte")
        elif cells:
            yield line, cells


def visible(archive: Archive) -> list[str]:
    """Files in it, without those that macOS and other systems put beside them."""
    return [
        name
        for name in archive.names()
        if not any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)
    ]


def tables_at_top(archive: Archive) -> list[str]:
    """Names of tables at the top, or in the one folder that holds everything, as in many zips."""
    names = visible(archive)
    folders = {name.partition("/")[0] if "/" in name else "" for name in names}
    top = PurePosixPath(folders.pop() if len(folders) == 1 else "")
    paths = (PurePosixPath(name) for name in names)
    return [str(path) for path in paths if path.parent == top and path.suffix.lower() in EXTENSIONS]


def read_table(archive: Archive, name: str) -> TextTable:
    """
    Raises:
        ImportFailed: it cannot be read or is not text in an encoding known here.
    """
    try:
        text, warning = _decoded(archive.read(name, TABLE_MAX_BYTES), name)
    except RowRejected as error:
        raise ImportFailed(error.reason) from error
    headers = {separator: _header(text, separator) for separator in SEPARATORS}
    separator = max(SEPARATORS, key=lambda each: (needed_in(headers[each]), len(headers[each])))
    return TextTable(name, text, separator, headers[separator], warning)


def _decoded(data: bytes, name: str) -> tuple[str, str]:
    """The text, and a warning where its encoding was only guessed."""
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return data.decode(encoding), ""
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            raise ImportFailed(f"{name} is not UTF-16: {error}. Save it as UTF-8 and try again.") from error
    try:
        text, guess = data.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:  # five bytes have no meaning there
        text, guess = data.decode("latin-1"), "Latin-1"
    return text, f"{name} is not UTF-8 and was read as {guess}. If letters look wrong, save it as UTF-8."


def _header(text: str, separator: str) -> list[str]:
    """Empty where the first lines are not CSV with this separator."""
    reader = csv.reader(io.StringIO(text[:HEADER_LENGTH], newline=""), delimiter=separator, strict=True)
    try:
        return next((cells for cells in reader if cells), [])
    except csv.Error:
        return []
