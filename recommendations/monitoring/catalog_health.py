"""Finds products that no look-alike list contains, and products that too many contain.

Lists are ordered by similarity only, over all published products: the result of the model, without preferences,
filters, pins and rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.models import Product
from recommendations.embeddings.reading import shown_vectors
from recommendations.models import EmbeddingModel
from recommendations.monitoring.hubness import lower_fence, nearest_of_all, occurrences, skewness

#: A hub is in at least this many times as many lists as the average product.
HUB = 5
NAMED = 10  # products listed in each section of a report
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Named:
    """A product in a report.

    Attributes:
        position: index of the product, as in `CatalogHealth`.
        lists: number of lists that contain it.
        score: cosine of its nearest look-alike; None if it has none, or if its list was not computed.
    """

    position: int
    sku: str
    title: str
    lists: int
    nearest_sku: str | None
    score: float | None

    def to_json(self) -> dict[str, Any]:
        return {
            "sku": self.sku,
            "title": self.title,
            "lists": self.lists,
            "nearest": self.nearest_sku,
            "score": None if self.score is None else round(self.score, 4),
        }


@dataclass(frozen=True)
class CatalogHealth:
    """Compares each of the p published products that have an embedding with all others.

    Attributes:
        published: number of published products, with or without an embedding.
        products: int64 [p], ids of the products.
        k: length of a list.
        asked: int [q], positions of the products with a computed list; all of them unless a sample was requested.
        lists: int [p], number of these lists that contain each product.
        nearest: int32 [q], position of the nearest other product; -1 if there is none.
        scores: float32 [q], its cosine; -inf if there is none.
        close: minimum cosine of a close look-alike.
    """

    model: EmbeddingModel
    published: int
    products: np.ndarray
    k: int
    asked: np.ndarray
    lists: np.ndarray
    nearest: np.ndarray
    scores: np.ndarray
    close: float

    @property
    def complete(self) -> bool:
        """Whether every list was computed: a missing one could contain any product."""
        return len(self.asked) == len(self.products)

    @property
    def orphans(self) -> np.ndarray:
        """Positions of products in no list; meaningful only in a complete report."""
        return np.flatnonzero(self.lists == 0)

    @property
    def lonely(self) -> np.ndarray:
        """Positions of products without a close look-alike, the loneliest first."""
        return self.asked[np.argsort(self.scores, kind="stable")[: np.count_nonzero(self.scores < self.close)]]

    @property
    def hubs(self) -> np.ndarray:
        """Positions of products in very many lists, most first."""
        order = np.argsort(-self.lists, kind="stable")
        return order[: np.count_nonzero(self.lists >= self.hub_lists)]

    @property
    def hub_lists(self) -> float:
        """Minimum number of lists of a hub, at least 5: in a small sample, two lists would already look like many."""
        return max(HUB * float(np.mean(self.lists)) if len(self.lists) else 0.0, 5.0)

    @property
    def coverage(self) -> float | None:
        """Share of published products that are in any list, 0 to 1; None for an empty shop."""
        return np.count_nonzero(self.lists) / self.published if self.published else None

    @property
    def skewness(self) -> float:
        return skewness(self.lists)

    def to_json(self) -> dict[str, Any]:
        """Figures that would mislead in an incomplete report are null."""
        orphans = {"count": len(self.orphans), "products": self._first(self.orphans)} if self.complete else None
        return {
            "model": self.model.name,
            "k": self.k,
            "published": self.published,
            "with_vector": len(self.products),
            "lists": len(self.asked),
            "coverage": None if self.coverage is None or not self.complete else round(self.coverage, 4),
            "orphans": orphans,
            "lonely": {
                "close": round(self.close, 4) if np.isfinite(self.close) else None,
                "count": len(self.lonely),
                "products": self._first(self.lonely),
            },
            "hubs": {
                "lists": round(self.hub_lists, 1),
                "count": len(self.hubs),
                "skewness": round(self.skewness, 3),
                "products": self._first(self.hubs),
            },
        }

    def named(self, positions: np.ndarray) -> Iterator[Named]:
        """The products at `positions` that still exist, in this order; one query per thousand."""
        nearest = np.full(len(self.products), -1)
        scores = np.full(len(self.products), -np.inf)
        nearest[self.asked], scores[self.asked] = self.nearest, self.scores
        for begin in range(0, len(positions), 1000):
            some = positions[begin : begin + 1000]
            wanted = np.union1d(some, nearest[some])
            pks = self.products[wanted[wanted >= 0]].tolist()
            known = {product.pk: product for product in Product.objects.filter(pk__in=pks).only("sku", "title")}
            for position in some.tolist():
                product = known.get(int(self.products[position]))
                if product is None:
                    continue
                found = nearest[position] >= 0
                alike = known.get(int(self.products[nearest[position]])) if found else None
                yield Named(
                    position=position,
                    sku=product.sku,
                    title=product.title,
                    lists=int(self.lists[position]),
                    nearest_sku=alike.sku if alike else None,
                    score=float(scores[position]) if found else None,
                )

    def _first(self, positions: np.ndarray) -> list[dict[str, Any]]:
        return [product.to_json() for product in self.named(positions[:NAMED])]


def catalog_health(
    model: EmbeddingModel,
    owners: np.ndarray,
    vectors: np.ndarray,
    k: int,
    *,
    sample: int | None = None,
    close: float | None = None,
    seed: int = 0,
    advance: Advance = lambda _: None,
) -> CatalogHealth:
    """
    Args:
        owners, vectors: from `current_vectors`.
        sample: compute the lists of only this many random products; `seed` chooses them.
        close: minimum cosine of a close look-alike. Because the range of cosines depends on the model, the default is
            the lower Tukey fence of all nearest look-alikes.
        advance: called with the number of computed lists.
    """
    products = np.unique(owners)
    asked = np.arange(len(products))
    if sample is not None and sample < len(products):
        asked = np.sort(np.random.default_rng(seed).choice(len(products), sample, replace=False))
    lists = nearest_of_all(vectors, owners, k, asking=asked, advance=advance)
    nearest, scores = lists.positions[:, 0], lists.scores[:, 0]
    return CatalogHealth(
        model=model,
        published=Product.objects.published().count(),
        products=products,
        k=k,
        asked=asked,
        lists=occurrences(lists.positions, len(products)),
        nearest=nearest,
        scores=scores,
        close=lower_fence(scores[np.isfinite(scores)]) if close is None else close,
    )


def current_vectors(model: EmbeddingModel, advance: Advance = lambda _: None) -> tuple[np.ndarray, np.ndarray]:
    """The ids of published products, int64 [rows], ascending, and the embeddings of their pictures, float16 [rows, D],
    each product's first picture first. 160 MB for 40,000 x 2048, and twice that while sorting."""
    keys, vectors = [np.zeros((0, 3), np.int64)], [np.zeros((0, model.dimension), np.float16)]
    for some_keys, some_vectors in shown_vectors(model):
        keys.append(some_keys)
        vectors.append(some_vectors)
        advance(len(some_keys))
    key = np.concatenate(keys)
    stored = np.concatenate(vectors)
    order = np.lexsort((key[:, 2], key[:, 1], key[:, 0]))  # product, then position, then image
    return key[order, 0], stored[order]
