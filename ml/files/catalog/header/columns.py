"""What the columns of a table mean, whatever they are called and in whatever order they come."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ml.files.catalog.cells import SIGN, currencies_of, unaccented
from ml.files.catalog.errors import CatalogFileError
from ml.files.catalog.header.internal import is_internal
from ml.files.catalog.header.names import ATTRIBUTES, NAMES, TRANSLATED, TRANSLATED_ATTRIBUTES, WEAK, WEAKEST
from ml.files.tables import restored

NEEDED = ("sku", "title", "image")
MOST_ABOVE = 9  # rows above a header
_LONGEST = 120  # characters of a name that may mean a field
_SHOWN = 6  # other names of a column that is missing
#: The attribute whose value products of one style share.
STYLE = "style"


#: Fields that are amounts of money.
AMOUNTS = ("price", "sale_price", "compare_at_price")
#: Fields whose columns may be numbered, and all count.
_LISTS = frozenset({"image", "more_images", "alt"})
#: Fields of which a weaker column completes the usual one instead of being an attribute.
_FALLBACKS = frozenset({"description", "brand", "gtin", "size", "condition"})
#: Fields of which two columns may contradict each other in what matters.
_DECISIVE = frozenset({*NEEDED, *AMOUNTS, "currency", "stock", "availability", "published", "group"})
_PRICES = "price|prices|preis|preise|prix|precio|precios|prezzo|prezzi|prijs|prijzen"
_STOCKS = "stock|quantity|qty|bestand|lagerbestand|menge|quantite|cantidad|existencias|quantita|giacenza|voorraad"
#: Names that look like a price or a stock, in words without accents.
_NEARLY = re.compile(rf"({_PRICES}|{_STOCKS}|inventory)(?![a-z])|.*(?<![a-z])({_PRICES}|{_STOCKS})$")
_CURRENCY = re.compile(rf"(?:[\s_-]+in)?\s*[(\[]\s*(?:in\s+)?({SIGN})\s*[)\]]|(?:[\s_-]+in)?[\s_-]+({SIGN})", re.I)
#: What other programs add to names: `*Title` and `Name *` are required, `C:Brand` and `g:price` have a prefix.
_MARKS = re.compile(r"^\s*\*\s*|\s*\*\s*$|^[a-z]:(?=\S)", re.I)
_HINTS = re.compile(
    r"\s*[(\[]\s*(pcs|pieces|units|x,\s*y.*|0\s*/\s*1|[01]\s*=.*|non editable"
    r"|(product|variant)\.metafields\..*)\.?\s*[)\]]$",
    re.I,
)
_UNNAMED = re.compile(r"Unnamed: [0-9]+(_level_[0-9]+)?")  # as pandas names columns without a name
#: `image_2`, `PICTURE 1`, `Image 3 URL` and `Product Image File - 1`.
_NUMBERED = re.compile(r"(.*[^\W\d])[\W_]*([0-9]{1,2})(?:[\W_]+(\D*))?")


def bare(name: str) -> str:
    if len(name) > _LONGEST:
        return name
    return _HINTS.sub("", _MARKS.sub("", name))


def plain(name: str) -> str:
    return re.sub(r"[\s._'’-]+", "", unaccented(bare(name).rstrip("?# ")))


def _spellings(name: str) -> Iterator[str]:
    """Währung as wahrung and waehrung."""
    yield plain(name)
    yield plain(name.casefold().translate({ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue"}))


_WEAK, _WEAKEST = frozenset(map(plain, WEAK)), frozenset(map(plain, WEAKEST))
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
        more: of those that have several columns, the indexes of the others in their order. Of pictures all count, of
            other columns the first one that is not empty.
        levels: indexes of the columns with the levels of the category, in Kaggle's layout only.
        internal: names of columns that are left out, because what is in them is not for shoppers.
    """

    names: tuple[str, ...]
    fields: dict[str, int]
    attributes: dict[str, int]
    more: dict[str, tuple[int, ...]] = field(default_factory=dict)
    levels: tuple[int, ...] = ()
    internal: tuple[str, ...] = ()

    def currencies(self, field: str) -> tuple[str, ...]:
        """Those that the name of an amount's column may mean: euros for "Price (EUR)"; empty without one."""
        return _split(self.names[self.fields[field]])[1]

    def places(self, key: str) -> tuple[int, ...]:
        """Indexes of all columns of a field or attribute; empty without one."""
        first = self.fields.get(key, self.attributes.get(key))
        return () if first is None else (first, *self.more.get(key, ()))

    @property
    def notes(self) -> tuple[str, ...]:
        """About columns that have the same meaning."""
        return tuple(
            f"{_quoted(self.names[place] for place in self.places(key))} have the same meaning, {key}: the first that "
            "is not empty is used."
            for key in self.more
            if key not in _LISTS
        )

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


def header_place(rows: Sequence[list[str]]) -> int:
    """Which of the first rows of a table is its header: the first, unless it names no column that is needed and a later
    one names all of them. Exports may begin with a title, with comments, or with a row of explanations, and Amazon's
    names its columns twice.
    """
    if not rows or needed_in(rows[0]):
        return 0
    named = [needed_in(row) == len(NEEDED) for row in rows]
    first = named.index(True) if True in named else 0
    return first + 1 if named[first : first + 2] == [True, True] else first


def missing_in(header: list[str]) -> list[str]:
    """Those without which nothing can be imported, and which this header lacks."""
    named = {key_of(name) for name in clean(header)}
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
        spellings = "; ".join(f"{field} (also: {', '.join(NAMES[field][1 : 1 + _SHOWN])})" for field in missing)
        plural = "s" * (len(missing) > 1)
        raise CatalogFileError(f"{table} lacks the column{plural} {spellings}. Columns found: {found}.")
    return columns_of(table, names, places, attributes)


def columns_of(
    table: str,
    names: Sequence[str],
    places: dict[str, tuple[int, ...]],
    attributes: Collection[str],
    levels: Sequence[int] = (),
) -> Columns:
    """
    Args:
        places: key to the indexes of its columns.

    Raises:
        CatalogFileError: no column has the name of one of the `attributes`.
    """
    wanted = {plain(name): name for name in attributes}
    if unknown := [name for key, name in wanted.items() if key not in map(plain, names)]:
        raise CatalogFileError(f"{table} has no column {_listed(unknown)}. Columns found: {_listed(names)}.")
    internal = {
        place
        for key, found in places.items()
        for place in found
        if key not in NAMES and is_internal(bare(names[place])) and plain(names[place]) not in wanted
    }
    shown = {key: kept for key, found in places.items() if (kept := [each for each in found if each not in internal])}
    return Columns(
        names=tuple(names),
        fields={key: found[0] for key, found in shown.items() if key in NAMES},
        attributes={key: found[0] for key, found in shown.items() if key not in NAMES},
        more={key: tuple(found[1:]) for key, found in shown.items() if len(found) > 1},
        levels=tuple(levels),
        internal=tuple(names[place] for place in sorted(internal)),
    )


def places_of(table: str, names: Sequence[str], keys: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Key to the indexes of its columns, without those whose key is empty.

    Raises:
        CatalogFileError: two columns have the same key, and it matters which one is used.
    """
    if "group" in keys:  # the group is stored as the style
        keys = ["group" if key == STYLE else key for key in keys]
    found: dict[str, list[int]] = {}
    best: dict[str, int] = {}
    for name, key in zip(names, keys, strict=True):
        best[key] = min(_rank(name), best.get(key, _rank(name)))
    for place, (name, key) in enumerate(zip(names, keys, strict=True)):
        weaker = key in NAMES and key not in _FALLBACKS and _rank(name) > best[key]
        found.setdefault(_attribute(name, translated=False) if weaker else key, []).append(place)
    found.pop("", None)
    for key, places in found.items():
        places.sort(key=lambda place: (number_of(names[place]), _rank(names[place])))
        single = [names[place] for place in places if not (key in _LISTS and number_of(names[place]))]
        same = len(set(map(plain, single))) < len(single)
        if len(single) > 1 and (same or key in _DECISIVE):
            raise CatalogFileError(
                f"{table} has {len(single)} columns for {key}: {_quoted(single)}. Keep one and rename or remove the "
                "rest."
            )
    return {key: tuple(places) for key, places in found.items()}


def key_of(name: str) -> str:
    """The field or attribute that a column of this name is; "" without a name, and for one that pandas numbered."""
    if len(name) > _LONGEST:
        return _attribute(name)
    if _UNNAMED.fullmatch(name):
        return ""
    amount = FIELDS.get(plain(_split(bare(name))[0]))
    return FIELDS.get(plain(name)) or (amount if amount in AMOUNTS else "") or _numbered(name)[0] or _attribute(name)


def number_of(name: str) -> int:
    """2 for "image_2"; 0 for other names than those of numbered pictures and their texts."""
    return 0 if len(name) > _LONGEST or plain(name) in FIELDS else _numbered(name)[1]


def _numbered(name: str) -> tuple[str, int]:
    match = _NUMBERED.fullmatch(bare(name).strip())
    key = FIELDS.get(plain(f"{match[1]} {match[3] or ''}")) if match else None
    return (key, int(match[2])) if match and key in _LISTS else ("", 0)


@lru_cache
def _split(name: str) -> tuple[str, tuple[str, ...]]:
    """The name of a column without the currency at its end, and what this may mean."""
    for place in range(len(name)):
        if match := _CURRENCY.fullmatch(name, place):
            return name[:place], currencies_of(match[1] or match[2])
    return name, ()


def clean(header: Sequence[str]) -> list[str]:
    """In one line, without the byte order marks that concatenated or twice saved files have inside."""
    return [restored(" ".join(name.replace("\ufeff", "").split())) for name in header]


def _attribute(name: str, *, translated: bool = True) -> str:
    known = _ATTRIBUTES.get(plain(name)) if translated else None
    return known or re.sub(r"\s+", "_", bare(name).lower())


def _rank(name: str) -> int:
    """0 for the usual names in English; of several columns with one meaning, those of the lowest rank have it."""
    key = plain(name)
    return 2 if key in _WEAKEST else int(key in _WEAK or key in _TRANSLATED)


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(f'"{name}"' for name in names)


def _listed(names: Collection[str]) -> str:
    return ", ".join(filter(None, names)) or "none"
