"""Twelve colour families for the base colours of "Fashion Product Images"."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "black": ("Black", "Charcoal"),
    "white": ("White", "Off White", "Cream"),
    "grey": ("Grey", "Grey Melange", "Silver", "Steel", "Metallic"),
    "brown": ("Brown", "Coffee Brown", "Mushroom Brown", "Rust", "Bronze", "Copper", "Tan"),
    "beige": ("Beige", "Skin", "Nude", "Taupe", "Khaki"),
    "red": ("Red", "Maroon", "Burgundy"),
    "orange": ("Orange", "Peach"),
    "yellow": ("Yellow", "Mustard", "Gold"),
    "green": ("Green", "Olive", "Sea Green", "Lime Green", "Fluorescent Green"),
    "blue": ("Blue", "Navy Blue", "Teal", "Turquoise Blue"),
    "purple": ("Purple", "Lavender", "Mauve"),
    "pink": ("Pink", "Magenta", "Rose"),
}
_FAMILY_OF = {colour.casefold(): family for family, colours in FAMILIES.items() for colour in colours}


def family_of(base_colour: str) -> str | None:
    """The family of a colour word, whatever its case; None for "Multi" and words that are not listed."""
    word = base_colour.strip().casefold()
    return _FAMILY_OF.get(word) or (word if word in FAMILIES else None)
