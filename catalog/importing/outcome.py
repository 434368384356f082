"""What became of the rows of a catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ml.files.catalog.errors import RowError
from ml.files.catalog.records import Record

SHOWN_PROBLEMS = 10
MOST_WAITING = 10_000


@dataclass
class Outcome:
    """What became of the rows: created + changed + unchanged + refused + merged = rows.

    Attributes:
        merged: rows that only complete the products of others.
        changed: products that existed and got their first pictures.
        pictured: products that existed and had pictures.
        images, wanted: pictures added, and those that the rows of products without pictures name.
        problems: everything reported, also about rows that are imported.
        different: products that existed, and differ from their rows.
        assumed: new products whose price is in the currency of the shop because their rows name none.
        guessed: by currency, new products whose price has a sign that others share, and not that of the shop.
        first: the first problems; the memory holds no more of them.
        report: is called with each, in the order of the rows, at the end of each chunk of them.
    """

    report: Callable[[RowError], None] = lambda _: None
    rows: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    merged: int = 0
    pictured: int = 0
    images: int = 0
    wanted: int = 0
    problems: int = 0
    different: int = 0
    assumed: int = 0
    guessed: Counter[str] = field(default_factory=Counter)
    first: list[RowError] = field(default_factory=list)
    _waiting: list[RowError] = field(default_factory=list)

    @property
    def existing(self) -> int:
        return self.changed + self.unchanged

    @property
    def nothing_imported(self) -> bool:
        return self.created + self.existing == 0

    @property
    def no_picture(self) -> bool:
        """Whether not one of the pictures that the rows name can be used."""
        return bool(self.wanted) and not self.images and not self.pictured

    def create(self, record: Record) -> None:
        """Count a new product."""
        self.created += 1
        self.assumed += record.price_without_currency
        if record.currency_guessed and record.currency:
            self.guessed[record.currency] += 1

    def add(self, problem: RowError) -> None:
        self.problems += 1
        self._waiting.append(problem)
        if len(self._waiting) >= MOST_WAITING:
            self.tell()

    def tell(self) -> None:
        """Report what has been added. Pictures are read after the rows that follow them."""
        for problem in sorted(self._waiting, key=lambda each: each.line):
            if len(self.first) < SHOWN_PROBLEMS:
                self.first.append(problem)
            self.report(problem)
        self._waiting.clear()

    def __enter__(self) -> Outcome:
        return self

    def __exit__(self, *error: object) -> None:
        self.tell()

    def refuse(self, problem: RowError) -> None:
        self.refused += 1
        self.add(problem)
