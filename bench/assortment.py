"""The assortment of the large shop: plausible titles, brands, prices, stock and vectors, reproducible by seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ml.spec import ModelSpec

SEED = 11
#: Category → (its word in a title, its typical price).
KINDS: dict[str, tuple[str, float]] = {
    "apparel/tops/t-shirts": ("T-shirt", 15), "apparel/tops/shirts": ("Shirt", 32),
    "apparel/tops/blouses": ("Blouse", 35), "apparel/tops/sweaters": ("Sweater", 45),
    "apparel/tops/hoodies": ("Hoodie", 42), "apparel/tops/kurtas": ("Kurta", 28),
    "apparel/bottoms/jeans": ("Jeans", 55), "apparel/bottoms/trousers": ("Trousers", 48),
    "apparel/bottoms/shorts": ("Shorts", 25), "apparel/bottoms/skirts": ("Skirt", 34),
    "apparel/bottoms/leggings": ("Leggings", 19), "apparel/dresses/casual": ("Dress", 49),
    "apparel/dresses/evening": ("Evening dress", 119), "apparel/outerwear/jackets": ("Jacket", 89),
    "apparel/outerwear/coats": ("Coat", 149), "apparel/nightwear": ("Pyjamas", 29),
    "apparel/underwear/bras": ("Bra", 27), "apparel/underwear/briefs": ("Briefs", 14),
    "apparel/socks": ("Socks", 8), "footwear/shoes/casual": ("Casual shoes", 59),
    "footwear/shoes/sports": ("Sports shoes", 79), "footwear/shoes/formal": ("Formal shoes", 99),
    "footwear/heels": ("Heels", 69), "footwear/boots": ("Boots", 119), "footwear/sandals": ("Sandals", 39),
    "footwear/flip-flops": ("Flip-flops", 12), "accessories/bags/handbags": ("Handbag", 75),
    "accessories/bags/backpacks": ("Backpack", 52), "accessories/bags/wallets": ("Wallet", 30),
    "accessories/watches": ("Watch", 95), "accessories/sunglasses": ("Sunglasses", 65),
    "accessories/belts": ("Belt", 24), "accessories/ties": ("Tie", 22), "accessories/scarves": ("Scarf", 21),
    "accessories/hats": ("Hat", 23), "accessories/jewellery/earrings": ("Earrings", 18),
    "accessories/jewellery/necklaces": ("Necklace", 33), "sports/balls": ("Soccer ball", 20),
    "beauty/perfume": ("Eau de parfum", 58), "beauty/lipstick": ("Lipstick", 12),
}  # fmt: skip
COLOURS = (
    "Black", "White", "Blue", "Navy Blue", "Grey", "Red", "Brown", "Green", "Beige", "Pink", "Purple", "Yellow",
    "Orange", "Olive", "Maroon", "Cream", "Silver", "Gold", "Teal", "Khaki",
)  # fmt: skip
GENDERS = ("Men", "Women", "Unisex", "Boys", "Girls")
USAGES = ("Casual", "Formal", "Sports", "Party", "Travel")
SEASONS = ("Summer", "Winter", "Spring", "Fall")
MANNERS = (
    "Striped", "Solid", "Printed", "Checked", "Slim", "Classic", "Vintage", "Premium", "Washed", "Embroidered",
    "Quilted", "Ribbed", "Leather", "Cotton", "Linen", "Woollen", "Everyday", "Essential", "Urban", "Heritage",
)  # fmt: skip
_FIRST = (
    "North", "Al", "Ver", "Kes", "Tin", "Mar", "Sol", "Bel", "Or", "Hal", "Lun", "Cas", "Pel", "Ran", "Vi",
)  # fmt: skip
_SECOND = (
    "wind", "dra", "mont", "trel", "ivo", "wick", "ena", "ridge", "sen", "ton", "aro", "field", "ley", "by",
)  # fmt: skip
BRANDS = tuple(first + second for first in _FIRST for second in _SECOND)
SENTENCES = (
    "A piece for every day, made to last.", "Soft to the touch and easy to care for.", "Cut for a relaxed fit.",
    "Goes with whatever is in the wardrobe.", "Finished by hand in small series.", "Machine wash at 30 degrees.",
    "Light enough for warm days.", "Keeps its shape after many washes.", "With adjustable straps and a lined inside.",
    "Our best seller in a new season's colours.",
)  # fmt: skip
STYLE = 12  # products that look nearly the same, on average


@dataclass(frozen=True)
class Assortment:
    """Rows 0 to `count` - 1, in arrays. Attributes: kind, colour, brand: indexes; style: which products are alike."""

    count: int
    kind: np.ndarray
    colour: np.ndarray
    brand: np.ndarray
    style: np.ndarray
    _chance: np.random.Generator

    @classmethod
    def of(cls, count: int) -> Assortment:
        """A few types, colours and brands make most products, as in real shops (Zipf)."""
        chance = np.random.default_rng(SEED)
        kind = chance.choice(len(KINDS), count, p=_zipf(len(KINDS), 0.6))
        return cls(
            count=count,
            kind=kind,
            colour=chance.choice(len(COLOURS), count, p=_zipf(len(COLOURS), 0.8)),
            brand=chance.choice(len(BRANDS), count, p=_zipf(len(BRANDS), 0.9)),
            style=kind * (count // (len(KINDS) * STYLE) + 1)
            + chance.integers(count // (len(KINDS) * STYLE) + 1, size=count),
            _chance=chance,
        )

    def rows(self, category_ids: list[int]) -> Iterator[tuple]:
        """For COPY into the products: sku, slug, title, description, brand, category, price, former price, stock,
        published, attributes. 1 in 50 is on request, 1 in 12 sold out, 1 in 25 not published."""
        chance = np.random.default_rng(SEED + 1)
        kinds = list(KINDS.values())
        prices = np.exp(chance.normal(0, 0.5, self.count))
        draws = chance.integers(0, 2**31, size=(self.count, 8))
        for n in range(self.count):
            word, middle = kinds[self.kind[n]]
            manner, gender, usage, season, first, second, stock, published = (int(draw) for draw in draws[n])
            colour, brand = COLOURS[self.colour[n]], BRANDS[self.brand[n]]
            who = GENDERS[gender % len(GENDERS)]
            price = None if first % 50 == 0 else f"{max(int(middle * prices[n]), 2) - 0.01:.2f}"
            former = f"{float(price) * 1.25:.2f}" if price is not None and second % 6 == 0 else None
            attributes = {
                "colour": colour, "gender": who, "usage": USAGES[usage % len(USAGES)],
                "season": SEASONS[season % len(SEASONS)],
            }  # fmt: skip
            yield (
                f"L{n}", f"l{n}", f"{brand} {who} {colour} {MANNERS[manner % len(MANNERS)]} {word}",
                f"{SENTENCES[first % len(SENTENCES)]} {SENTENCES[second % len(SENTENCES)]}",
                brand, category_ids[self.kind[n]], price, former, 0 if stock % 12 == 0 else 1 + stock % 40,
                published % 25 != 0, json.dumps(attributes),
            )  # fmt: skip

    def vectors(self, spec: ModelSpec, start: int, stop: int) -> np.ndarray:
        """float32 [stop - start, D], unit length: near to their style and, where vectors have that part, their colour.

        Made slice by slice: the slice that begins at `start` is always the same.
        """
        chance = np.random.default_rng([SEED, start])
        parts = [part.dimension for part in spec.parts] or [spec.dimension]
        found = []
        for place, (name, width) in enumerate(zip([part.name for part in spec.parts] or [""], parts, strict=True)):
            if name == "colour":
                vectors = _centres(len(COLOURS), width, place)[self.colour[start:stop]]
            else:
                # A kind, a style of it, and the picture itself: cosines of .9 within a style, .5 within a kind.
                vectors = _centres(len(KINDS), width, place)[self.kind[start:stop]].copy()
                styles, inverse = np.unique(self.style[start:stop], return_inverse=True)
                own = np.stack([np.random.default_rng([SEED, place, int(s)]).normal(size=width) for s in styles])
                vectors += 0.9 * (own / np.linalg.norm(own, axis=1, keepdims=True))[inverse]
            noise = chance.normal(size=vectors.shape)
            vectors = vectors + 0.35 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
            found.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True) / np.sqrt(len(parts)))
        return np.concatenate(found, axis=1).astype(np.float32)


def _centres(count: int, width: int, place: int) -> np.ndarray:
    centres = np.random.default_rng([SEED, place, 0, 0]).normal(size=(count, width))
    return centres / np.linalg.norm(centres, axis=1, keepdims=True)


def _zipf(count: int, exponent: float) -> np.ndarray:
    weights = 1.0 / np.arange(1, count + 1) ** exponent
    return weights / weights.sum()
