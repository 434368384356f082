"""What openpyxl leaves out when it reads a sheet row by row: merged cells, and formulas without a value."""

from __future__ import annotations

import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from openpyxl.utils import column_index_from_string

_PIECE, _LONGEST = 2**20, 2**14  # bytes; a formula has at most 8,192 characters
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3})([0-9]{1,7}):[A-Z]{1,3}([0-9]{1,7})"')
_UNSAVED = re.compile(
    rb'<(?:\w+:)?c\s[^>]*?\br="([A-Z]{1,3}[0-9]{1,7})"[^>]*>\s*<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)'
    rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
MOST_MERGED = 100_000  # ranges; others are read as they are


@dataclass
class Merged:
    """First row of merged ranges, to their first column (from 0) and last row."""

    ranges: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def filled(self, rows: Iterable[list[str]]) -> Iterator[list[str]]:
        """Rows in which a cell merged with the one above has its text. The other columns of a range stay empty."""
        above: dict[int, tuple[int, str]] = {}
        for line, cells in enumerate(rows, start=1):
            if cells:
                for column, (last, text) in list(above.items()):
                    if line > last:
                        del above[column]
                        continue
                    cells += [""] * (column + 1 - len(cells))
                    cells[column] = cells[column] or text
                for column, last in self.ranges.get(line, ()):
                    if column < len(cells):
                        above[column] = last, cells[column]
            yield cells


@dataclass
class Found:
    merged: Merged = field(default_factory=Merged)
    unsaved: set[str] = field(default_factory=set)

    def warning(self, name: str) -> str:
        cells = sorted(self.unsaved, key=lambda cell: (len(cell), cell))
        shown = ", ".join(cells[:3]) + ", …" * (len(cells) > 3)
        return (
            f"Formulas of {name} that were saved without a value count as empty: {shown}. "
            "Open it in a spreadsheet program and save it again."
        )


def survey(workbook: bytes, part: str) -> Found:
    """Reads a sheet as a stream. What cannot be read is reported where its rows are read."""
    found = Found()
    try:
        with zipfile.ZipFile(io.BytesIO(workbook)) as archive, archive.open(part) as stream:
            rest = b""
            while piece := stream.read(_PIECE):
                text = rest + piece
                if b"f" in text:
                    found.unsaved.update(match[1].decode() for match in _UNSAVED.finditer(text))
                for match in _MERGED.finditer(text):
                    _add(found.merged, match)
                rest = text[-_LONGEST:]
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, ValueError):
        pass
    return found


def _add(merged: Merged, match: re.Match[bytes]) -> None:
    column, first, last = column_index_from_string(match[1].decode()) - 1, int(match[2]), int(match[3])
    if last > first and len(merged.ranges) < MOST_MERGED and (column, last) not in merged.ranges[first]:
        merged.ranges[first].append((column, last))
