"""One product as a catalog file describes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml.files.catalog.archive import Archive
    from ml.files.catalog.errors import RowError

UNSORTED = "Other"  # the category of products without one
#: Characters that a product has room for; a test compares them with its model.
SKU_LENGTH, TITLE_LENGTH, BRAND_LENGTH, ALT_LENGTH, WORD_LENGTH, URL_LENGTH = 64, 255, 100, 255, 50, 2000
DESCRIPTION_LENGTH = 20_000
ATTRIBUTE_LENGTH = 1000


@dataclass(frozen=True)
class Record:
    """One product.

    Attributes:
        file, line: where it is described.
        title: made up if the input has none.
        category: names from the top down, at least one.
        image: name of a file in the archive, which may be missing; None if the input names none.
        more_images: those after the first.
        alts: alternative texts of the first pictures, in the same order.
        labels: "type", "colour" and "gender" in the words of the input, for training.
        name: the title in the input; "" if `title` is made up.
        currency: None for the currency of the shop.
        currency_guessed: whether it is the usual one of a sign that several currencies share.
        stock: None if unknown.
    """

    file: str
    line: int
    sku: str
    title: str
    category: tuple[str, ...]
    image: str | None
    attributes: dict[str, Any] = field(default_factory=dict)
    price: Decimal | None = None
    compare_at_price: Decimal | None = None
    currency: str | None = None
    currency_guessed: bool = False
    stock: int | None = None
    published: bool = True
    description: str = ""
    brand: str = ""
    gtin: str = ""
    size: str = ""
    condition: str = ""
    url: str = ""
    more_images: tuple[str, ...] = ()
    alts: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = ""

    @property
    def pictures(self) -> list[tuple[str, str]]:
        """File name and alternative text of each."""
        images = (self.image, *self.more_images) if self.image is not None else ()
        return list(zip_longest(images, self.alts[: len(images)], fillvalue=""))

    @property
    def price_without_currency(self) -> bool:
        return self.price is not None and self.currency is None


@dataclass(frozen=True)
class Catalog:
    """An opened catalog file.

    Attributes:
        layout: "table", "kaggle" or "folder".
        source: name of the table, or of the folder of classes.
        count: records, about: for a progress bar.
        records: reads the rows one by one: each is a record, or what is wrong with it.
        dialect: what separates the cells of the table, and its encoding; empty without a table of text.
        warnings: sentences about how the file is read, such as a guessed encoding.
        notes: sentences about what is done with its columns and with other files.
    """

    layout: str
    archive: Archive
    source: str
    count: int
    records: Callable[[], Iterator[Record | RowError]]
    dialect: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
