"""What the columns of a table mean, whatever they are called and in whatever order they come."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ml.files.catalog.cells import SIGN, currencies_of, unaccented
from ml.files.catalog.errors import CatalogFileError
from ml.files.catalog.header.internal import is_internal
from ml.files.catalog.header.names import ATTRIBUTES, NAMES, TRANSLATED, TRANSLATED_ATTRIBUTES
from ml.files.tables import restored

NEEDED = ("sku", "title", "image")
#: The attribute whose value products of one style share.
STYLE = "style"


#: Fields that are amounts of money.
AMOUNTS = ("price", "sale_price", "compare_at_price")
_PRICES = "price|prices|preis|preise|prix|precio|precios|prezzo|prezzi|prijs|prijzen"
_STOCKS = "stock|quantity|qty|bestand|lagerbestand|menge|quantite|cantidad|existencias|quantita|giacenza|voorraad"
#: Names that look like a price or a stock, in words without accents.
_NEARLY = re.compile(rf"({_PRICES}|{_STOCKS}|inventory)(?![a-z])|.*(?<![a-z])({_PRICES}|{_STOCKS})$")
_CURRENCY = re.compile(rf"(?:[\s_-]+in)?\s*[(\[]\s*(?:in\s+)?({SIGN})\s*[)\]]|(?:[\s_-]+in)?[\s_-]+({SIGN})", re.I)
_UNITS = re.compile(r"\s*[(\[]\s*(pcs|pieces|units)\.?\s*[)\]]$", re.I)
_NUMBERED = re.compile(r"Unnamed: [0-9]+(_level_[0-9]+)?")


def plain(name: str) -> str:
    name = _UNITS.sub("", name.rstrip("? "))
    return re.sub(r"[\s._'’-]+", "", unaccented(name))


def _spellings(name: str) -> Iterator[str]:
    """Währung as wahrung and waehrung."""
    yield plain(name)
    yield plain(name.casefold().translate({ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue"}))


#: Names that only count if no other column has the same meaning.
_WEAK = frozenset(map(plain, (
    "in stock", "available", "stock status", "regular price", "selling price", "brand name", "id", "type",
    "product type", "status",
)))  # fmt: skip
_ENGLISH = {plain(name): key for key, names in (NAMES | ATTRIBUTES).items() for name in names}
_TRANSLATED = {
    spelling: key
    for key, names in (TRANSLATED | TRANSLATED_ATTRIBUTES).items()
    for name in names
    for spelling in _spellings(name)
    if spelling not in _ENGLISH
}
_KEYS = _TRANSLATED | _ENGLISH
#: The field that a column of this name is.
FIELDS = {name: key for name, key in _KEYS.items() if key in NAMES}
_ATTRIBUTES = {name: key for name, key in _KEYS.items() if key not in NAMES}


@dataclass(frozen=True)
class Columns:
    """Where to find what in a row.

    Attributes:
        names: of all columns, as in the header; empty for those without a name.
        fields: our name of a column to its index.
        attributes: the name of an attribute to the index of its column.
        levels: indexes of the columns with the levels of the category, in Kaggle's layout only.
        internal: names of columns that are left out, because what is in them is not for shoppers.
    """

    names: tuple[str, ...]
    fields: dict[str, int]
    attributes: dict[str, int]
    levels: tuple[int, ...] = ()
    internal: tuple[str, ...] = ()

    def currencies(self, field: str) -> tuple[str, ...]:
        """Those that the name of an amount's column may mean: euros for "Price (EUR)"; empty without one."""
        return _split(self.names[self.fields[field]])[1]

    @property
    def warnings(self) -> tuple[str, ...]:
        """About columns that are left out, and those that look like a price or a stock but are not read as one."""
        found = []
        if self.internal:
            found.append(
                f"Left out, because they look internal: {_listed(self.internal)}. "
                "To show one to shoppers, add --attribute with its name."
            )
        names = [self.names[place] for place in self.attributes.values()]
        if nearly := [name for name in names if _NEARLY.match(unaccented(name))]:
            found.append(
                f"Kept as attributes, not read as prices or stock: {_listed(nearly)}. "
                "Rename them if they are price, sale_price, compare_at_price or stock."
            )
        if not self.is_kaggle and not {"price", "sale_price"} & self.fields.keys():
            found.append(
                "No column with prices was found, so the products have none. Prices are read from columns called "
                f"{', '.join(NAMES['price'][:3])} and the like: see docs/how-to/import.md."
            )
        return tuple(found)

    @property
    def is_kaggle(self) -> bool:
        return bool(self.levels)


def needed_in(header: list[str]) -> int:
    """How many of the columns without which nothing can be imported this header names."""
    return len(NEEDED) - len(missing_in(header))


def missing_in(header: list[str]) -> list[str]:
    """Those without which nothing can be imported, and which this header lacks."""
    named = {FIELDS.get(plain(name)) for name in clean(header)}
    return [field for field in NEEDED if field not in named]


def listed(fields: Sequence[str]) -> str:
    """sku, title and image"""
    return " and ".join(filter(None, (", ".join(fields[:-1]), *fields[-1:])))


def read_columns(table: str, header: list[str], attributes: Collection[str] = ()) -> Columns:
    """
    Args:
        attributes: names of columns that become attributes although they look internal.

    Raises:
        CatalogFileError: a column is missing or there twice, or there is none of such a name.
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
    return columns_of(table, names, places, attributes)


def columns_of(
    table: str, names: Sequence[str], places: dict[str, int], attributes: Collection[str], levels: Sequence[int] = ()
) -> Columns:
    """
    Args:
        places: key to index of its column.

    Raises:
        CatalogFileError: no column has the name of one of the `attributes`.
    """
    wanted = {plain(name): name for name in attributes}
    if unknown := [name for key, name in wanted.items() if key not in map(plain, names)]:
        raise CatalogFileError(f"{table} has no column {_listed(unknown)}. Columns found: {_listed(names)}.")
    others = {key: place for key, place in places.items() if key not in NAMES}
    internal = {
        key: place for key, place in others.items() if is_internal(names[place]) and plain(names[place]) not in wanted
    }
    return Columns(
        names=tuple(names),
        fields={key: place for key, place in places.items() if key in NAMES},
        attributes={key: place for key, place in others.items() if key not in internal},
        levels=tuple(levels),
        internal=tuple(names[place] for place in internal.values()),
    )


def places_of(table: str, names: Sequence[str], keys: Sequence[str]) -> dict[str, int]:
    """Key to index of its column, without those whose key is empty.

    Raises:
        CatalogFileError: two columns have the same key.
    """
    if "group" in keys:  # the group is stored as the style
        keys = ["group" if key == STYLE else key for key in keys]
    strong = {key for name, key in zip(names, keys, strict=True) if not _is_weak(name)}
    keys = [
        _attribute(name, translated=False) if key in strong and _is_weak(name) else key
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
            return name[:place], currencies_of(match[1] or match[2])
    return name, ()


def clean(header: Sequence[str]) -> list[str]:
    """Without the byte order marks that concatenated or twice saved files have inside."""
    return [restored(name.replace("\ufeff", "").strip()) for name in header]


def _attribute(name: str, *, translated: bool = True) -> str:
    known = _ATTRIBUTES.get(plain(name)) if translated else None
    return known or re.sub(r"\s+", "_", name.lower())


def _is_weak(name: str) -> bool:
    key = plain(name)
    return key in _WEAK or key in _TRANSLATED


def _listed(names: Collection[str]) -> str:
    return ", ".join(filter(None, names)) or "none"
