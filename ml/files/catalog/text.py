"""CSV and TSV as spreadsheets, databases and people write them. Damage costs the row that it is in, and no other."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import IO, TextIO

from ml.files.catalog.errors import CatalogFileError, RowError, RowRejected
from ml.files.catalog.header.columns import MOST_ABOVE, clean, header_place, key_of, needed_in
from ml.files.catalog.rows import Row, Table
from ml.files.encodings import NAMES, encoding_of, wide_codec
from ml.files.pictures import EXTENSIONS, OTHER_EXTENSIONS

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
START = 2**16  # bytes within which the header must end
MOST_LINE = 2**20  # characters, far more than the cells of a product may have together
#: Of a row in quotes: twice what a product's description may have. What is longer is a quote that is never closed.
MOST_LINES, MOST_ROW = 1000, 2**16
_SURROGATE = re.compile("[\udc80-\udcff]")  # a byte without a meaning, as Python's "surrogateescape" keeps it
#: Excel's own first line; a spreadsheet that saves it again fills it up with separators.
_SEPARATOR = re.compile(r'\ufeff*"?sep=(.)"?\1*[ \t]*(\r?\n|\r|$)', re.I)
_PICTURES = frozenset((*EXTENSIONS, *OTHER_EXTENSIONS))
_QUOTED = re.compile('"([^"]*)"')
_UNCLOSED = "a quote in this row is never closed"


def read_text(name: str, opened: Callable[[], IO[bytes]]) -> Table:
    """A table from its file, which is read three times, row by row: only the current row is in memory.

    Args:
        opened: opens the file.

    Raises:
        CatalogFileError: it is not text in a known encoding, or its header cannot be read.
        RowRejected: the file cannot be read.
    """
    try:
        with opened() as stream:
            encoding = encoding_of(name, stream)
    except UnicodeDecodeError as error:
        called = NAMES.get(error.encoding, error.encoding.upper())
        raise CatalogFileError(f"{name} is not {called}: {error}. Save it as UTF-8 and try again.") from error
    with opened() as stream:
        separator, header, above = _header(name, stream.read(START).decode(encoding.codec, errors="ignore"))

    def rows() -> Iterator[Row | RowError]:
        try:
            stream = opened()
        except RowRejected as error:
            yield RowError(name, 1, "bad_csv", error.reason)
            return
        with io.TextIOWrapper(stream, encoding.codec, "surrogateescape", newline="") as text:
            found = _rows(name, _Lines(text), separator, header)
            for _ in range(above + 1):
                next(found)  # the header
            yield from found

    dialect = f"{SEPARATORS.get(separator, repr(separator))}, {encoding.name}"
    warnings = (encoding.warning,) if encoding.warning else ()
    notes = (f"Rows above the header of {name} that are not read: {above}.",) if above else ()
    return Table(name, header, rows, max(encoding.lines - above, 0), dialect, warnings, notes)


def header_of(name: str, start: bytes) -> list[str]:
    """The cells of the header, from the first `START` bytes of the file.

    Raises:
        CatalogFileError: these are not CSV.
    """
    codec = wide_codec(start)
    try:
        text = start.decode(codec or "utf-8-sig", errors="ignore" if codec else "strict")
    except UnicodeDecodeError as error:
        whole = error.start > len(start) - 4  # the last letter is cut off
        text = (
            start[: error.start].decode("utf-8-sig")
            if whole
            else start.decode(encoding_of(name, io.BytesIO(start)).codec, errors="replace")
        )
    return _header(name, text)[1]


class _Lines:
    """Lines of a file, some of which may be given back.

    Attributes:
        taken: lines read since it was last emptied.
        number: of the last line read, from 1.
    """

    def __init__(self, text: TextIO) -> None:
        self.taken: list[str] = []
        self.number = 0
        self._text, self._back, self._too_long, self._length = text, deque[str](), set[int](), 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._text.readline(MOST_LINE)
        if not line:
            raise StopIteration
        self.number += 1
        self.taken.append(line)
        self._length = len(line) + (self._length if len(self.taken) > 1 else 0)
        if len(self.taken) > MOST_LINES or (len(self.taken) > 1 and self._length > MOST_ROW):
            raise csv.Error("unexpected end of data")
        if len(line) >= MOST_LINE and line[-1] not in "\r\n":
            if self.number not in self._too_long:
                self._too_long.add(self.number)
                while (rest := self._text.readline(MOST_LINE)) and rest[-1] not in "\r\n":
                    pass
            raise csv.Error(f"it is longer than {MOST_LINE:,} characters")
        return line

    def give_back(self) -> None:
        """All lines taken but the first."""
        self._back.extendleft(reversed(self.taken[1:]))
        self.number -= len(self.taken) - 1


def _rows(name: str, lines: _Lines, separator: str, header: list[str]) -> Iterator[Row | RowError]:
    """The header and what is below it, without empty rows.

    A cell in quotes may have several lines. A quote that is never closed would swallow the rows below it, up to the
    next quote: then only the first line is refused, and reading goes on with the second. If a picture preceded the
    quote, the lines below may belong to the quoted cell until one has a picture too, so they are refused as well.
    """
    reader = csv.reader(lines, delimiter=separator, strict=True)
    width, likeness = len(header), _Likeness(header)
    is_first = True
    doubted: int | None = None
    while True:
        lines.taken.clear()
        line = lines.number + 1
        problem, repaired = "", False
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            several = len(lines.taken) > 1 or str(error) == "unexpected end of data"
            cells, problem = [], _UNCLOSED if several else str(error)
            if "expected after" in problem and len(literal := _literal(lines.taken[0], separator)) == width:
                cells, problem, repaired = literal, "", True
        except RowRejected as error:
            yield RowError(name, line, "bad_csv", f"the rest of the file cannot be read: {error.reason}")
            return
        if is_first and not problem and _SEPARATOR.fullmatch("".join(lines.taken)):
            continue
        first = lines.taken[0] if lines.taken else ""
        is_several = len(lines.taken) > 1 and not is_first
        if is_several and (problem or _swallows(lines.taken[-1], cells, separator, likeness)):
            problem = problem or _UNCLOSED
            lines.give_back()
        text = "".join(cells)
        if doubted and ((text and not text.isspace()) or problem):
            if likeness.has_picture(cells or first.rstrip("\r\n").split(separator)):
                doubted = None
            else:
                yield RowError(name, line, "bad_csv", f"may belong to the quoted cell of line {doubted}")
                continue
        if problem:
            yield RowError(name, line, "bad_csv", f"not readable as CSV: {problem}")
            if likeness.has_picture(first.partition('"')[0].split(separator)[:-1]):
                doubted = line
        elif "\0" in text:
            yield RowError(name, line, "bad_csv", "contains a NUL byte")
        elif not text.isascii() and _SURROGATE.search(text):
            yield RowError(name, line, "bad_text", "contains bytes that are not UTF-8")
        elif text and not text.isspace():
            is_first = False
            if repaired and '"' in cells[-1] and likeness.has_picture(cells[:-1]):
                doubted = line  # a text of several lines may begin in its last cell
            yield line, cells


def _literal(line: str, separator: str) -> list[str]:
    """Cells of a line that quotes only a word of a cell, as people write them: `AB-1,"Nike" shorts,12`."""
    cells = [cell.strip() for cell in line.split(separator)]
    return [match[1] if (match := _QUOTED.fullmatch(cell)) else cell for cell in cells]


class _Likeness:
    """Whether two rows describe products, by the columns that are easy to tell from text: picture and SKU."""

    def __init__(self, header: list[str]) -> None:
        fields = [key_of(each) for each in clean(header)]
        self.width = len(fields)
        self._sku, self._image = (fields.index(field) if field in fields else None for field in ("sku", "image"))

    def has_picture(self, row: list[str]) -> bool:
        return self._image is not None and self._image < len(row) and _is_picture(row[self._image])

    def between(self, row: list[str], other: list[str]) -> bool:
        """
        Args:
            row: its first cells, as far as they are certain.
            other: cells that may be a row.
        """
        if self.has_picture(row):
            return self.has_picture(other)
        if self._sku is not None and self._sku < len(row):
            return self._sku < len(other) and _letters(row[self._sku]) == _letters(other[self._sku])
        return len(other) == self.width


def _is_picture(cell: str) -> bool:
    return PurePosixPath(cell.strip(' "').lower()).suffix in _PICTURES


def _letters(cell: str) -> tuple[bool, bool]:
    """Whether it has letters and digits: `qa12` has both, the size `XL` only letters."""
    return any(map(str.isalpha, cell)), any(map(str.isdigit, cell))


def _swallows(last: str, cells: list[str], separator: str, likeness: _Likeness) -> bool:
    """Whether a row of several lines is rather a quote that was not closed and the rows below.

    So it is if the row has the wrong number of cells, or if its last line resembles a row: a quote after an inch, such
    as `qa8,Women,…,12"`, then closed the cell. A table in a quoted text does not resemble the row that it is in.
    """
    width = likeness.width
    if len(cells) < width or any(cell.strip() for cell in cells[width:]):
        return True
    literal = last.rstrip("\r\n").split(separator)
    start = last.partition('"')[0]
    is_row = len(literal) == width and bool(literal[0].strip()) and start.count(separator) >= width - 1
    is_row = is_row and f"{separator} " not in start
    quoted = max((place for place, cell in enumerate(cells) if "\n" in cell or "\r" in cell), default=width)
    return is_row and likeness.between(cells[:quoted], literal)


def _header(name: str, text: str) -> tuple[str, list[str], int]:
    """The separator with which the header names the most known columns, its cells, and how many rows are above it."""
    found: dict[str, list[list[str]]] = {}
    problem: csv.Error | None = None
    separators = list(SEPARATORS)
    if named := _SEPARATOR.match(text):
        separators, text = [named[1]], text[named.end() :]
    for separator in separators:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        try:
            for cells in reader:
                if "".join(cells).strip():
                    found.setdefault(separator, []).append(cells)
                if len(found.get(separator, ())) > MOST_ABOVE:
                    break
        except csv.Error as error:
            if separator in found:
                continue  # below the first line
            problem = problem or error
            first = next((line for line in text.splitlines() if line.strip()), "")
            if needed_in(cells := _literal(first, separator)) > 1:
                found[separator] = [cells]
    if problem and not found:
        raise CatalogFileError(f"The header of {name} is not readable as CSV: {problem}")
    places = {each: header_place(rows) for each, rows in found.items()}
    headers = {each: rows[places[each]] for each, rows in found.items()}
    separator = max(headers, key=lambda each: (needed_in(headers[each]), len(headers[each])), default=separators[0])
    header = headers.get(separator, [])
    if any("\0" in cell for cell in header):
        raise CatalogFileError(f"{name} is not a text file: its first line contains NUL bytes.")
    return separator, header, places.get(separator, 0)
