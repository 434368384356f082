"""Which products the look-alikes leave out, and which they show everywhere.

Lists are by likeness alone, over all that is on show: what the model makes of the catalog, before anybody's
preferences, filters, pins and rules.
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

#: A hub stands in this many times as many lists as the average product.
HUB = 5
NAMED = 10  # products of each kind in a report
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Named:
    """A product in a report. `position`: as in `CatalogHealth`; `lists`: in which it stands; `score`: cosine of its
    nearest look-alike, None where there is none, or no list of its own was made."""

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
    """Of the p products on show that have a vector, each against all others.

    Attributes:
        published: products on show, with a vector or without.
        products: int64 [p], their ids.
        k: places of a list.
        asked: int [q], positions of the products whose lists were made; all of them unless a sample was asked for.
        lists: int [p], in how many of these lists each one stands.
        nearest: int32 [q], position of the nearest other product; -1 where there is none.
        scores: float32 [q], its cosine; -inf likewise.
        close: cosine from which a look-alike counts as close.
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
        """Whether every list was made: one that was not might show any product."""
        return len(self.asked) == len(self.products)

    @property
    def orphans(self) -> np.ndarray:
        """Positions of products in no list; only those of a complete report mean anything."""
        return np.flatnonzero(self.lists == 0)

    @property
    def lonely(self) -> np.ndarray:
        """Positions of products without a close look-alike, the loneliest first."""
        return self.asked[np.argsort(self.scores, kind="stable")[: np.count_nonzero(self.scores < self.close)]]

    @property
    def hubs(self) -> np.ndarray:
        """Positions of products that stand in very many lists, most first."""
        order = np.argsort(-self.lists, kind="stable")
        return order[: np.count_nonzero(self.lists >= self.hub_lists)]

    @property
    def hub_lists(self) -> float:
        """Lists from which a product is a hub, but 5 at least: of a small sample's lists two are soon many."""
        return max(HUB * float(np.mean(self.lists)) if len(self.lists) else 0.0, 5.0)

    @property
    def coverage(self) -> float | None:
        """Share of what is on show that stands in a list, 0 to 1; None for an empty shop."""
        return np.count_nonzero(self.lists) / self.published if self.published else None

    @property
    def skewness(self) -> float:
        return skewness(self.lists)

    def to_json(self) -> dict[str, Any]:
        """What of an incomplete report would mislead is null."""
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
        """Those of them that are still there, in this order; a query a thousand."""
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
        owners, vectors: as `current_vectors` gives them.
        sample: make the lists of so many products only, drawn by `seed`.
        close: cosine from which a look-alike is close; by default what is unusual in this catalog, Tukey's fence of
            all nearest look-alikes, for each model has cosines of its own.
        advance: is told of lists.
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
    """(int64 [rows], float16 [rows, D]): the products on show, ascending, and the vectors of each one's pictures, the
    first picture first. Two bytes a number: 160 MB for 40,000 x 2048, and as much again while they are sorted."""
    keys, vectors = [np.zeros((0, 3), np.int64)], [np.zeros((0, model.dimension), np.float16)]
    for some_keys, some_vectors in shown_vectors(model):
        keys.append(some_keys)
        vectors.append(some_vectors)
        advance(len(some_keys))
    key = np.concatenate(keys)
    stored = np.concatenate(vectors)
    order = np.lexsort((key[:, 2], key[:, 1], key[:, 0]))  # product, then position, then image
    return key[order, 0], stored[order]
