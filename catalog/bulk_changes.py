"""One change to many products: publish, price, stock, category, an attribute. Planned first, then stored as shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from catalog.models import Category, Product
from catalog.search import indexing
from common.money import decimals_of

#: What one change may write, in the order in which it is shown.
FIELDS = ("published", "category", "price", "compare_at_price", "stock", "attributes")
ENDINGS = (Decimal("0.00"), Decimal("0.50"), Decimal("0.90"), Decimal("0.95"), Decimal("0.99"))


class ChangedSince(Exception):
    """A product is no longer as it was when the change was planned."""


@dataclass(frozen=True)
class NewPrice:
    """
    Attributes:
        percent: added to the price: −20 makes 8.00 of 10.00. Products without a price keep none.
        amount: instead of a percentage, the price itself.
        ending: the fraction of the new price, rounded to the nearest one; only for currencies with cents.
        keep_former: show the price before a reduction struck through.
    """

    percent: Decimal | None = None
    amount: Decimal | None = None
    ending: Decimal | None = None
    keep_former: bool = False

    def of(self, product: Product) -> Decimal | None:
        if self.amount is not None:
            return self.amount
        if product.price is None or self.percent is None:
            return product.price
        places = Decimal(1).scaleb(-min(decimals_of(product.currency), 2))
        price = (product.price * (100 + self.percent) / 100).quantize(places, ROUND_HALF_UP)
        if self.ending is None or decimals_of(product.currency) == 0:
            return price
        whole = (price - self.ending).quantize(Decimal(1), ROUND_HALF_UP)
        return max(whole, Decimal(0)) + self.ending


@dataclass(frozen=True)
class Change:
    """What is None stays as it is.

    Attributes:
        attribute: its name, and its text. An empty text removes the attribute.
    """

    published: bool | None = None
    category: Category | None = None
    price: NewPrice | None = None
    stock: int | None = None
    attribute: tuple[str, str] | None = None

    def apply(self, product: Product) -> None:
        if self.published is not None:
            product.published = self.published
        if self.category is not None:
            product.category = self.category
        if self.stock is not None:
            product.stock = self.stock
        if self.price is not None:
            self._set_price(product, self.price)
        if self.attribute is not None:
            name, text = self.attribute
            product.attributes = {key: value for key, value in product.attributes.items() if key != name}
            if text:
                product.attributes[name] = text

    @staticmethod
    def _set_price(product: Product, wanted: NewPrice) -> None:
        before, former = product.price, product.compare_at_price
        price = product.price = wanted.of(product)
        if wanted.keep_former and before is not None and price is not None and price < before:
            former = max(former or before, before)
        # A former price that is not above the price would be no reduction.
        product.compare_at_price = former if former is not None and price is not None and former > price else None


@dataclass
class Planned:
    """One product with its new values, not yet stored.

    Attributes:
        differences: field → (value before, value after), only those that differ.
        refused: why the product cannot have these values; empty if it can.
    """

    product: Product
    differences: dict[str, tuple[Any, Any]]
    refused: str = ""


@dataclass
class Plan:
    changed: list[Planned] = field(default_factory=list)
    refused: list[Planned] = field(default_factory=list)
    unchanged: int = 0
    #: A hash of all that the plan was made from and makes.
    digest: str = ""


def plan(change: Change, products: Iterable[Product]) -> Plan:
    made, seen = Plan(), hashlib.sha256()
    for product in products:
        before = _values(product)
        change.apply(product)
        after = _values(product)
        differences = {name: (before[name], after[name]) for name in FIELDS if before[name] != after[name]}
        seen.update(repr((product.pk, differences)).encode())
        if not differences:
            made.unchanged += 1
            continue
        found = Planned(product, differences, _refusal(product, differences))
        (made.refused if found.refused else made.changed).append(found)
    made.digest = seen.hexdigest()
    return made


def store(change: Change, products: QuerySet[Product], digest: str) -> Plan:
    """Store what `plan` showed. Refused products stay as they are.

    Raises:
        ChangedSince: the plan would be another one now. Nothing is stored.
    """
    with transaction.atomic():
        locked = products.order_by("pk").select_related("category").select_for_update(of=("self",), no_key=True)
        made = plan(change, locked)
        if made.digest != digest:
            raise ChangedSince
        now = timezone.now()
        for each in made.changed:
            each.product.updated_at = now
        written = sorted({name for each in made.changed for name in each.differences})
        rows = [each.product for each in made.changed]
        if rows:
            Product.objects.bulk_update(rows, [*written, "updated_at"], batch_size=500)
        if {"category", "attributes"} & set(written):
            indexing.index([row.pk for row in rows])
    return made


def _values(product: Product) -> dict[str, Any]:
    return {name: getattr(product, name) for name in FIELDS}


def _refusal(product: Product, differences: dict[str, Any]) -> str:
    untouched = {each.name for each in Product._meta.fields} - differences.keys()
    try:
        product.clean_fields(exclude=untouched)
        product.clean()
    except ValidationError as error:
        return " ".join(error.messages)
    return ""
