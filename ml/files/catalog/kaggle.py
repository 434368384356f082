"""The layout of Kaggle's "Fashion Product Images": `styles.csv` next to `images/<id>.jpg`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from ml.files.catalog.errors import CatalogFileError
from ml.files.catalog.header.columns import Columns, clean, columns_of, key_of, places_of, plain
from ml.files.catalog.products import records_of
from ml.files.catalog.records import Catalog
from ml.files.catalog.tables import KAGGLE_TABLE as TABLE
from ml.files.catalog.tables import FoundTable, Input

NAME = "productDisplayName"
LEVELS = ("masterCategory", "subCategory", "articleType")
COLUMNS = ("id", "gender", *LEVELS, "baseColour", "season", "year", "usage", NAME)
#: Columns that are attributes, and what these are called.
ATTRIBUTES = {"baseColour": "colour", "gender": "gender", "season": "season", "year": "year", "usage": "usage"}
_KEYS = {plain("id"): "sku", plain(NAME): "title"} | {plain(name): f"level {name}" for name in LEVELS}
#: Columns of other layouts that this one has its own for.
_REPLACED = ("sku", "title", "category")


def is_kaggle(header: Sequence[str]) -> bool:
    return {plain(name) for name in COLUMNS} <= {plain(name) for name in clean(header)}


def recognises(input: Input) -> bool:
    return _found(input) is not None


def read(input: Input, needed: Sequence[str] = COLUMNS, *, currency: str, attributes: Collection[str] = ()) -> Catalog:
    """
    Args:
        needed: columns without which the table is refused.
        currency: meant by a sign that several currencies share.
        attributes: names of columns that become attributes although they look internal.

    Raises:
        CatalogFileError
    """
    found = _found(input)
    if found is None:
        raise CatalogFileError(f"{input.archive.path} has no {TABLE}.")
    table = found.table
    columns, unread = _columns(table.name, table.header, attributes)
    there = {plain(name) for name in columns.names}
    if missing := [column for column in needed if plain(column) not in there]:
        where = f"{table.name} in {input.archive.path}"
        raise CatalogFileError(f"{where} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}.")
    notes = [*table.notes]
    own = {plain(name) for name in COLUMNS}
    if kept := [key for key, place in columns.attributes.items() if plain(columns.names[place]) not in own]:
        notes.append(f"Columns shown to shoppers as attributes: {', '.join(kept)}.")
    if unread:
        notes.append(f"Columns of {table.name} that are not imported: {', '.join(unread)}.")
    warnings = (*table.warnings, *columns.warnings)
    records = partial(records_of, table, columns, input.archive.names, currency)
    return Catalog("kaggle", input.archive, table.name, table.count, records, table.dialect, warnings, tuple(notes))


def _found(input: Input) -> FoundTable | None:
    """`styles.csv`, or a table with another name and the same columns."""
    return input.kaggle_table or next((found for found in input.tables if is_kaggle(found.header)), None)


def _columns(table: str, header: Sequence[str], attributes: Collection[str]) -> tuple[Columns, list[str]]:
    """The columns, and the names of those that this layout has its own for, such as "category"."""
    names = clean(header)
    keys = [_KEYS.get(plain(name)) or key_of(name) for name in names]
    unread = [name for name, key in zip(names, keys, strict=True) if key in _REPLACED and plain(name) not in _KEYS]
    places = places_of(table, names, ["" if name in unread else key for name, key in zip(names, keys, strict=True)])
    levels = [place for key in _KEYS.values() if key.startswith("level ") for place in places.pop(key, ())]
    return columns_of(table, names, places, attributes, levels), unread
