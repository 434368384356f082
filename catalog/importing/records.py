from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from itertools import chain, zip_longest
from typing import Any, Protocol

from django.core.exceptions import ValidationError

from catalog.attributes import validate_attributes
from catalog.importing.archive import Archive
from catalog.importing.errors import RowError
from catalog.models import Category

MOST_LEVELS = 20  # of categories; the path of a tree's row has room for 63
ADDRESS_LENGTH = 255


@dataclass(frozen=True)
class Record:
    """One product as an input describes it.

    Attributes:
        currency: None for the shop's.
        stock: None where the input says nothing about it.
        more_images: those after the first.
        alts: alternative texts of the first pictures, in their order.
    """

    file: str
    line: int
    sku: str
    title: str
    category: tuple[str, ...]
    image: str | None
    attributes: dict[str, Any] = field(default_factory=dict)
    price: Decimal | None = None
    currency: str | None = None
    stock: int | None = None
    published: bool = True
    description: str = ""
    brand: str = ""
    more_images: tuple[str, ...] = ()
    alts: tuple[str, ...] = ()

    @property
    def pictures(self) -> list[tuple[str, str]]:
        """Name and alternative text of each."""
        images = (self.image, *self.more_images) if self.image is not None else ()
        return list(zip_longest(images, self.alts[: len(images)], fillvalue=""))


def problem_of(record: Record) -> RowError | None:
    """Why the catalog does not take this record, if so."""
    texts = [record.sku, record.title, *record.category, record.description, record.brand]
    if any("\0" in text or not _encodes(text) for text in [*texts, *chain(*record.pictures)]):
        return RowError(
            repr(record.file)[1:-1], record.line, "bad_text", "holds a NUL byte or text that is not Unicode"
        )
    if max(map(len, record.category)) > 100 or len("/".join(record.category)) > 200:
        return RowError(record.file, record.line, "bad_category", "the category's name is too long")
    if len(record.category) > MOST_LEVELS or _address_length(record.category) > ADDRESS_LENGTH:
        return RowError(record.file, record.line, "bad_category", "the category is too deep")
    try:
        validate_attributes(record.attributes)
    except ValidationError as error:
        return RowError(record.file, record.line, "bad_attributes", f"attributes: {error.messages[0]}")
    return None


@lru_cache
def _address_length(names: tuple[str, ...]) -> int:
    return len("/".join(Category(name=name).address_below(None) for name in names))


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

    def notes(self, archive: Archive) -> list[str]:
        """What to say before the import of how the input is read, a sentence each.

        Raises:
            ImportFailed
        """
        ...

    def records(self, archive: Archive) -> Iterator[Record | RowError]:
        """
        Raises:
            ImportFailed: before the first record, when the input as a whole is unusable.
        """
        ...
