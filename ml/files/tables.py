"""CSV that is safe to open in a spreadsheet.

Spreadsheets run a cell that begins with =, +, - or @ as a formula, and anybody may have written the title of a product.
Such text is written with an apostrophe in front of it, which makes it plain text (OWASP, "CSV Injection"), and read
without it. Text that has apostrophes before such a character gets one more, so every text is read as it was.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Any, TextIO

#: Also characters that spreadsheets skip before a formula, and the full-width forms that some of them accept.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def neutralised(cell: Any) -> Any:
    """`cell`, with an apostrophe in front of text that a spreadsheet would run. Numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """The text that `neutralised` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


class Writer:
    """`csv.writer` for tables that people may open in a spreadsheet."""

    def __init__(self, stream: TextIO, lineterminator: str = "\r\n") -> None:
        self._writer = csv.writer(stream, lineterminator=lineterminator)

    def writerow(self, row: Iterable[Any]) -> None:
        self._writer.writerow([neutralised(cell) for cell in row])

    def writerows(self, rows: Iterable[Iterable[Any]]) -> None:
        for row in rows:
            self.writerow(row)
