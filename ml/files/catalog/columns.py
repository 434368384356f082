"""What the columns of a table mean, whatever they are called and in whatever order they come."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ml.files.catalog.cells import SIGN, SIGNS
from ml.files.catalog.errors import CatalogFileError
from ml.files.tables import restored

#: What each column may be called; case, spaces, underscores and hyphens do not matter.
NAMES = {
    "sku": ("sku", "id", "product id", "item id", "item number", "article number", "variant sku"),
    "title": ("title", "name", "product name", "product title", "product display name"),
    "image": (
        "image", "images", "photo", "photos", "picture", "pictures", "file", "file name", "image file", "image name",
        "image link", "image url", "image src",
    ),
    "more_images": (
        "more images", "additional image", "additional images", "additional image link", "additional image links",
    ),
    "description": ("description", "body", "body (html)", "details"),
    "brand": ("brand", "brand name", "vendor", "manufacturer"),
    "category": (
        "category", "type", "product type", "product category", "categories", "category path",
        "google product category",
    ),
    "price": ("price", "amount", "regular price", "selling price", "variant price"),
    "sale_price": ("sale price", "discounted price", "reduced price"),
    "compare_at_price": (
        "compare at price", "former price", "old price", "original price", "list price", "rrp", "msrp",
        "variant compare at price",
    ),
    "currency": ("currency", "currency code"),
    "stock": (
        "stock", "qty", "quantity", "inventory", "stock quantity", "stock level", "quantity in stock", "units in stock",
        "inventory quantity", "variant inventory qty",
    ),
    "availability": ("availability", "in stock", "available", "stock status"),
    "published": ("published", "active", "visible", "status"),
    "condition": ("condition", "item condition"),
    "size": ("size", "product size"),
    "gtin": ("gtin", "ean", "upc", "isbn", "barcode", "variant barcode", "gtin, upc, ean, or isbn"),
    "group": ("group", "item group id", "group id", "product group", "parent sku", "style id", "style code"),
    "url": ("url", "link", "product url", "product link", "buy link", "buy url", "external url"),
    "alt": ("alt", "alt text", "image alt", "image alt text"),
}  # fmt: skip
NEEDED = ("sku", "title", "image")
#: Attributes that the shop knows by name, and other names of their columns.
ATTRIBUTES = {"colour": ("color", "base colour", "base color"), "gender": ("sex",)}
#: The attribute whose value products of one style share.
STYLE = "style"


#: Fields that are amounts of money.
AMOUNTS = ("price", "sale_price", "compare_at_price")
#: Columns that look like a price or a stock, but do not have one of the names above.
_NEARLY = re.compile(r"(price|stock|quantity|qty|inventory)(?![a-z])|.*(?<![a-z])(price|stock|quantity|qty)$")
_CURRENCY = re.compile(rf"(?:[\s_-]+in)?\s*[(\[]\s*(?:in\s+)?({SIGN})\s*[)\]]|(?:[\s_-]+in)?[\s_-]+({SIGN})", re.I)
_UNITS = re.compile(r"\s*[(\[]\s*(pcs|pieces|units)\.?\s*[)\]]$", re.I)
_NUMBERED = re.compile(r"Unnamed: [0-9]+(_level_[0-9]+)?")


def plain(name: str) -> str:
    name = _UNITS.sub("", name.rstrip("? "))
    return re.sub(r"[\s_-]+", "", name.casefold())


#: Names that only count if no other column has the same meaning.
_WEAK = frozenset(map(plain, (
    "in stock", "available", "stock status", "regular price", "selling price", "brand name", "id", "type",
    "product type", "status",
)))  # fmt: skip
FIELDS = {plain(name): field for field, names in NAMES.items() for name in names}
_ATTRIBUTES = {plain(name): attribute for attribute, names in ATTRIBUTES.items() for name in names}


@dataclass(frozen=True)
class Columns:
    """Where to find what in a row.

    Attributes:
        names: of all columns, as in the header; empty for those without a name.
        fields: our name of a column to its index.
        attributes: the name of an attribute to the index of its column.
        levels: indexes of the columns with the levels of the category, in Kaggle's layout only.
    """

    names: tuple[str, ...]
    fields: dict[str, int]
    attributes: dict[str, int]
    levels: tuple[int, ...] = ()

    def currencies(self, field: str) -> tuple[str, ...]:
        """Those that the name of an amount's column may mean: euros for "Price (EUR)"; empty without one."""
        return _split(self.names[self.fields[field]])[1]

    @property
    def warnings(self) -> tuple[str, ...]:
        """About columns that look like a price or a stock but are not read as one."""
        names = [self.names[place] for place in self.attributes.values() if _NEARLY.match(self.names[place].lower())]
        if not names:
            return ()
        return (
            f"Kept as attributes, not read as prices or stock: {', '.join(names)}. "
            "Rename them if they are price, sale_price, compare_at_price or stock.",
        )

    @property
    def is_kaggle(self) -> bool:
        return bool(self.levels)


def needed_in(header: list[str]) -> int:
    """How many of the columns without which nothing can be imported this header names."""
    return len({FIELDS.get(plain(name)) for name in clean(header)} & set(NEEDED))


def read_columns(table: str, header: list[str]) -> Columns:
    """
    Raises:
        CatalogFileError: a column is missing or there twice.
    """
    names = clean(header)
    places = places_of(table, names, [key_of(name) for name in names])
    keys = places.keys()
    missing = [field for field in NEEDED if field not in keys]
    if missing:
        found = ", ".join(filter(None, names)) or "none"
        spellings = "; ".join(f"{field} (also: {', '.join(NAMES[field][1:])})" for field in missing)
        plural = "s" * (len(missing) > 1)
        raise CatalogFileError(f"{table} lacks the column{plural} {spellings}. Columns found: {found}.")
    return Columns(
        names=tuple(names),
        fields={key: place for key, place in places.items() if key in NAMES},
        attributes={key: place for key, place in places.items() if key not in NAMES},
    )


def places_of(table: str, names: Sequence[str], keys: Sequence[str]) -> dict[str, int]:
    """Key to index of its column, without those whose key is empty.

    Raises:
        CatalogFileError: two columns have the same key.
    """
    if "group" in keys:  # the group is stored as the style
        keys = ["group" if key == STYLE else key for key in keys]
    strong = {key for name, key in zip(names, keys, strict=True) if plain(name) not in _WEAK}
    keys = [
        _attribute(name) if plain(name) in _WEAK and key in strong else key
        for name, key in zip(names, keys, strict=True)
    ]
    for key, count in Counter(filter(None, keys)).items():
        if count > 1:
            twice = " and ".join(f'"{name}"' for name, each in zip(names, keys, strict=True) if each == key)
            raise CatalogFileError(
                f"{table} has {count} columns for {key}: {twice}. Keep one and rename or remove the rest."
            )
    return {key: place for place, key in enumerate(keys) if key}


def key_of(name: str) -> str:
    """The field or attribute that a column of this name is; "" without a name, and for one that pandas numbered."""
    if _NUMBERED.fullmatch(name):
        return ""
    amount = FIELDS.get(plain(_split(name)[0]))
    return FIELDS.get(plain(name)) or (amount if amount in AMOUNTS else "") or _attribute(name)


@lru_cache
def _split(name: str) -> tuple[str, tuple[str, ...]]:
    """The name of a column without the currency at its end, and what this may mean."""
    for place in range(len(name)):
        if match := _CURRENCY.fullmatch(name, place):
            sign = match[1] or match[2]
            return name[:place], SIGNS.get(sign) or SIGNS.get(sign.capitalize()) or (sign.upper(),)
    return name, ()


def clean(header: Sequence[str]) -> list[str]:
    """Without the byte order marks that concatenated or twice saved files have inside."""
    return [restored(name.replace("\ufeff", "").strip()) for name in header]


def _attribute(name: str) -> str:
    return _ATTRIBUTES.get(plain(name)) or re.sub(r"\s+", "_", name.lower())
