"""The measures of a ranked list, as pure functions.

Two arrays describe the lists of q queries over one gallery:

    hits    bool [q, depth]  whether the picture at rank 1, 2, … depth is relevant
    totals  int [q]          R, the number of relevant pictures in the gallery, without the query itself

Each function returns float64 [q], NaN for a query with R = 0: nothing could be found, so the query does not measure the
vectors. A list shorter than k counts as if irrelevant pictures followed.
"""

from functools import lru_cache

import numpy as np

CUTOFFS = (1, 5, 10)


def precision_at(hits: np.ndarray, totals: np.ndarray, k: int) -> np.ndarray:
    """Share of the first k that are relevant. It cannot reach 1 if R < k; R-precision can."""
    return _known(hits[:, :k].sum(axis=1) / k, totals)


def recall_at(hits: np.ndarray, totals: np.ndarray, k: int) -> np.ndarray:
    """Share of the R relevant pictures that are among the first k."""
    return _known(hits[:, :k].sum(axis=1) / np.maximum(totals, 1), totals)


def success_at(hits: np.ndarray, totals: np.ndarray, k: int) -> np.ndarray:
    """1 if at least one of the first k is relevant; papers on metric learning call this recall@k."""
    return _known(np.any(hits[:, :k], axis=1).astype(np.float64), totals)


def r_precision(hits: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Share of the first R that are relevant."""
    return _known(_within(hits, totals).sum(axis=1) / np.maximum(totals, 1), totals)


def map_at_r(hits: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """(1/R) · sum of precision@i over the ranks i ≤ R with a relevant picture.

    From Musgrave, Belongie, Lim 2020, "A Metric Learning Reality Check": unlike R-precision it also rewards relevant
    pictures for being first. `hits` must reach rank R of every query.
    """
    return _known(_precisions(_within(hits, totals)).sum(axis=1) / np.maximum(totals, 1), totals)


def average_precision_at(hits: np.ndarray, totals: np.ndarray, k: int) -> np.ndarray:
    """(1/min(R, k)) · sum of precision@i over the ranks i ≤ k with a relevant picture; its mean is mAP@k."""
    return _known(_precisions(hits[:, :k]).sum(axis=1) / np.clip(totals, 1, k), totals)


def ndcg_at(hits: np.ndarray, totals: np.ndarray, k: int) -> np.ndarray:
    """Sum of 1/log2(i + 1) over the relevant ranks i ≤ k, divided by that of the best possible list."""
    gains = 1 / np.log2(np.arange(2, k + 2))
    best = np.concatenate([[1.0], gains.cumsum()])[np.minimum(totals, k)]
    return _known(hits[:, :k] @ gains[: hits.shape[1]] / best, totals)


def all_measures(hits: np.ndarray, totals: np.ndarray) -> dict[str, np.ndarray]:
    """All measures by their names in reports, e.g. "precision@10"; each float64 [q]."""
    measures = {f"precision@{k}": precision_at(hits, totals, k) for k in CUTOFFS}
    measures |= {f"recall@{k}": recall_at(hits, totals, k) for k in CUTOFFS}
    measures |= {f"success@{k}": success_at(hits, totals, k) for k in CUTOFFS}
    return measures | {
        "r_precision": r_precision(hits, totals),
        "map@r": map_at_r(hits, totals),
        "map@10": average_precision_at(hits, totals, 10),
        "ndcg@10": ndcg_at(hits, totals, 10),
    }


def coverage(lists: np.ndarray, size: int) -> float:
    """Share of a gallery of `size` pictures that is in at least one of `lists`, int [q, k] of positions."""
    return len(np.unique(lists)) / size


def largest_share_of_lists(lists: np.ndarray) -> float:
    """The largest share of `lists`, int [q, k], that contain the same picture: the strength of the largest hub."""
    return float(np.bincount(lists.ravel()).max() / len(lists)) if lists.size else 0.0


def tag_distance(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """1 − cosine between two sets of tags, each as a vector of ones and zeros; float64 [q, n].

    That is 1 − (tags in common) / √(tags of one · tags of the other); NaN if either has no tags.

    Args:
        queries, gallery: int [q, t] and [n, t], each picture's class in each of t tasks; −1 for none.
    """
    common = sum(
        ((mine[:, None] == theirs) & (mine[:, None] >= 0)).astype(np.float64)
        for mine, theirs in zip(queries.T, gallery.T, strict=True)
    )
    lengths = np.sqrt(np.outer((queries >= 0).sum(axis=1), (gallery >= 0).sum(axis=1)))
    return 1 - np.divide(common, lengths, out=np.full(lengths.shape, np.nan), where=lengths > 0)


def spearman(left: np.ndarray, right: np.ndarray) -> float:
    """Spearman's rank correlation of two float [m]: Pearson's correlation of their ranks, with the mean rank for equal
    values. Pairs with a NaN are left out; NaN if fewer than two are left or one side is constant."""
    known = ~(np.isnan(left) | np.isnan(right))
    a, b = average_ranks(left[known]), average_ranks(right[known])
    a, b = a - a.mean() if a.size else a, b - b.mean() if b.size else b
    lengths = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / lengths if lengths > 0 else float("nan")


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Rank of each value, 1 for the smallest, with the mean rank for equal values; float64 [m]."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[inverse]


def rank_of(scores: np.ndarray, targets: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """The rank of one wanted picture in each list, from 1; pictures with an equal score come before it.

    Args:
        scores: float [q, n], higher is nearer.
        targets: int [q], the wanted position in the gallery.
        among: int [m], positions of the pictures that compete with the wanted one; all by default.
    """
    wanted = scores[np.arange(len(scores)), targets][:, None]
    if among is None:
        return (scores >= wanted).sum(axis=1)
    return 1 + ((scores[:, among] >= wanted) & (among != targets[:, None])).sum(axis=1)


def micro_mean(values: np.ndarray) -> float:
    """Mean over the queries that count; NaN if none does."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def macro_mean(values: np.ndarray, classes: np.ndarray, *, at_least: int = 1) -> tuple[float, int]:
    """Mean over classes of the mean over their queries, and the number of those classes.

    Args:
        values: float [q], NaN for queries that do not count.
        classes: int [q], the class of each query.
        at_least: classes with fewer counting queries are left out, because their mean is mostly chance.
    """
    known = ~np.isnan(values)
    _, inverse, counts = np.unique(classes[known], return_inverse=True, return_counts=True)
    enough = counts >= at_least
    if not enough.any():
        return float("nan"), 0
    sums = np.bincount(inverse, values[known], minlength=len(counts))
    return float((sums[enough] / counts[enough]).mean()), int(enough.sum())


@lru_cache(maxsize=4)
def resamples(count: int, times: int, *, seed: int = 0) -> np.ndarray:
    """How often each of `count` queries is drawn in each of `times` bootstrap samples; float32 [times, count].

    The same seed gives the same samples, so two models measured on the same queries get the same resamples.
    """
    drawn = np.zeros((times, count), np.float32)
    if count:
        drawn[:] = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=times)
    drawn.flags.writeable = False  # callers share the array
    return drawn


def micro_interval(values: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of `micro_mean` over bootstrap samples.

    Args:
        values: float [q], NaN for queries that do not count.
        drawn: float32 [times, q], from `resamples`.
    """
    known = ~np.isnan(values)
    counts = drawn @ known.astype(np.float32)
    return _middle(drawn @ np.where(known, values, 0).astype(np.float32), counts)


def macro_interval(
    values: np.ndarray, classes: np.ndarray, drawn: np.ndarray, *, at_least: int = 1
) -> tuple[float, float]:
    """The middle 95 % of `macro_mean` over bootstrap samples; a class that is not in a sample does not count there."""
    rows = np.flatnonzero(~np.isnan(values))
    rows = rows[np.argsort(classes[rows], kind="stable")]
    _, inverse, counts = np.unique(classes[rows], return_inverse=True, return_counts=True)
    rows, counts = rows[counts[inverse] >= at_least], counts[counts >= at_least]
    if not rows.size:
        return float("nan"), float("nan")
    starts = np.concatenate([[0], counts.cumsum()[:-1]])
    by_class = drawn[:, rows]
    drawn_of_class = np.add.reduceat(by_class, starts, axis=1)
    sums = np.add.reduceat(by_class * values[rows].astype(np.float32), starts, axis=1)
    means = np.divide(sums, drawn_of_class, out=np.zeros_like(sums), where=drawn_of_class > 0)
    return _middle(means.sum(axis=1), (drawn_of_class > 0).sum(axis=1).astype(np.float32))


def _middle(sums: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    means = sums[counts > 0] / counts[counts > 0]
    if not means.size:
        return float("nan"), float("nan")
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _known(values: np.ndarray, totals: np.ndarray) -> np.ndarray:
    return np.where(totals > 0, values, np.nan)


def _within(hits: np.ndarray, totals: np.ndarray) -> np.ndarray:
    return hits & (np.arange(hits.shape[1]) < totals[:, None])


def _precisions(hits: np.ndarray) -> np.ndarray:
    """precision@i at the ranks with a relevant picture, 0 elsewhere; float32 [q, depth]."""
    # The largest temporaries of an evaluation: 128 queries × 6,000 ranks are 3 MB each in 32 bits.
    ranks = np.arange(1, hits.shape[1] + 1, dtype=np.float32)
    return np.where(hits, hits.cumsum(axis=1, dtype=np.int32) / ranks, np.float32(0)).astype(np.float32, copy=False)
