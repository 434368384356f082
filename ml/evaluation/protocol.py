"""The protocol: lists for every query, measured by every notion of relevance."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ml.evaluation import metrics
from ml.evaluation.pictures import PictureSet
from ml.evaluation.questions import Notion, Question
from ml.evaluation.ranking import nearest, ranked

LISTED = 10
# A class with one or two queries has a mean that is mostly chance. With three, the macro figures of a tenth of the
# fashion set cover 85 of its 139 types.
MACRO_AT_LEAST = 3
NEAR_DUPLICATE = 0.98
# Root mean square difference of two 16 × 16 thumbnails, of 255: below it, people call two photos the same.
SAME_THUMBNAIL = 8.0

_CORRELATED_WITH = 1000
_CONFUSIONS = 25
_AT_EVERY_SIZE = ("precision@1", "precision@5", "precision@10")


@dataclass(frozen=True)
class Settings:
    """Attributes:
    gallery_sizes: of the smaller, random galleries, each a subset of the next.
    resamples: bootstrap samples for the intervals.
    near_duplicate: a found picture with at least this cosine counts as a near-duplicate of its query.
    coverage_size: size of the gallery in which every picture is a query, for coverage and hubs.
    held_out: positions of queries, int, with types held out of training; they are measured separately.
    """

    gallery_sizes: tuple[int, ...] = (1000, 10000)
    resamples: int = 1000
    seed: int = 0
    near_duplicate: float = NEAR_DUPLICATE
    coverage_size: int = 10000
    held_out: np.ndarray = field(default_factory=lambda: np.zeros(0, int))


@dataclass(frozen=True)
class Measured:
    """Attributes: values, notion → measure → float64 [q]; lists, int [q, 10] or narrower."""

    values: Mapping[str, Mapping[str, np.ndarray]]
    lists: np.ndarray


@dataclass(frozen=True)
class Answer:
    """Attributes: figures, for JSON; measured, for contact sheets."""

    figures: dict[str, Any]
    measured: Measured


def answer(
    question: Question,
    asked: np.ndarray,
    gallery: np.ndarray,
    settings: Settings,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> Answer:
    """Everything that is reported about one system.

    Args:
        asked: float32 [q, D], unit length, the vectors of `question.queries`.
        gallery: float32 [n, D], the vectors of `question.gallery`.
        advance: called with the number of queries answered since the last call.
    """
    measured = measure(question.notions, asked, gallery, question.own, advance=advance)
    taught = np.setdiff1d(np.arange(len(asked)), settings.held_out)
    figures: dict[str, Any] = {"notions": summary(measured, question.notions, taught, settings)}
    if settings.held_out.size:
        figures["held_out_types"] = summary(measured, question.notions, settings.held_out, settings)
    figures["galleries"] = _smaller_galleries(question, asked, gallery, taught, settings)
    whole = {name: _short(notion) for name, notion in figures["notions"].items()}
    figures["galleries"].append({"size": len(gallery), "notions": whole})
    figures["lists"] = _lists(question, asked, gallery, measured.lists, settings)
    figures["correlation"] = _correlation(question, asked, gallery, settings)
    main = question.notions[0]
    figures["classes"] = class_table(measured, main, taught)
    figures["confusions"] = confusions(measured.lists[taught], main, taught)
    return Answer(figures, measured)


def measure(
    notions: Sequence[Notion],
    asked: np.ndarray,
    gallery: np.ndarray,
    own: np.ndarray,
    *,
    advance: Callable[[int], None] = lambda _: None,
) -> Measured:
    """Rank the whole gallery for every query, and measure the lists.

    4,000 queries of 128 numbers in 38,928 pictures took 8.5 s on two busy cores.
    """
    values: dict[str, dict[str, np.ndarray]] = {notion.name: {} for notion in notions}
    lists = np.zeros((len(asked), min(LISTED, len(gallery) - int((own >= 0).any()))), np.int64)
    for block, order in ranked(asked, gallery, own):
        lists[block] = order[:, : lists.shape[1]]
        present = np.flatnonzero(own[block] >= 0)
        for notion in notions:
            relevant = notion.relevant(block)
            relevant[present, own[block][present]] = False
            totals = relevant.sum(axis=1)
            depth = max(LISTED, int(totals.max(initial=0)))
            hits = np.take_along_axis(relevant, order[:, :depth], axis=1)
            for name, found in metrics.all_measures(hits, totals).items():
                values[notion.name].setdefault(name, np.full(len(asked), np.nan))[block] = found
        advance(len(order))
    return Measured(values, lists)


def summary(
    measured: Measured,
    notions: Sequence[Notion],
    rows: np.ndarray,
    settings: Settings,
    *,
    only: Sequence[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """Micro and macro means with intervals, by notion, over the queries `rows`; for all measures, or for `only`."""
    drawn = metrics.resamples(len(rows), settings.resamples, seed=settings.seed)
    found: dict[str, dict[str, Any]] = {}
    for notion in notions:
        classes = notion.queries[rows]
        micro, macro, of_classes = {}, {}, 0
        for name, every in measured.values[notion.name].items():
            if only is not None and name not in only:
                continue
            values = every[rows]
            micro[name] = _figure(metrics.micro_mean(values), metrics.micro_interval(values, drawn))
            mean, of_classes = metrics.macro_mean(values, classes, at_least=MACRO_AT_LEAST)
            interval = metrics.macro_interval(values, classes, drawn, at_least=MACRO_AT_LEAST)
            macro[name] = _figure(mean, interval)
        counted = ~np.isnan(next(iter(measured.values[notion.name].values()))[rows])
        found[notion.name] = {
            "queries": int(counted.sum()),
            "unlabelled": int((classes < 0).sum()),
            "nothing_to_find": int(((classes >= 0) & ~counted).sum()),
            "macro_classes": of_classes,
            "micro": micro,
            "macro": macro,
        }
    return found


def class_table(measured: Measured, notion: Notion, rows: np.ndarray) -> list[dict[str, Any]]:
    """A row for each class with queries, worst first: its figures, and the wrong classes in its lists."""
    values, table = measured.values[notion.name], []
    for key, label in enumerate(notion.classes):
        of_class = rows[notion.queries[rows] == key]
        if not of_class.size:
            continue
        kinds = notion.gallery[measured.lists[of_class]]
        wrong = kinds[~_right(notion, np.full(len(kinds), key), kinds)]
        instead = Counter(wrong[wrong >= 0].tolist()).most_common(3)
        table.append(
            {
                "label": label,
                "queries": int(of_class.size),
                "gallery": int(_in_gallery(notion, key)),
                **{name: _number(metrics.micro_mean(every[of_class])) for name, every in values.items()},
                "instead": [
                    {"label": notion.found[other], "share": count / max(1, kinds.size)} for other, count in instead
                ],
            }
        )
    return sorted(table, key=lambda row: (row["precision@10"] is None, row["precision@10"] or 0.0, row["label"]))


def confusions(lists: np.ndarray, notion: Notion, rows: np.ndarray) -> list[dict[str, Any]]:
    """The most frequent pairs (asked, found instead) in the lists."""
    asked = np.repeat(notion.queries[rows], lists.shape[1])
    found = notion.gallery[lists].ravel()
    wrong = ~_right(notion, asked, found[:, None])[:, 0] & (asked >= 0) & (found >= 0)
    pairs = Counter(zip(asked[wrong].tolist(), found[wrong].tolist(), strict=True))
    places = Counter(asked.tolist())
    return [
        {"asked": notion.classes[a], "found": notion.found[b], "count": count, "share": count / places[a]}
        for (a, b), count in pairs.most_common(_CONFUSIONS)
    ]


def find_self(
    pictures: PictureSet, queries: PictureSet, vectors: np.ndarray, gallery: np.ndarray, settings: Settings
) -> dict[str, Any]:
    """The ranks at which `queries` find the picture with the same file name in `pictures`, among all others and among
    the random galleries of `settings`. A name that several different pictures have does not count.

    Raises:
        ValueError: the two sets have no such name in common.
    """
    by_file_name: dict[str, int] = {}
    for name, place in pictures.place.items():
        file_name = name.rsplit("/", 1)[-1]
        if by_file_name.setdefault(file_name, place) != place:
            by_file_name[file_name] = -1  # several different pictures: ambiguous
    wanted = [by_file_name.get(sample.name.rsplit("/", 1)[-1], -1) for sample in queries.samples]
    rows = np.flatnonzero(np.array(wanted) >= 0)
    if not rows.size:
        raise ValueError(f"No picture of {queries.name} has the file name of exactly one in {pictures.name}.")
    targets = np.array(wanted)[rows]
    smaller = _random_galleries(len(gallery), settings)
    found: list[list[np.ndarray]] = [[] for _ in range(len(smaller) + 1)]
    for start in range(0, len(rows), 128):
        scores, own = vectors[rows[start : start + 128]] @ gallery.T, targets[start : start + 128]
        for ranks_among, among in zip(found, (*smaller, None), strict=True):
            ranks_among.append(metrics.rank_of(scores, own, among))
    *of_smaller, ranks = map(np.concatenate, found)
    drawn = metrics.resamples(len(rows), settings.resamples, seed=settings.seed)

    def within(some: np.ndarray) -> dict[str, Any]:
        return {
            f"within_{k}": _figure(float((some <= k).mean()), metrics.micro_interval((some <= k) * 1.0, drawn))
            for k in metrics.CUTOFFS
        }

    return {
        "queries": int(rows.size),
        "without_a_counterpart": len(queries) - int(rows.size),
        **within(ranks),
        "galleries": [
            *({"size": len(among), **within(some)} for among, some in zip(smaller, of_smaller, strict=True)),
            {"size": len(gallery), **within(ranks)},
        ],
        "mean_reciprocal_rank": float((1 / ranks).mean()),
        "not_first": [
            {"name": queries.samples[int(rows[index])].name, "rank": int(ranks[index])}
            for index in np.argsort(-ranks, kind="stable")[: int((ranks > 1).sum())]
        ],
    }


def _smaller_galleries(
    question: Question, asked: np.ndarray, gallery: np.ndarray, taught: np.ndarray, settings: Settings
) -> list[dict[str, Any]]:
    found = []
    for positions in _random_galleries(len(gallery), settings):
        size = len(positions)
        new = np.full(len(gallery) + 1, -1)  # the last entry is for queries that are not in the gallery: −1
        new[positions] = np.arange(size)
        notions = [notion.among(positions) for notion in question.notions]
        measured = measure(notions, asked, gallery[positions], new[question.own])
        figures = summary(measured, notions, taught, settings, only=_AT_EVERY_SIZE)
        found.append({"size": size, "notions": {name: _short(notion) for name, notion in figures.items()}})
    return found


def _random_galleries(count: int, settings: Settings) -> list[np.ndarray]:
    """Positions of the pictures in each smaller gallery, int, smallest first; the same for every model and question."""
    order = np.random.default_rng(settings.seed).permutation(count)
    return [np.sort(order[:size]) for size in sorted(settings.gallery_sizes) if size < count]


def _short(notion: dict[str, Any]) -> dict[str, Any]:
    counts = {key: notion[key] for key in ("queries", "nothing_to_find", "macro_classes")}
    return counts | {mean: {name: notion[mean][name] for name in _AT_EVERY_SIZE} for mean in ("micro", "macro")}


def _lists(
    question: Question, asked: np.ndarray, gallery: np.ndarray, lists: np.ndarray, settings: Settings
) -> dict[str, Any]:
    if not lists.size:
        return {}
    alike = np.stack([gallery[row] @ vector for row, vector in zip(lists, asked, strict=True)])
    alike = alike >= settings.near_duplicate
    mine, theirs = question.thumbnails
    same = np.stack([_same_thumbnail(picture, theirs[row]) for picture, row in zip(mine, lists, strict=True)])
    of_lists = {
        "near_duplicate_cosine": settings.near_duplicate,
        "near_duplicates_per_list": float(alike.sum(axis=1).mean()),
        "lists_with_near_duplicates": float(alike.any(axis=1).mean()),
        "same_photo_per_list": float(same.sum(axis=1).mean()),
        "lists_with_same_photo": float(same.any(axis=1).mean()),
    }
    size = min(settings.coverage_size, len(gallery))
    if size < 2:
        return of_lists
    some = gallery[np.sort(np.random.default_rng(settings.seed).permutation(len(gallery))[:size])]
    everyone = nearest(some, some, np.arange(size), LISTED)
    return of_lists | {
        "coverage_gallery": size,
        "coverage": metrics.coverage(everyone, size),
        "largest_share_of_lists": metrics.largest_share_of_lists(everyone),
    }


def _same_thumbnail(picture: np.ndarray, others: np.ndarray) -> np.ndarray:
    close: np.ndarray = np.sqrt(((others - picture) ** 2).mean(axis=(1, 2, 3))) <= SAME_THUMBNAIL
    return close


def _correlation(
    question: Question, asked: np.ndarray, gallery: np.ndarray, settings: Settings
) -> dict[str, Any] | None:
    """The correlation between distances of vectors and distances of tags, after CorrEmbed (Borgersen et al. 2023, arXiv
    2308.16126); here with equal weights for all tags and Spearman's correlation."""
    notions = {notion.name: notion for notion in question.notions}
    tasks = [notions[task] for task in ("type", "colour", "family", "gender") if task in notions]
    if not tasks:
        return None
    positions = np.sort(np.random.default_rng(settings.seed).permutation(len(gallery))[:_CORRELATED_WITH])
    of_gallery = np.stack([task.gallery[positions] for task in tasks], axis=1)
    of_queries = np.stack([task.queries for task in tasks], axis=1)
    values = np.full(len(asked), np.nan)
    for start in range(0, len(asked), 256):
        block = slice(start, start + 256)
        distances = 1 - asked[block] @ gallery[positions].T
        tagged = metrics.tag_distance(of_queries[block], of_gallery)
        tagged[question.own[block, None] == positions] = np.nan  # not with the query itself
        values[block] = [metrics.spearman(a, b) for a, b in zip(distances, tagged, strict=True)]
    drawn = metrics.resamples(len(asked), settings.resamples, seed=settings.seed)
    return {
        "tags": [task.name for task in tasks],
        "pictures": len(positions),
        "queries": int((~np.isnan(values)).sum()),
        "spearman": _figure(metrics.micro_mean(values), metrics.micro_interval(values, drawn)),
    }


def _right(notion: Notion, asked: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Whether `found`, int [q, k] of classes, is relevant to `asked`, int [q]."""
    known = (asked >= 0)[:, None] & (found >= 0)
    if notion.allowed is None:
        return known & (asked[:, None] == found)
    return known & notion.allowed[asked[:, None], found]


def _in_gallery(notion: Notion, key: int) -> int:
    if notion.allowed is None:
        return int((notion.gallery == key).sum())
    return int(notion.allowed[key][notion.gallery[notion.gallery >= 0]].sum())


def _figure(mean: float, interval: tuple[float, float]) -> dict[str, float | None]:
    return {"mean": _number(mean), "low": _number(interval[0]), "high": _number(interval[1])}


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else round(float(value), 6)
