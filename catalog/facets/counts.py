"""How many products each value of a facet would leave, under the other filters."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.db.models import F
from django.db.models.fields.json import KeyTransform

from catalog.facets.choice import IN_STOCK, LISTS, Choice
from catalog.facets.words import colour_label, texts
from catalog.querysets import ProductQuerySet

#: Products read for the counts of a facet. In a longer list a count is a lower bound: "40+". At 300,000 products the
#: counts of a category take 17 ms of processor time without filters, 33 ms with a colour and 50 ms with three filters,
#: on cores that others used too; 8,000 products take twice as long.
READ = 3000
#: Counts of lists that take longer to count are kept for a minute. Cards are never kept.
KEPT_ABOVE, SECONDS = 1500, 60
FACETS = (*LISTS, IN_STOCK, "price")
_COLUMNS = {
    "category": "category_id", "colour": "colour", "brand": "brand", "size": "size, sizes", IN_STOCK: "stocked",
    "price": "step",
}  # fmt: skip
_NOTHING = {name: "NULL, NULL" if "," in column else "NULL" for name, column in _COLUMNS.items()}
#: Prices are counted in steps of about an eighth: ln(price + 1) · 8. The logarithm of a float takes 1 ms for 3,000
#: prices, that of a decimal 13 ms.
_STEP = 8


@dataclass
class Counts:
    """
    Attributes:
        values: value → products. Categories by id, and without those below them.
        partial: whether there are more products than were read.
        lowest, highest: of the prices.
    """

    values: Counter[Any] = field(default_factory=Counter)
    partial: bool = False
    lowest: Decimal | None = None
    highest: Decimal | None = None


def counts(scope: ProductQuerySet, choice: Choice) -> dict[str, Counts]:
    """For each facet, the products under all other filters: one query, and one more for each facet that filters."""
    active = choice.active
    free = tuple(name for name in FACETS if name not in active)
    found = _counted(scope.filter(choice.conditions()), free) if free else {}
    for name in FACETS:
        if name in active:
            found |= _counted(scope.filter(choice.conditions(without=name)), (name,))
    return found


def _counted(products: ProductQuerySet, facets: tuple[str, ...]) -> dict[str, Counts]:
    chosen = products.order_by().annotate(
        facet_colour=KeyTransform("colour", "attributes"), facet_sizes=KeyTransform("sizes", "attributes")
    )
    read = chosen.values_list("category_id", "brand", "facet_colour", "size", "facet_sizes", F("price"), "stock")
    inner, parameters = read[: READ + 1].query.sql_with_params()
    sets = ", ".join(f"({_COLUMNS[name]})" for name in facets)
    places = ", ".join(_COLUMNS[name].split(",")[0] for name in facets)
    # Only what is grouped by may be selected.
    columns = ", ".join(_COLUMNS[name] if name in facets else _NOTHING[name] for name in FACETS)
    statement = (
        f"SELECT GROUPING({places}), {columns}, "  # noqa: S608 (of names)
        "count(*), min(price)::text, max(price)::text FROM ("
        f"SELECT *, stock > 0 AS stocked, floor(ln(price::float8 + 1) * {_STEP})::int AS step FROM ({inner}) "
        "AS few (category_id, brand, colour, size, sizes, price, stock)) AS read "
        f"GROUP BY GROUPING SETS ({sets})"
    )
    key = "catalog.facets." + sha256(repr((statement, parameters)).encode()).hexdigest()
    rows = cache.get(key)
    if rows is None:
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            rows = [list(row) for row in cursor.fetchall()]
        if _total(rows) > KEPT_ABOVE * len(facets):
            cache.set(key, rows, SECONDS)
    partial = _total(rows) > READ * len(facets)
    found = {name: Counts(partial=partial) for name in facets}
    for row in rows:
        _add(row, found, facets)
    return found


def _total(rows: list[list[Any]]) -> int:
    return sum(row[8] for row in rows)


def _add(row: list[Any], found: dict[str, Counts], facets: tuple[str, ...]) -> None:
    mask, category, colour, brand, size, sizes, stocked, step, count, lowest, highest = row
    name = next(name for place, name in enumerate(facets) if not mask >> (len(facets) - 1 - place) & 1)
    values: set[Any]
    if name == "category":
        values = {category}
    elif name == "colour":
        values = {colour_label(text) for text in texts(_json(colour))}
    elif name == "brand":
        values = {brand} - {""}
    elif name == "size":
        values = {size, *texts(_json(sizes))} - {""}
    elif name == IN_STOCK:
        values = {True} if stocked else set()
    else:
        values = set() if step is None else {step}
        if lowest is not None:
            here, low, high = found[name], Decimal(lowest), Decimal(highest)
            here.lowest = low if here.lowest is None else min(here.lowest, low)
            here.highest = high if here.highest is None else max(here.highest, high)
    for value in values:
        found[name].values[value] += count


def _json(value: Any) -> Any:
    """Django's cursors leave JSON as text."""
    return json.loads(value) if isinstance(value, str) else value
