"""The kinds of product the shop draws: their place in the taxonomy, what they come in, who wears them."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from . import (
    backpacks,
    boots,
    bottoms,
    dresses,
    handbags,
    headwear,
    heels,
    knitwear,
    neckwear,
    outerwear,
    sandals,
    shoes,
    sunglasses,
    tops,
    watches,
)
from .canvas import Canvas
from .look import Look
from .palette import CLOTH, DENIM, LEATHER, SOBER

Draw = Callable[[Canvas, Random, Look], None]

PRINTS = ("across", "checks", "dots", "floral", "block", "along", "gradient")
KNITS = ("across", "argyle", "block", "bands", "dots", "gradient")
TAILORED = ("checks", "along")
BOLD = ("block", "checks", "dots", "along", "floral")
HIDES = ("block", "gradient", "dots", "checks")


@dataclass(frozen=True)
class Kind:
    """A kind of product; it starts with the taxonomy's masterCategory, subCategory and articleType."""

    master: str
    sub: str
    article: str
    noun: str
    draw: Draw
    colours: tuple[str, ...] = CLOTH
    patterns: tuple[str, ...] = PRINTS
    genders: tuple[str, ...] = ("Men", "Women")
    seasons: tuple[str, ...] = ("Summer", "Fall", "Winter", "Spring")
    usages: tuple[str, ...] = ("Casual",)
    grain: str = ""


KINDS: tuple[Kind, ...] = (
    Kind("Apparel", "Topwear", "Shirts", "Shirt", tops.shirt,
         patterns=(*TAILORED, "across", "dots", "floral", "block"), usages=("Casual", "Formal")),
    Kind("Footwear", "Shoes", "Casual Shoes", "Sneakers", shoes.sneaker, patterns=BOLD,
         usages=("Casual", "Sports"), grain="hide"),
    Kind("Apparel", "Dress", "Dresses", "Dress", dresses.dress, patterns=("floral", "dots", *PRINTS),
         genders=("Women",), seasons=("Summer", "Spring"), usages=("Casual", "Party")),
    Kind("Accessories", "Bags", "Handbags", "Handbag", handbags.handbag, LEATHER, BOLD, ("Women",),
         grain="hide"),
    Kind("Apparel", "Topwear", "Tshirts", "T-shirt", tops.tshirt,
         patterns=("across", "block", "bands", "dots", "gradient"), seasons=("Summer",),
         usages=("Casual", "Sports")),
    Kind("Apparel", "Bottomwear", "Jeans", "Jeans", bottoms.jeans, DENIM, ("plain",),
         seasons=("Fall", "Winter")),
    Kind("Accessories", "Watches", "Watches", "Watch", watches.watch, LEATHER,
         ("along", "gradient", "checks"), genders=("Men", "Women", "Unisex"), seasons=("Winter",),
         usages=("Casual", "Formal")),
    Kind("Apparel", "Topwear", "Jackets", "Jacket", outerwear.jacket,
         patterns=("block", "bands", "checks", "gradient"), seasons=("Fall", "Winter")),
    Kind("Footwear", "Shoes", "Heels", "Heels", heels.heel, (*LEATHER, "Lavender", "Gold"),
         ("block", "dots", "floral", "gradient"), ("Women",), usages=("Party", "Formal"), grain="hide"),
    Kind("Apparel", "Topwear", "Sweaters", "Sweater", knitwear.sweater, patterns=KNITS,
         seasons=("Fall", "Winter"), grain="knit"),
    Kind("Accessories", "Eyewear", "Sunglasses", "Sunglasses", sunglasses.sunglasses,
         ("Black", "Brown", "Gold", "Silver", "Red", "Navy Blue", "White", "Pink", "Teal"),
         ("gradient", "dots", "block"), ("Men", "Women", "Unisex"), ("Summer",)),
    Kind("Apparel", "Bottomwear", "Skirts", "Skirt", dresses.skirt,
         patterns=("checks", "floral", "dots", "across", "bands"), genders=("Women",),
         seasons=("Summer", "Spring")),
    Kind("Accessories", "Bags", "Backpacks", "Backpack", backpacks.backpack, patterns=BOLD,
         genders=("Unisex", "Men", "Women"), usages=("Casual", "Sports", "Travel"), grain="hide"),
    Kind("Apparel", "Bottomwear", "Trousers", "Trousers", bottoms.trousers, SOBER, (*TAILORED, "checks"),
         usages=("Formal", "Casual")),
    Kind("Footwear", "Shoes", "Boots", "Boots", boots.boot, LEATHER, HIDES, seasons=("Fall", "Winter"),
         grain="hide"),
    Kind("Accessories", "Headwear", "Caps", "Cap", headwear.cap,
         patterns=("checks", "across", "block", "dots"), genders=("Unisex", "Men", "Women"),
         seasons=("Summer",), usages=("Casual", "Sports")),
    Kind("Apparel", "Topwear", "Sweatshirts", "Hoodie", knitwear.hoodie,
         patterns=("block", "bands", "gradient", "across"), genders=("Unisex", "Men", "Women"),
         seasons=("Fall", "Winter"), usages=("Casual", "Sports")),
    Kind("Apparel", "Bottomwear", "Shorts", "Shorts", bottoms.shorts,
         patterns=("checks", "floral", "across", "bands", "dots"), seasons=("Summer",),
         usages=("Casual", "Sports")),
    Kind("Footwear", "Sandal", "Sandals", "Sandals", sandals.sandal, LEATHER,
         ("block", "floral", "along", "dots"), seasons=("Summer",), grain="hide"),
    Kind("Accessories", "Scarves", "Scarves", "Scarf", neckwear.scarf,
         patterns=("checks", "across", "dots", "block", "floral"), genders=("Women", "Unisex", "Men"),
         seasons=("Winter", "Fall")),
    Kind("Apparel", "Topwear", "Blazers", "Blazer", outerwear.blazer, SOBER, TAILORED, usages=("Formal",)),
    Kind("Accessories", "Ties", "Ties", "Tie", neckwear.tie,
         patterns=("across", "dots", "checks", "floral"), genders=("Men",), usages=("Formal",)),
    Kind("Accessories", "Headwear", "Hat", "Hat", headwear.hat,
         patterns=("across", "dots", "checks", "floral"), genders=("Women", "Unisex", "Men"),
         seasons=("Summer", "Winter")),
)  # fmt: skip
