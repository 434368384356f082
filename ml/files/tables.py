"""CSV that is safe to open in a spreadsheet.

A spreadsheet runs a cell that begins with =, +, - or @ as a formula, and a product's title may come from anybody. Such
text is written with an apostrophe before it, which makes it plain text (OWASP, "CSV Injection"), and read without it
again. Text that begins with apostrophes before such a character gets one more, so every text comes back as it was.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import Any, TextIO

#: Also what spreadsheets skip before they look for one, and the wide forms that some of them take for it.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def neutralised(cell: Any) -> Any:
    """`cell`, with an apostrophe before it if it is text that a spreadsheet would run. Numbers stay numbers."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """What `neutralised` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


class Writer:
    """`csv.writer` for everything that people may open in a spreadsheet."""

    def __init__(self, stream: TextIO, lineterminator: str = "\r\n") -> None:
        self._writer = csv.writer(stream, lineterminator=lineterminator)

    def writerow(self, row: Iterable[Any]) -> None:
        self._writer.writerow([neutralised(cell) for cell in row])

    def writerows(self, rows: Iterable[Iterable[Any]]) -> None:
        for row in rows:
            self.writerow(row)
