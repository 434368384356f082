"""Products that the shop has already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from catalog.models import Product
from ml.files.catalog.records import Record

#: Of a record and its product. What a row leaves empty is no difference.
_FIELDS = (
    "title", "description", "brand", "price", "compare_at_price", "currency", "stock", "condition", "size", "gtin",
    "url",
)  # fmt: skip


@dataclass(frozen=True)
class Stored:
    """
    Attributes:
        images: their number.
        values: of `_FIELDS`, and the attributes.
    """

    pk: int
    images: int
    values: dict[str, Any]

    def differs_from(self, record: Record) -> bool:
        """Whether the row says something else than the shop has."""
        stated = {name: value for name in _FIELDS if (value := getattr(record, name)) not in (None, "")}
        if not record.name and record.title:  # made up
            stated.pop("title", None)
        mine = self.values["attributes"]
        return any(self.values[name] != value for name, value in stated.items()) or any(
            str(mine.get(name, "")) != str(value) for name, value in record.attributes.items()
        )


def stored(records: Iterable[Record]) -> dict[str, Stored]:
    """By SKU, those of the records that are products."""
    rows = Product.objects.filter(sku__in=[record.sku for record in records]).annotate(image_count=Count("images"))
    names = ("attributes", *_FIELDS)
    return {
        sku: Stored(pk, images, dict(zip(names, values, strict=True)))
        for sku, pk, images, *values in rows.values_list("sku", "pk", "image_count", *names)
    }
