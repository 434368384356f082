from __future__ import annotations

from dataclasses import dataclass


class ImportFailed(Exception):
    """The whole input is unusable. Nothing was written."""


class RowRejected(Exception):
    """One row or one picture is unusable; the rest goes on."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True)
class RowError:
    """A line of the error report."""

    file: str
    line: int
    code: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason} [{self.code}]"
