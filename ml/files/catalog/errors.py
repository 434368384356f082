"""What can be wrong with a catalog file."""

from __future__ import annotations

from dataclasses import dataclass


class CatalogFileError(Exception):
    """The input as a whole cannot be used: one sentence that names the file and the remedy."""


class UnknownLayout(CatalogFileError):
    """There is nothing in the input that could be a catalog."""


class RowRejected(Exception):
    """One row or one picture cannot be used; the others can.

    Attributes:
        code: for programs.
        reason: for people.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True)
class RowError:
    """A line of the error report.

    Attributes:
        kept: the row is imported all the same, without what is wrong.
    """

    file: str
    line: int
    code: str
    reason: str
    kept: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason} [{self.code}]"


@dataclass(frozen=True)
class Merged(RowError):
    """No error: a row without a product of its own, which completes others, for instance with a picture."""

    code: str = "merged"
    reason: str = "completes the product of another row"
