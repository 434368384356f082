"""Recall@10 of search against an exact comparison, by the share of the catalog that a filter keeps.

The measured search is the one that pages run, including filters, plan and index. The exact answer compares the query
with every embedding that the filter keeps, in one plain statement that shares none of that code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any, Self

import numpy as np
from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import MD5, Cast, Concat

from catalog.models import Product
from recommendations.embeddings.indexes import index_exists
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.monitoring.budgets import ALL, budgets
from recommendations.querysets import similarity
from recommendations.search import query_vectors
from recommendations.search.filters import Filters
from recommendations.search.plans import plan
from recommendations.search.request import SearchRequest
from recommendations.search.results import Source
from recommendations.search.service import find_similar

K = 10
SHARES = (ALL, 0.5, 0.1, 0.01)
#: Below this, operators are warned. The index reaches .99 and more (docs/benchmarks.md); 40 products with ten results
#: each distinguish .95 from that by more than three standard errors.
FLOOR = 0.95
_SAME = 1e-6  # tolerance of cosines: the same picture under another SKU counts as a hit
Advance = Callable[[int], None]


class ModelChanged(Exception):
    """Another model became active during a check, so its result would be meaningless."""


@dataclass
class Tally:
    """Counts for one filter.

    Attributes:
        share: share of the catalog that the filter should keep; 1 for no filter.
        leaves: share that it keeps.
        price_max: the filter; None for no filter.
        walks: whether the search uses the vector index instead of an exact comparison.
        products: number of searches, one per product.
        wanted: results of the exact answers.
        hits: results of the search that are in the exact answers, or as similar as their last result.
        short: searches with fewer results than the exact answer.
        milliseconds: duration of each search, as a page would wait for it.
    """

    share: float
    leaves: float
    price_max: str | None
    walks: bool
    products: int = 0
    wanted: int = 0
    hits: int = 0
    short: int = 0
    milliseconds: list[float] = field(default_factory=list)

    @property
    def filters(self) -> Filters:
        return Filters(price_max=None if self.price_max is None else Decimal(self.price_max))

    @property
    def recall(self) -> float | None:
        """0 to 1; None if there was nothing to find."""
        return self.hits / self.wanted if self.wanted else None

    def to_json(self) -> dict[str, Any]:
        p50, p95 = np.percentile(self.milliseconds, [50, 95]) if self.milliseconds else (None, None)
        return {
            "share": self.share,
            "leaves": round(self.leaves, 4),
            "price_max": self.price_max,
            "plan": "index" if self.walks else "comparison",
            "products": self.products,
            "recall": None if self.recall is None else round(self.recall, 4),
            "short": self.short,
            "p50_ms": None if p50 is None else round(float(p50), 2),
            "p95_ms": None if p95 is None else round(float(p95), 2),
        }


@dataclass
class RecallCheck:
    """A check that can stop after any product and continue in another process.

    Attributes:
        model_id: the model that was active at the start.
        todo: products that are still to check.
        colour: weight of the colour part in every query, as in `SearchRequest.colour_weight`.
    """

    model_id: int
    todo: list[int]
    tallies: list[Tally]
    notes: list[str]
    colour: float | None = None

    @classmethod
    def begin(
        cls,
        model: EmbeddingModel,
        sample: int,
        *,
        shares: Sequence[float] = SHARES,
        seed: int = 0,
        colour: float | None = None,
    ) -> Self:
        """Start a check of `sample` random products, or of all if there are fewer. The same seed and catalog give the
        same products."""
        found, notes = budgets(shares)
        indexed = index_exists(model)
        if not indexed:
            notes.append("There is no vector index yet: every search compares with all products that its filter keeps.")
        tallies = []
        for budget in found:
            price_max = None if budget.price_max is None else str(budget.price_max)
            tally = Tally(budget.share, budget.leaves, price_max, walks=indexed)
            # A search fetches one result more than requested, to know whether there is a next page.
            tally.walks &= not plan(tally.filters, K + 1).exact
            tallies.append(tally)
        return cls(model.pk, _sample(model, sample, seed), tallies, notes, colour)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Restore a check from `to_state`."""
        return cls(**{**state, "tallies": [Tally(**tally) for tally in state["tallies"]]})

    def to_state(self) -> dict[str, Any]:
        """The whole check, as the content of a message."""
        return asdict(self)

    def proceed(self, *, seconds: float | None = None, advance: Advance = lambda _: None) -> bool:
        """Check the remaining products, or as many as `seconds` allows but at least one. Returns whether any are left.

        Raises:
            ModelChanged: the model of this check is no longer active.
            NoColourPart: `colour` is set, but the model has no colour part.
        """
        model = EmbeddingModel.objects.active()
        if model is None or model.pk != self.model_id:
            raise ModelChanged("Another model is active now. Check again.")
        until = None if seconds is None else time.monotonic() + seconds
        while self.todo:
            self._look_at(self.todo.pop(), model)
            advance(1)
            if until is not None and time.monotonic() > until:
                break
        return bool(self.todo)

    @property
    def lowest(self) -> float | None:
        """Recall of the worst filter; None if nothing was measured."""
        return min((tally.recall for tally in self.tallies if tally.recall is not None), default=None)

    def to_json(self) -> dict[str, Any]:
        """The report."""
        return {
            "k": K,
            "products": max((tally.products for tally in self.tallies), default=0),
            "lowest": None if self.lowest is None else round(self.lowest, 4),
            "filters": [tally.to_json() for tally in self.tallies],
            "notes": self.notes,
        }

    def _look_at(self, pk: int, model: EmbeddingModel) -> None:
        product = Product.objects.filter(pk=pk).first()
        vector = query_vectors.vectors_of([pk], model).get(pk)
        if product is None or vector is None:
            return  # deleted, or its picture replaced, in the meantime
        if self.colour is not None:
            vector = query_vectors.weighted(vector, model.spec, self.colour)
        length = float(np.linalg.norm(vector))
        for tally in self.tallies:
            began = time.perf_counter()
            results = find_similar(product, SearchRequest(K, tally.filters, colour_weight=self.colour))
            tally.milliseconds.append(round(1000 * (time.perf_counter() - began), 2))
            if results.model != model:
                raise ModelChanged("Another model is active now. Check again.")
            found = {
                m.product.pk: m.score for m in results.matches if m.source == Source.VISUAL and m.score is not None
            }
            rows = ImageEmbedding.objects.filter(tally.filters.conditions("image__product__"))
            rows = rows.exclude(image__product_id=pk)
            exact = {
                other: similarity(distance, model.metric, length)
                for other, distance in rows.nearest_products(vector, model)[:K]
            }
            tally.products += 1
            tally.wanted += len(exact)
            tally.hits += hits(found, exact)
            tally.short += len(found) < len(exact)


def hits(found: dict[int, float], exact: dict[int, float]) -> int:
    """Number of products of the exact answer that were found. A product as similar as the last one of the answer counts
    too, because the order of equal scores is arbitrary (as in ann-benchmarks, "distance-based recall").

    Args:
        found, exact: product → score.
    """
    last = min(exact.values(), default=np.inf)
    return min(sum(pk in exact or score >= last - _SAME for pk, score in found.items()), len(exact))


def _sample(model: EmbeddingModel, size: int, seed: int) -> list[int]:
    rows = ImageEmbedding.objects.servable(model).filter(image__product=OuterRef("pk"))
    turn = MD5(Concat(Cast("pk", CharField()), Value(f" {seed}")))
    return list(Product.objects.filter(Exists(rows)).order_by(turn).values_list("pk", flat=True)[:size])
