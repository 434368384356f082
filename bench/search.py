"""The similar-products query of a product page, on up to a million vectors, next to other ways to find neighbours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from bench.rivals import MODULES, Rival, missing, rivals
from bench.shop import ScratchShop
from bench.stock import Stock, stock
from bench.vectors import PART, SETS, Vectors, VectorSet, vectors_of
from catalog.models import Product
from ml.runtimes.onnx import usable_cores
from recommendations.search.filters import Filters
from recommendations.search.plans import plan
from recommendations.search.request import SearchRequest
from recommendations.search.service import find_similar

SELECTIVITIES = (None, 0.5, 0.1, 0.01, 0.001)
K = 10
WARM_UP = 300  # searches of other products first: a shop in use has its index in memory
TRUTHS = 100  # searches that are checked against a comparison with all vectors
QUICK_ROWS, QUICK_QUERIES = PART, 30
RIVAL_SECONDS, RIVAL_LEAST = 20.0, 10  # a slow library gets fewer queries
SAME = 1e-4  # as similar as the tenth: half floats are no finer, and some photos are in the catalog twice


@dataclass(frozen=True)
class Timing:
    """Attributes:
    p50, p95: milliseconds.
    full: share of the answers with as many products as there are, at most `K`.
    recall: share of what is found that is as alike as the tenth best.
    """

    p50: float
    p95: float
    full: float
    recall: float


def measure(
    shop: ScratchShop, *, sets: str, queries: int, quick: bool, libraries: str, build_only: bool, fresh: bool
) -> None:
    wanted = [SETS[name] for name in sets.split(",")]
    others = [name for name in libraries.split(",") if name]
    if unknown := set(others) - set(MODULES):
        raise SystemExit(f"--libraries takes {', '.join(MODULES)}; not {', '.join(sorted(unknown))}.")
    print(f"{usable_cores()} cores; milliseconds of one search for {K} products; needs an otherwise idle machine")
    if shop.photos is None:
        print(
            "LOOKALIKE_DATA is not set: vectors of the demo photos, those of 2,048 numbers from an untrained network."
        )
    for line in missing(others):
        print(f"left out: {line}")
    for entry in wanted:
        _measure_set(shop, entry, min(queries, QUICK_QUERIES) if quick else queries, quick, others, build_only, fresh)


def _measure_set(
    shop: ScratchShop, wanted: VectorSet, queries: int, quick: bool, others: list[str], build_only: bool, fresh: bool
) -> None:
    vectors = vectors_of(wanted, shop, most=QUICK_ROWS if quick else None)
    filled = stock(shop, vectors, fresh=fresh)
    print(f"\n{wanted.name}: {vectors.describe()}")
    print(
        f"  HNSW index of halves: {filled.index_mib:,.0f} MiB, built in {filled.indexed_s:.0f} s "
        f"(rows written in {filled.filled_s:.0f} s)"
    )
    kept = shop.var / "vectors" / f"{vectors.key}.hnswlib"
    if build_only:
        for rival in rivals(others, vectors.values, kept):
            print(f"  {rival.name}: built in {rival.built_s:.0f} s")
        return
    chosen = np.random.default_rng(5).permutation(vectors.real)
    asking, before = chosen[:queries], chosen[-WARM_UP:]
    print(f"\n  {'filter':>7} {'plan':>6} {'p50':>8} {'p95':>8} {'N of N':>8} {'recall@10':>10}")
    unfiltered = 0.0
    for share in SELECTIVITIES:
        found = _ours(vectors, filled, asking, before, share)
        unfiltered = unfiltered or found.p50
        chosen_plan = plan(_filters(len(vectors.values), share), K + 1)
        way = "exact" if chosen_plan.exact or not filled.index_mib else "index"
        print(
            f"  {'none' if share is None else f'{share:.1%}':>7} {way:>6} {found.p50:8.2f} {found.p95:8.2f} "
            f"{found.full:8.1%} {found.recall:10.3f}"
        )
    truths = _tenth_best(vectors.values, asking[:TRUTHS], None)
    print(
        f"\n  {'':<32} {'threads':>8} {'p50':>8} {'p95':>8} {'recall@10':>10} {'MiB':>7} {'built s':>8} {'x ours':>7}"
    )
    for rival in rivals(others, vectors.values, kept):
        for label, found in _theirs(rival, vectors.values, asking, truths):
            print(
                f"  {rival.name:<32} {label:>8} {found.p50:8.2f} {found.p95:8.2f} {found.recall:10.3f} "
                f"{rival.index_mib:7,.0f} {rival.built_s:8.1f} {found.p50 / unfiltered:7.1f}",
                flush=True,
            )


def _filters(rows: int, share: float | None) -> Filters:
    """A budget that this share of the products meets."""
    return Filters(price_max=None if share is None else Decimal(max(1, round(share * rows))))


def _ours(vectors: Vectors, filled: Stock, asking: np.ndarray, before: np.ndarray, share: float | None) -> Timing:
    """The product's own call, with all its queries and Python code."""
    request = SearchRequest(K, _filters(len(vectors.values), share))
    meets = None if request.filters.price_max is None else filled.prices <= int(request.filters.price_max)
    truths = _tenth_best(vectors.values, asking[:TRUTHS], meets)
    by_sku = {product.sku: product for product in Product.objects.filter(sku__in=[f"B{n}" for n in (*asking, *before)])}
    for number in before:
        find_similar(by_sku[f"B{number}"], request)
    times, full, right, listed = [], 0, 0, 0
    for place, number in enumerate(asking):
        product = by_sku[f"B{number}"]
        began = time.perf_counter()
        found = find_similar(product, request).matches
        times.append((time.perf_counter() - began) * 1000)
        exist = len(vectors.values) if meets is None else int(meets.sum())
        expected = min(K, exist - (meets is None or bool(meets[number])))
        full += len(found) >= expected
        if place < len(truths):
            rows = [int(match.product.sku[1:]) for match in found]
            right += int((vectors.values[rows] @ vectors.values[number] >= truths[place] - SAME).sum())
            listed += expected
    return Timing(*np.percentile(times, [50, 95]), full / len(asking), right / max(listed, 1))


def _theirs(rival: Rival, vectors: np.ndarray, asking: np.ndarray, truths: np.ndarray) -> list[tuple[str, Timing]]:
    """Times with one thread, and with the library's default number of threads."""
    found = []
    if rival.limited is None:
        return [("1", _timed(rival.ask, vectors, asking, truths))]
    with rival.limited():
        found.append(("1", _timed(rival.ask, vectors, asking, truths)))
    return [*found, ("default", _timed(rival.ask, vectors, asking, truths))]


def _timed(
    ask: Callable[[np.ndarray, int], np.ndarray], vectors: np.ndarray, asking: np.ndarray, truths: np.ndarray
) -> Timing:
    times: list[float] = []
    right = listed = 0
    for number in asking[:3]:
        ask(vectors[number : number + 1], K + 1)
    for place, number in enumerate(asking):
        if len(times) >= RIVAL_LEAST and sum(times) > RIVAL_SECONDS * 1000:
            break
        began = time.perf_counter()
        rows = ask(vectors[number : number + 1], K + 1)  # itself among them
        times.append((time.perf_counter() - began) * 1000)
        if place < len(truths):
            others = [row for row in rows if row != number][:K]
            right += int((vectors[others] @ vectors[number] >= truths[place] - SAME).sum())
            listed += K
    return Timing(*np.percentile(times, [50, 95]), 1.0, right / max(listed, 1))


def _tenth_best(vectors: np.ndarray, asking: np.ndarray, meets: np.ndarray | None) -> np.ndarray:
    """Cosine of the tenth best other product, or of the last if there are fewer, by comparison with all."""
    rows = np.arange(len(vectors)) if meets is None else np.flatnonzero(meets)
    best = np.full((len(asking), 0), -1.0, np.float32)
    for start in range(0, len(rows), 50_000):
        part = rows[start : start + 50_000]
        scores = vectors[asking] @ vectors[part].T
        scores[asking[:, None] == part[None, :]] = -np.inf
        best = np.sort(np.concatenate([best, scores], axis=1), axis=1)[:, -K:]
    best[np.isinf(best)] = np.inf
    return np.asarray(best.min(axis=1))
