"""Named colours, by the names the fashion catalogs use for baseColour."""

from typing import NamedTuple

RGB = tuple[int, int, int]


class Colour(NamedTuple):
    """A colour and the name a shop gives it."""

    name: str
    rgb: RGB


COLOURS: dict[str, Colour] = {
    name: Colour(name, rgb)
    for name, rgb in {
        "Black": (40, 40, 44),
        "Charcoal": (74, 78, 86),
        "Grey": (152, 156, 162),
        "Silver": (196, 200, 206),
        "White": (248, 248, 246),
        "Cream": (240, 228, 204),
        "Beige": (216, 194, 162),
        "Tan": (196, 142, 90),
        "Khaki": (174, 158, 112),
        "Brown": (118, 76, 50),
        "Rust": (176, 84, 46),
        "Orange": (234, 124, 46),
        "Mustard": (212, 160, 44),
        "Yellow": (246, 208, 72),
        "Gold": (206, 168, 94),
        "Olive": (112, 116, 62),
        "Green": (58, 132, 84),
        "Mint": (164, 214, 190),
        "Teal": (32, 120, 124),
        "Turquoise Blue": (72, 186, 196),
        "Sky Blue": (148, 192, 226),
        "Blue": (48, 104, 190),
        "Navy Blue": (36, 52, 92),
        "Purple": (112, 72, 148),
        "Lavender": (188, 172, 220),
        "Magenta": (190, 48, 120),
        "Pink": (238, 160, 182),
        "Peach": (248, 190, 160),
        "Red": (204, 44, 50),
        "Burgundy": (118, 30, 50),
    }.items()
}

CLOTH = (
    "White", "Navy Blue", "Red", "Black", "Sky Blue", "Olive", "Mustard", "Burgundy", "Grey", "Teal",
    "Pink", "Blue", "Cream", "Green", "Purple", "Rust", "Lavender", "Mint", "Orange", "Beige", "Peach",
    "Charcoal", "Turquoise Blue", "Yellow", "Magenta",
)  # fmt: skip
SOBER = (
    "Navy Blue",
    "Charcoal",
    "Beige",
    "Black",
    "Olive",
    "Grey",
    "Burgundy",
    "Brown",
    "Teal",
    "Khaki",
    "Blue",
)
DENIM = ("Blue", "Navy Blue", "Black", "Sky Blue", "Grey", "White", "Charcoal")
LEATHER = (
    "Black", "Tan", "Brown", "Burgundy", "Red", "Navy Blue", "Cream", "Beige", "Olive", "Pink", "White",
    "Mustard", "Teal", "Silver",
)  # fmt: skip
METAL = ("Silver", "Gold", "Black", "Charcoal")


def darker(rgb: RGB, amount: float) -> RGB:
    """Mix towards black by `amount`, 0 to 1."""
    return mixed(rgb, (0, 0, 0), amount)


def lighter(rgb: RGB, amount: float) -> RGB:
    """Mix towards white by `amount`, 0 to 1."""
    return mixed(rgb, (255, 255, 255), amount)


def mixed(one: RGB, other: RGB, amount: float) -> RGB:
    """The colour `amount` of the way from one to the other."""
    red, green, blue = (round(a + (b - a) * amount) for a, b in zip(one, other, strict=True))
    return red, green, blue


def brightness(rgb: RGB) -> float:
    """Luma of a colour, 0 to 255 (ITU-R BT.601)."""
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]
