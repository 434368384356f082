"""What the shop stocks: each product's row and look, decided before anything is drawn.

Products come in families of FAMILY that share colour, pattern and season. All but the last of a family share
their cut too and differ by the few millimetres of a hand; the last is the same cloth in another cut.
"""

from dataclasses import dataclass

from .chance import seeded
from .kinds import KINDS, Kind
from .look import Look
from .palette import COLOURS, Colour, brightness

FAMILY = 3
FIRST_ID = 10001

BRANDS = (
    "Norrland", "Alder & Finch", "Kestrel", "Maren", "Oakwell", "Silverlake", "Tindra", "Harbour Lane",
    "Velia", "Corvo",
    "Lumen", "Palmetto", "Ravensbay", "Solenne", "Fjordline", "Juniper Row",
)  # fmt: skip
ACCENTS = (
    "White", "Cream", "Navy Blue", "Black", "Mustard", "Red", "Sky Blue", "Pink", "Grey", "Rust",
    "Burgundy", "Teal",
)  # fmt: skip
PATTERN_WORDS = {
    "across": "Striped", "along": "Pinstriped", "argyle": "Argyle", "bands": "Banded", "block": "Colourblock",
    "checks": "Checked", "dots": "Polka Dot", "floral": "Floral", "gradient": "Ombre",
}  # fmt: skip
CONTRAST = 62  # luma between a colour and its accent, below which stripes are hard to see in a thumbnail


@dataclass(frozen=True)
class Product:
    """One product to draw and the row that describes it."""

    id: int
    kind: Kind
    key: tuple[object, ...]
    cut_key: tuple[object, ...]
    colour: Colour
    accent: Colour
    pattern: str
    pitch: float
    gender: str
    season: str
    year: int
    usage: str
    name: str

    def look(self) -> Look:
        """A look with its source of cuts unread, so that drawing twice gives the same picture."""
        return Look(
            self.colour,
            self.accent,
            self.pattern,
            seeded(*self.cut_key),
            grain=self.kind.grain,
            pitch=self.pitch,
        )

    def row(self) -> list[str]:
        """Its line in styles.csv."""
        kind = self.kind
        return [
            str(self.id), self.gender, kind.master, kind.sub, kind.article, self.colour.name, self.season,
            str(self.year),
            self.usage, self.name,
        ]  # fmt: skip


def plan(seed: int, per_kind: int) -> list[Product]:
    """All products in order of id, kinds alternating so that the first page of the shop shows all of them.

    Product n of a kind is the same whatever `per_kind` is.
    """
    return [
        _product(seed, kind, number, FIRST_ID + number * len(KINDS) + place)
        for number in range(per_kind)
        for place, kind in enumerate(KINDS)
    ]


def _product(seed: int, kind: Kind, number: int, product_id: int) -> Product:
    family, member = divmod(number, FAMILY)
    shared, own = seeded(seed, kind.article, family), seeded(seed, kind.article, "item", number)
    colours, patterns = list(kind.colours), list(dict.fromkeys(kind.patterns))
    order = seeded(seed, kind.article)
    order.shuffle(colours)
    order.shuffle(patterns)
    colour = COLOURS[colours[family % len(colours)]]
    # Every second family is plain: that is what shops sell most of, and what makes colour groups.
    pattern = "plain" if family % 2 == 0 else patterns[family // 2 % len(patterns)]
    accents = [COLOURS[name] for name in ACCENTS]
    seen = [accent for accent in accents if abs(brightness(accent.rgb) - brightness(colour.rgb)) > CONTRAST]
    gender = shared.choice(kind.genders)
    words = (own.choice(BRANDS), gender, colour.name, PATTERN_WORDS.get(pattern, ""), kind.noun)
    another_cut = member == FAMILY - 1
    return Product(
        id=product_id,
        kind=kind,
        key=(seed, kind.article, number),
        cut_key=(seed, kind.article, "cut", family, another_cut),
        colour=colour,
        accent=shared.choice(seen),
        pattern=pattern,
        pitch=shared.uniform(21, 31) * own.uniform(0.95, 1.05),
        gender=gender,
        season=shared.choice(kind.seasons),
        year=shared.choice((2023, 2024, 2025)),
        usage=shared.choice(kind.usages),
        name=" ".join(word for word in words if word),
    )
