"""The words of a product as Postgres stores them, a `tsvector`.

A word is stored as written (`dresses`), for exact matches and prefixes, and by its stem (`~dress`). Marks that no word
begins with tell other entries apart:

    ~dress      a stem
    +handbag    two neighbouring words written together, of plurals the singular: "hand bags". "-ed" stays: "Sneak Red"
    =red dress  the whole title, SKU or GTIN
    #42         the number of the category. The names of categories are read when somebody searches, so renaming or
                moving one changes no product.

Weights: A title, and SKU and GTIN as a whole; B brand and category; C attributes, condition, size, and words of the SKU
and GTIN; D description, only its stems.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from catalog.search.words import Piece, pieces, singular, stem, together

#: Of what `vector_of` returns. Products stored by another version are indexed again in the background.
VERSION = 3
#: Letters of words in the shop's list of words (`SearchWord`).
LONGEST_KNOWN = 24
_WHOLE_LENGTH = 160
_LAST_POSITION = 16383  # of Postgres
#: "h and m" has the neighbours h and m.
CONNECTING = frozenset({"and"})
_NUMBER = 1  # position of entries that have none


class Described(Protocol):
    """A product, also in a migration."""

    title: str
    sku: str
    gtin: str
    brand: str
    description: str
    condition: str
    size: str
    attributes: Any
    category_id: int


def vector_of(product: Described) -> str:
    """A tsvector literal."""
    vector = _Vector()
    vector.add(product.title, "A", neighbours=True)
    for number in filter(None, (product.sku, product.gtin, product.gtin.lstrip("0"))):
        vector.add(number, "C")  # 42 is rather a size in a title than a part of A42
    for whole in filter(None, (product.title, product.sku, product.gtin, product.gtin.lstrip("0"))):
        vector.put(whole_of(pieces(whole)), _NUMBER, "A")
    vector.add(product.brand, "B", neighbours=True)
    vector.put(f"#{product.category_id}", _NUMBER, "B")
    for text in (product.condition, product.size, *_texts(product.attributes)):
        vector.add(text, "C")
    vector.add(product.description, "D", exact=False)
    return vector.literal()


def whole_of(found: list[Piece]) -> str:
    """The entry of a whole title or number; empty if it has no words or is long."""
    text = " ".join(word[0] for piece in found for word in piece.words)
    return f"={text}" if text and len(text) <= _WHOLE_LENGTH else ""


def quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


class _Vector:
    def __init__(self) -> None:
        self._places: dict[str, dict[int, str]] = {}
        self._position = 1

    def put(self, lexeme: str, position: int, weight: str) -> None:
        if lexeme:
            self._places.setdefault(lexeme, {}).setdefault(min(position, _LAST_POSITION), weight)

    def add(self, text: str, weight: str, *, neighbours: bool = False, exact: bool = True) -> None:
        before: Piece | None = None
        for piece in pieces(text):
            first = self._position
            for word in piece.words:
                for spelling in word:
                    self._word(spelling, self._position, weight, exact)
                self._position += word[0] not in CONNECTING
            for form in piece.joined:
                self._word(form, first, weight, exact)
                self._word(form, max(first, self._position - 1), weight, exact)
            if neighbours and before is not None and (joined := together(before.plain, piece.plain)):
                self.put("+" + stem(joined, plurals_only=True), first, weight)
            before = piece
        self._position += 10  # no phrase reaches into the next text

    def _word(self, word: str, position: int, weight: str, exact: bool) -> None:
        if exact:
            self.put(word, position, weight)
        self.put("~" + stem(word), position, weight)

    def literal(self) -> str:
        return " ".join(
            quoted(lexeme) + ":" + ",".join(f"{position}{weight}" for position, weight in places.items())
            for lexeme, places in self._places.items()
        )


def _texts(attributes: Any) -> Iterator[str]:
    """Values; of what is true, the name: {"lined": true} is "lined"."""
    if not isinstance(attributes, dict):  # stored before attributes had rules
        return
    for name, value in attributes.items():
        if value is True:
            yield name.replace("_", " ")
        elif isinstance(value, list):
            yield from (str(entry) for entry in value)
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            yield str(value)


def words_of(vectors: Iterable[str]) -> set[str]:
    """The words in literals of `vector_of` that begin or correct typed ones, and their singulars."""
    found: set[str] = set()
    for vector in vectors:
        found.update(entry[1:].partition("'")[0] for entry in vector.split(" "))
    return known_words(found)


def known_words(words: Iterable[str], *, singulars: bool = True) -> set[str]:
    """Those of letters, cut off at `LONGEST_KNOWN`, and their singulars."""
    found = {word[:LONGEST_KNOWN] for word in words if len(word) >= 3 and word.isalpha()}
    return found | {one for word in found if singulars and len(one := singular(word)) >= 3}
