from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from django.core.exceptions import ValidationError

from catalog.attributes import validate_attributes
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
    attributes: dict[str, Any] = field(default_factory=dict)
    price: Decimal | None = None


def problem_of(record: Record) -> RowError | None:
    """Why the catalog does not take this record, if so."""
    texts = [record.sku, record.title, *record.category]
    if any("\0" in text or not _encodes(text) for text in [*texts, record.image or ""]):
        return RowError(
            repr(record.file)[1:-1], record.line, "bad_text", "holds a NUL byte or text that is not Unicode"
        )
    if max(map(len, record.category)) > 100 or len("/".join(record.category)) > 200:
        return RowError(record.file, record.line, "bad_category", "the category's name is too long")
    try:
        validate_attributes(record.attributes)
    except ValidationError as error:
        return RowError(record.file, record.line, "bad_attributes", f"attributes: {error.messages[0]}")
    return None


def _encodes(text: str) -> bool:
    """File names that are not UTF-8 reach Python as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
