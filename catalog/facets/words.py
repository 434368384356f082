"""How shops write colours and sizes, and how a facet groups and orders them."""

from __future__ import annotations

import re
from typing import Any

from django.db.models import Q

from catalog.attributes import attribute_is

#: Words for the same colour; the first is the label.
_SAME = (
    ("Navy Blue", "Navy"),
    ("Grey", "Gray"),
    ("Turquoise", "Turquoise Blue"),
    ("Off White", "Off-White", "Offwhite"),
    ("Multi", "Multicolour", "Multicolor", "Multicoloured", "Multicolored"),
)
_LABELS = {word.casefold(): words[0] for words in _SAME for word in words}
_SPELLINGS = {words[0]: words for words in _SAME}
_LETTERS = ("XXXS", "XXS", "XS", "S", "M", "L", "XL", "XXL", "XXXL")
_PLACES = {name: place for place, name in enumerate(_LETTERS)} | {"2XS": 1, "2XL": 7, "3XL": 8}


def colour_label(word: str) -> str:
    """`Navy Blue` for "navy", "NAVY" and "Navy blue". A word in mixed case (rOSE) is a colour of its own."""
    tidy = word.strip()
    if tidy not in _cases(tidy) or tidy != word:
        return word
    label = tidy.title()
    return _LABELS.get(tidy.casefold(), label if tidy in _cases(label) else tidy)


def has_colour(label: str) -> Q:
    """The condition for `filter`. It uses containment only, which the index supports."""
    found = Q()
    words = {label, *_SPELLINGS.get(label, ())} if colour_label(label) == label else {label}
    spelt = {spelling for each in words for spelling in (each, *_cases(each))}
    # The label first: Postgres checks what the index finds against each spelling until one fits.
    for word in sorted(spelt, key=lambda spelling: (spelling != label, spelling)):
        if colour_label(word) == label or word == label:
            found |= attribute_is("colour", word)
    return found


def spellings(label: str) -> tuple[str, ...]:
    """The words for a colour, itself first: "Navy Blue" and "Navy"."""
    return _SPELLINGS.get(label, (label,))


def is_shade(label: str, colour: str) -> bool:
    """Whether it is a kind of the colour: "Navy Blue" and "Hellblau" of "Blue" and "Blau"."""
    start = label.casefold().removesuffix(colour.casefold())
    return label != colour and start != label.casefold() and bool(re.search(r"[\s-]$|^(?:hell|dunkel)$", start))


def has_size(size: str, prefix: str = "") -> Q:
    return Q(**{f"{prefix}size": size}) | attribute_is("sizes", size, prefix=prefix)


def texts(value: Any) -> list[str]:
    """The texts of an attribute that is a text, a number or a list of texts."""
    if isinstance(value, list):
        return [each for each in value if isinstance(each, str) and each.strip()]
    if isinstance(value, bool) or value is None:
        return []
    return [str(value)] if str(value).strip() else []


def size_order(size: str) -> tuple[Any, ...]:
    """For `sorted`: XS, S, M, L, XL; then numbers by value; then other words."""
    plain = size.strip().upper().replace("-", "").replace(" ", "")
    if plain in _PLACES:
        return (0, _PLACES[plain], 0.0, plain)
    if larger := re.fullmatch(r"([0-9]{1,2})XL", plain):
        return (0, 5 + int(larger[1]), 0.0, plain)
    if number := re.search(r"[0-9]{1,6}(?:[.,][0-9]{1,3})?", plain):
        return (1, 0, float(number[0].replace(",", ".")), plain)
    return (2, 0, 0.0, plain)


def _cases(word: str) -> tuple[str, ...]:
    return (word.title(), word.lower(), word.upper(), word.capitalize())
