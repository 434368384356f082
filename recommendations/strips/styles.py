"""Which products shoppers take for one thing: the same picture under another SKU, or one style in several colours.

A shop that knows its styles gives products the attribute `style`. Otherwise their names are compared without colours:
"Nike Men Zeus Olive Sandals" and "Nike Men Black Zeus Sandals" are one style. But names can be vague: 163 different
pairs are called "Catwalk Women Heels" in some colour. A name therefore counts only if no two different pictures of one
colour have it, and only between products of different colours whose pictures look the same apart from the colour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from catalog.attributes import text_of
from catalog.models import Product

#: Above this cosine, two pictures show one product to a shopper.
SAME_PICTURE = 0.995
#: Above this cosine of the shapes, two products with one name are one style. Of the products that it puts together in
#: the real catalog, 33 % have a name that at most 6 products have, and 46 % one that more than 20 have. At .9 it puts
#: twice as many together, 48 % of them with such a common name: the shape part of the bundled model pulls one type
#: together.
SAME_SHAPE = 0.98

_COLOURS = """
    aqua beige black blue bronze brown burgundy camel champagne charcoal coffee copper coral cream crimson emerald
    fluorescent fuchsia gold golden gray green grey indigo ivory khaki lavender lemon lilac lime magenta maroon mauve
    melange metallic mint multi multicolor multicolored multicolour multicoloured mushroom mustard navy neon nude off
    olive orange peach pink plum purple red rose rust sand scarlet sea silver skin sky steel tan taupe teal turquoise
    violet white wine yellow
"""
COLOUR_WORDS = frozenset(re.findall(r"\w+", _COLOURS))
_SHADES = frozenset({"bright", "dark", "deep", "light", "pale", "pastel"})
_FILLERS = frozenset({"and", "color", "colored", "colour", "coloured"})
_LEAST_WORDS = 2  # one word, as in "Red dress" without its colour, names no style


@dataclass(frozen=True)
class Style:
    """Attributes:
    key: equal for products that may be one style; None if the product shares its style with none.
    told: the shop named the style, so pictures are not compared.
    colour: empty if unknown.
    """

    key: tuple[object, ...] | None
    told: bool
    colour: str


@dataclass(frozen=True)
class Look:
    """A product as `collapsed` compares it.

    Attributes:
        digest: of its picture's file.
        vector: float32 [D], unit length; None if the picture has none.
        shape: the vector without its colour part, likewise.
    """

    style: Style
    digest: str | None = None
    vector: np.ndarray | None = None
    shape: np.ndarray | None = None


def style_of(product: Product) -> Style:
    words = _words(product.title)
    named = text_of(product.attributes.get("colour"))
    colour = named.casefold() if named else " ".join(word for word in words if word in COLOUR_WORDS)
    if told := text_of(product.attributes.get("style")):
        return Style((product.brand.casefold(), told.casefold()), True, colour)
    own = frozenset(_words(colour))
    rest = tuple(
        word
        for place, word in enumerate(words)
        if word not in COLOUR_WORDS | _FILLERS | own
        and not (word in _SHADES and words[place + 1 : place + 2] and words[place + 1] in COLOUR_WORDS)
    )
    if len(rest) < _LEAST_WORDS or _is_second_hand(product):
        return Style(None, False, colour)
    gender = text_of(product.attributes.get("gender"))
    return Style((product.category_id, product.brand.casefold(), gender, *rest), False, colour)


def _is_second_hand(product: Product) -> bool:
    """One of a kind: another piece with nearly the same name is not the same in another colour."""
    return bool(product.condition) and not product.condition.casefold().startswith("new")


def collapsed(looks: Sequence[Look], apart: int = 0, shape: float = SAME_SHAPE) -> list[list[int]]:
    """Group products that shoppers take for one thing.

    Args:
        apart: the first `apart` products are in separate groups, whatever they look like.
        shape: the cosine of the shapes above which products with one name are one style.

    Returns:
        Groups of positions, ordered by the first of each.
    """
    careless = _careless(looks)
    groups: list[list[int]] = []
    for position, look in enumerate(looks):
        homes = (group for group in groups if _are_one(look, [looks[member] for member in group], careless, shape))
        home = None if position < apart else next(homes, None)
        if home is None:
            groups.append([position])
        else:
            home.append(position)
    return groups


def _careless(looks: Sequence[Look]) -> list[object]:
    """Names that two different things of one colour have."""
    bearers: dict[str, list[Look]] = {}
    for look in looks:
        if look.style.key is not None and not look.style.told and look.style.colour:
            bearers.setdefault(repr(look.style), []).append(look)
    return [
        same[0].style.key
        for same in bearers.values()
        if any(not _is_one_picture(one, other) for one, other in combinations(same, 2))
    ]


def _is_one_picture(one: Look, other: Look) -> bool:
    if one.digest is not None and one.digest == other.digest:
        return True
    return one.vector is not None and other.vector is not None and bool(one.vector @ other.vector >= SAME_PICTURE)


def _are_one(look: Look, group: Sequence[Look], careless: Sequence[object], shape: float) -> bool:
    first = group[0]
    if _is_one_picture(look, first):
        return True
    if look.style.key is None or look.style.key != first.style.key:
        return False
    if look.style.told:
        return True
    if look.style.key in careless or look.shape is None or first.shape is None or look.shape @ first.shape < shape:
        return False
    return bool(look.style.colour) and all(look.style.colour != other.style.colour != "" for other in group)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", re.sub(r"['’]s?\b", "", text.casefold()))
