"""The cost of a visit of the vector index against a comparison: the constant behind `recommendations.search.plans`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import pairwise
from math import exp, log, sqrt

import numpy as np
from django.db import connection

from bench.emptying import empty_shop
from bench.shop import ScratchShop
from bench.stock import stock
from bench.vectors import VectorSet, vectors_of
from catalog.models import Product
from recommendations.embeddings.neighbours import nearest_pictures
from recommendations.models import EmbeddingModel
from recommendations.search.filters import ANYTHING, Filters
from recommendations.search.plans import VISIT, plan

SHARES = (0.8, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005)
RESULTS = (10, 50)  # products per page
NEAR = 4  # times as fast; beyond this the planner joins in other ways, and neither cost matters


@dataclass(frozen=True)
class Point:
    """Medians of one filter. Attributes:
    walk, compare: milliseconds.
    full: whether the walk always filled the page: where it gives up, the search compares after all.
    """

    share: float
    walk: float
    compare: float
    full: bool


def measure(shop: ScratchShop, *, rows: int, queries: int) -> None:
    empty_shop()
    model = stock(shop, vectors_of(VectorSet("plans", rows, pooled=False), shop, most=None), fresh=True).model
    print(f"{rows:,} x {model.dimension}; medians of {queries} queries, each both ways in turn")
    for results in RESULTS:
        fetch = plan(ANYTHING, results + 1).fetch  # one more row shows whether there is a next page
        points = [_point(model, share, rows, fetch, queries) for share in SHARES]
        print(f"\n{results} products, {fetch} rows to fetch")
        print(f"{'leaves':>8} {'rows':>8} {'walk ms':>9} {'compare ms':>11}")
        for point in points:
            gave_up = "" if point.full else "  (the walk gave up)"
            print(f"{point.share:8.1%} {point.share * rows:8,.0f} {point.walk:9.2f} {point.compare:11.2f}{gave_up}")
        _conclude(points, rows, fetch)


def _conclude(points: list[Point], rows: int, fetch: int) -> None:
    crossing = _crossing(points)
    if crossing is None:
        print("the two never cross")
        return
    near = [point for point in points if point.full and 1 / NEAR <= point.walk / point.compare <= NEAR]
    visit = _slope([fetch / point.share for point in near], [point.walk for point in near])
    compared = _slope([point.share * rows for point in near], [point.compare for point in near])
    print(f"near there one more visit takes {1000 * visit:.1f} us, one more comparison {1000 * compared:.1f} us")
    print(
        f"both take equally long where the filter leaves {crossing:.2%}: VISIT = {crossing**2 * rows / fetch:.1f}; "
        f"the VISIT in force, {VISIT:g}, changes over at {sqrt(VISIT * fetch / rows):.2%}"
    )


def _point(model: EmbeddingModel, share: float, rows: int, fetch: int, queries: int) -> Point:
    filters = Filters(price_max=Decimal(round(share * rows)))
    chance = np.random.default_rng(6)
    skus = [f"B{number}" for number in chance.choice(rows, size=queries + 1, replace=False)]
    walks, compares, full = [], [], True
    for number, product in enumerate(Product.objects.filter(sku__in=skus)):
        rows_of = partial(_ask, product.pk, model, filters, fetch)
        with _walking():
            walk, got = _timed(rows_of)
        compare, there = _timed(partial(rows_of, exact=True))
        if number:  # the first one warms up
            walks.append(walk)
            compares.append(compare)
            full &= got == there
    return Point(share, float(np.median(walks)), float(np.median(compares)), full)


def _ask(own: int, model: EmbeddingModel, filters: Filters, fetch: int, *, exact: bool = False) -> int:
    """The rows that a search's statement finds."""
    products = Product.objects.published().filter(filters.conditions()).exclude(pk__in=[own]).order_by()
    return len(nearest_pictures(own, model, products, fetch, exact=exact))


@contextmanager
def _walking() -> Iterator[None]:
    """Force the use of the index: for a narrow filter the planner would compare."""
    with connection.cursor() as cursor:
        cursor.execute("SET enable_sort = off")
        yield
        cursor.execute("RESET enable_sort")


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    """Milliseconds, and the result."""
    began = time.perf_counter()
    found = work()
    return (time.perf_counter() - began) * 1000, found


def _slope(counts: list[float], times: list[float]) -> float:
    """A line through the points, by least squares of relative errors: short times count as much as long ones."""
    weights = 1 / np.array(times)
    line = np.polynomial.polynomial.polyfit(counts, times, 1, w=weights)
    return float(line[1])


def _crossing(points: list[Point]) -> float | None:
    """The share at which both take the same time, interpolated between its two neighbours."""
    for wide, narrow in pairwise(points):
        above, below = log(wide.walk / wide.compare), log(narrow.walk / narrow.compare)
        if above < 0 <= below:
            part = above / (above - below)
            return exp(log(wide.share) + part * (log(narrow.share) - log(wide.share)))
    return None
