from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from catalog.importing.archive import Archive
from catalog.importing.errors import RowError


@dataclass(frozen=True)
class Record:
    """One product as an input describes it."""

    file: str
    line: int
    sku: str
    title: str
    category: tuple[str, ...]
    image: str | None
    attributes: dict[str, str] = field(default_factory=dict)
    price: Decimal | None = None


class Layout(Protocol):
    name: str

    def recognises(self, archive: Archive) -> bool: ...

    def count(self, archive: Archive) -> int:
        """How many records there will be, about: for the progress bar."""
        ...

    def records(self, archive: Archive) -> Iterator[Record | RowError]:
        """
        Raises:
            ImportFailed: before the first record, when the input as a whole is unusable.
        """
        ...
