"""Effects of own category, variety and one card per style on a strip, with the shop's code, on vectors in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from bench.emptying import empty_shop
from bench.shop import ScratchShop
from catalog.models import Product
from ml import Embedder
from ml.evaluation.ranking import nearest
from ml.files.catalog.errors import RowRejected
from ml.files.catalog.opening import open_catalog
from ml.files.catalog.records import Record
from ml.pictures.codec import ImageRejected, to_input
from recommendations.search import query_vectors, ranking
from recommendations.search.request import POOL
from recommendations.strips import styles
from recommendations.strips.product_strip import ARRANGEMENT, Arrangement

LISTED = 10
CATEGORY = (0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12)
GENDER = (0.0, 0.01, 0.02, 0.03, 0.05, 0.08)
VARIETY = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
SHAPES = (-1.0, 0.9, 0.95, 0.97, 0.98, 0.99)
RUN = 20  # consecutive products of the catalog
ATTRIBUTES = ("colour", "gender", "usage")
COLUMNS = ("type", "both", "gender", "usage", "likeness", "variety")


@dataclass(frozen=True)
class Catalog:
    """Unsaved products, and float32 [n, D] vectors."""

    products: list[Product]
    vectors: np.ndarray
    shapes: np.ndarray
    labels: dict[str, np.ndarray]
    borne: Counter[str]

    def look(self, place: int) -> styles.Look:
        return styles.Look(styles.style_of(self.products[place]), None, self.vectors[place], self.shapes[place])


def measure(shop: ScratchShop, *, limit: int, queries: int, seed: int) -> None:
    empty_shop()
    if shop.photos is None:
        raise SystemExit("LOOKALIKE_DATA must name a folder with fashion-small.zip.")
    catalog = _catalog(shop, limit, seed)
    asking = np.random.default_rng(seed).permutation(len(catalog.products))[:queries]
    found = nearest(catalog.vectors[asking], catalog.vectors, asking, LISTED * POOL)
    looks = [catalog.look(place) for place in range(len(catalog.products))]
    print(f"{len(asking):,} of {len(catalog.products):,} real products ask; the {LISTED} cards of each. Shares of the")
    print("same type, of type and colour, of gender, of usage (which nothing here uses); mean cosine to the product;")
    print("mean cosine distance between cards. The category that is preferred is the type that is counted.\n")
    print(f"{'':<38}" + "".join(f"{column:>10}" for column in COLUMNS))

    def row(label: str, arrangement: Arrangement, one_card: bool = True) -> None:
        figures = [_figures(catalog, looks, *pair, arrangement, one_card) for pair in zip(asking, found, strict=True)]
        print(f"{label:<38}" + "".join(f"{value:10.3f}" for value in np.mean(figures, axis=0)))

    plain = Arrangement(category=0.0, gender=0.0, variety=0.0)
    row("nearest", plain, one_card=False)
    row("one card a style", plain)
    for weight in CATEGORY[1:]:
        row(f"own category {weight:.2f}", replace(plain, category=weight))
    for weight in GENDER[1:]:
        row(f"own gender {weight:.2f}", replace(plain, gender=weight))
    for weight in VARIETY:
        row(f"as the shop, variety {weight:.2f}", replace(ARRANGEMENT, variety=weight))
    row("as the shop", ARRANGEMENT)
    _measure_styles(catalog, looks, asking, found, catalog.borne)


def _figures(
    catalog: Catalog,
    looks: list[styles.Look],
    own: int,
    found: np.ndarray,
    arrangement: Arrangement,
    one_card: bool,
) -> list[float]:
    """Arrange search results as `strips.product_strip` does; float [6], see `COLUMNS`."""
    others = [catalog.products[place] for place in found]
    worth = catalog.vectors[found] @ catalog.vectors[own] + arrangement.own_kind(catalog.products[own], others)
    order = np.argsort(-worth, kind="stable")
    leads = order
    if one_card:
        groups = styles.collapsed([looks[found[place]] for place in order])
        leads = order[[group[0] for group in groups]]
    shown = ranking.diverse(worth[leads], catalog.vectors[found[leads]], LISTED, arrangement.variety)
    cards = found[leads[shown]]
    alike = {name: labels[cards] == labels[own] for name, labels in catalog.labels.items()}
    between = catalog.vectors[cards] @ catalog.vectors[cards].T
    pairs = np.triu_indices(len(cards), 1)
    return [
        alike["type"].mean(),
        (alike["type"] & alike["colour"]).mean(),
        alike["gender"].mean(),
        alike["usage"].mean(),
        float((catalog.vectors[cards] @ catalog.vectors[own]).mean()),
        float(1 - between[pairs].mean()) if len(cards) > 1 else 0.0,
    ]


def _measure_styles(
    catalog: Catalog, looks: list[styles.Look], asking: np.ndarray, found: np.ndarray, borne: Counter[str]
) -> None:
    """Whether names and shapes distinguish one style in several colours from many styles with the same name."""
    print("\nProducts on a card of another of the same name and another colour, by how many products of the whole")
    print("catalog bear the name: a few are colours of a style, many are many styles.")
    print(f"{'shape':>10}{'up to 6':>12}{'7 to 20':>12}{'more':>12}{'cards with several colours':>30}")
    for shape in SHAPES:
        counts, cards = Counter[int](), 0
        for places in found:
            for first, *others in styles.collapsed([looks[place] for place in places], shape=shape):
                style = looks[places[first]].style
                named = [other for other in others if looks[places[other]].style.key == style.key is not None]
                bearers = borne[_name(style)]
                counts[0 if bearers <= 6 else 1 if bearers <= 20 else 2] += len(named)
                cards += bool(named)
        total = max(sum(counts.values()), 1)
        shares = "".join(f"{counts[place] / total:>12.3f}" for place in range(3))
        print(f"{shape:>10.2f}{shares}{cards / len(asking):>30.2f}")


def _name(style: styles.Style) -> str:
    return repr(style.key)


def _catalog(shop: ScratchShop, limit: int, seed: int) -> Catalog:
    """Whole runs of the catalog, because consecutive products are often one style; embedded once and cached."""
    embedder, catalog = Embedder.load(), open_catalog(shop.catalog(), layout="kaggle")
    records = [entry for entry in catalog.records() if isinstance(entry, Record) and entry.image]
    records.sort(key=lambda record: (len(record.sku), record.sku))
    chance = np.random.default_rng(seed)
    starts = np.sort(chance.permutation(len(records) // RUN)[: limit // RUN]) * RUN
    chosen, inputs = [], []
    for record in (records[start + step] for start in starts for step in range(RUN)):
        try:
            inputs.append(to_input(catalog.archive.read(record.image or "", 2**24), embedder.spec))
        except (ImageRejected, RowRejected):
            continue
        chosen.append(record)
    kept = shop.var / f"strips-{embedder.weights.sha256[:12]}-{limit}-{seed}.npy"
    if kept.exists():
        vectors = np.load(kept)
    else:
        print(f"  embedding {len(inputs):,} pictures, once…")
        vectors = embedder.runtime.embed(inputs)
        np.save(kept, vectors)
    categories = {record.category: number for number, record in enumerate(records, 1)}

    def product(record: Record) -> Product:
        place = categories[record.category]
        return Product(sku=record.sku, title=record.title, category_id=place, attributes=record.attributes)

    borne = Counter(_name(styles.style_of(product(record))) for record in records)
    labels = {name: np.array([record.attributes.get(name, "") for record in chosen]) for name in ATTRIBUTES}
    labels["type"] = np.array([record.category[-1] for record in chosen])
    return Catalog(
        [product(record) for record in chosen],
        vectors,
        query_vectors.without_colour(vectors, embedder.spec),
        labels,
        borne,
    )
