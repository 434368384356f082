"""Which products a shopper takes for one: the same picture under another number, or one style in several colours.

A shop that knows says so in the attribute `style`. Elsewhere names tell: "Nike Men Zeus Olive Sandals" and "Nike Men
Black Zeus Sandals" are one without their colours. But names are also careless, and "Catwalk Women Heels" in some colour
is what 163 different pairs are called. So a name counts only where no two different pictures of one colour bear it, and
between products of different colours whose pictures, colour aside, look the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from catalog.attributes import text_of
from catalog.models import Product

#: Above this cosine two pictures are of one product to a shopper.
SAME_PICTURE = 0.995
#: Above this cosine, colour aside, two products of one name are one style. Of what it puts together in the real catalog
#: 33 % bear a name that at most 6 products bear, 46 % one that more than 20 do. At .9 that is twice as much, of which
#: 48 % bear such a common name; the kind part of the bundled model draws what is of one type together.
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
_LEAST_WORDS = 2  # what is left of "Red dress" names no style


@dataclass(frozen=True)
class Style:
    """Attributes:
    key: equal for products that may be one style; None for one of its own.
    told: the shop said so, and no picture is asked.
    colour: empty where it is not known.
    """

    key: tuple[object, ...] | None
    told: bool
    colour: str


@dataclass(frozen=True)
class Look:
    """A product as `collapsed` compares it.

    Attributes:
        digest: of its picture's file.
        vector: float32 [D], unit length; None where the picture has none.
        shape: likewise, without its colour.
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
    if len(rest) < _LEAST_WORDS:
        return Style(None, False, colour)
    gender = text_of(product.attributes.get("gender"))
    return Style((product.category_id, product.brand.casefold(), gender, *rest), False, colour)


def collapsed(looks: Sequence[Look], apart: int = 0, shape: float = SAME_SHAPE) -> list[list[int]]:
    """One card for what a shopper takes for one.

    Args:
        apart: so many of the first have a card each, whatever they look like.
        shape: the cosine, colour aside, above which products of one name are one style.

    Returns:
        Groups of positions, in the order of their first.
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
    """Names that two things of one colour bear."""
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
