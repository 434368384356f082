"""What a cosine means in this shop: `match`, 0 to 100, made from the shop's own catalog for each model.

Where products have labels it is the chance that two pictures with this cosine show the same kind of thing in the same
family of colours, by isotonic regression on pairs of the catalog (Zadrozny and Elkan 2002). Without labels nobody
knows that chance, and it is a rank among such pairs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np
from django.db.models import TextField
from django.db.models.functions import MD5, Cast

from catalog.models import Product
from ml.datasets.families import family_of
from recommendations.embeddings.indexes import index_due
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding
from recommendations.querysets import similarity
from recommendations.search.isotonic import Curve, calibration_error, fit

#: 1,000 searches take 4 s at 39,571 pictures; a third of them, held out, tell the error to about ±.015.
QUERIES = 1000
NEIGHBOURS = 24  # of each: what pages show
STRANGERS = 12  # of each, at random: what low cosines mean
HELD_OUT = 3  # every third query measures, the others fit
LEAST_PICTURES = 100  # fewer say nothing
_RANKS = 60  # knots of the curve of ranks

#: Least matches, in percent, where they are chances: with the bundled model cosines of about .94 and .84.
VERY_CLOSE, CLOSE = 70, 50
#: "Same kind" is said where that is more likely than not, whatever the colour.
SAME_KIND_CHANCE = 0.5
#: Where not even one in four would be of the same kind, nothing is really similar.
FLOOR_CHANCE = 0.25
#: The same for ranks: 50 divides strangers from neighbours, 75 is the middle neighbour.
RANK_VERY_CLOSE, RANK_CLOSE, RANK_FLOOR = 90, 70, 45


class MatchBasis(StrEnum):
    """What `match` is."""

    CHANCE = "chance"
    RANK = "rank"


class Word(StrEnum):
    """What a shopper is told of a look-alike."""

    VERY_CLOSE = "Very close"
    CLOSE = "Close"
    SAME_KIND = "Same kind"


@dataclass(frozen=True)
class Calibration:
    """Attributes:
    basis: chance, or rank where labels are missing.
    colours: whether the chance is of kind and colour; else of the kind alone.
    curve: cosine → match / 100.
    words: the least match of each, best first.
    floor: below it nothing is really similar.
    error: expected calibration error on held-out neighbours; None for ranks.
    pairs: that the curve was fitted to.
    pictures: that the model had then.
    """

    basis: MatchBasis
    colours: bool
    curve: Curve
    words: dict[Word, int]
    floor: int
    error: float | None
    pairs: int
    pictures: int

    def match(self, score: float) -> int:
        """0 to 100, of a cosine."""
        return round(100 * self.curve(score))

    def word(self, match: int) -> str:
        """For shoppers; empty where there is nothing to boast of."""
        return next((word.value for word, least in self.words.items() if match >= least), "")

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.basis.value,
            "colours": self.colours,
            **self.curve.to_json(),
            "words": {word.name: least for word, least in self.words.items()},
            "floor": self.floor,
            "error": None if self.error is None else round(self.error, 4),
            "pairs": self.pairs,
            "pictures": self.pictures,
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        return cls(
            basis=MatchBasis(found["kind"]),
            colours=found["colours"],
            curve=Curve.from_json(found),
            words={word: found["words"][word.name] for word in Word if word.name in found["words"]},
            floor=found["floor"],
            error=found["error"],
            pairs=found["pairs"],
            pictures=found["pictures"],
        )


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures of the catalog.

    Attributes:
        scores: float64 [n], cosines.
        near: bool [n], whether the second is among the neighbours of the first; else it is a stranger.
        query: int [n], number of the first.
        kind: bool [n], the same category; None where the catalog has but one.
        colour: int8 [n], 1 the same family of colours, 0 another, -1 not known; None where few products have one.
    """

    scores: np.ndarray
    near: np.ndarray
    query: np.ndarray
    kind: np.ndarray | None
    colour: np.ndarray | None


def calibration_of(model: EmbeddingModel | None) -> Calibration | None:
    """None before there is one, and while one that cannot be read waits to be made again."""
    if model is None or not model.calibration:
        return None
    try:
        found = Calibration.from_json(model.calibration)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return found if 0 < len(found.curve.scores) == len(found.curve.values) else None


def calibrate(model: EmbeddingModel) -> Calibration | None:
    """Make the model's calibration from the catalog as it is, and store it; None with too few pictures."""
    pictures = ImageEmbedding.objects.filter(model=model, state=EmbeddingState.READY).count()
    pairs = sample_pairs(model) if pictures >= LEAST_PICTURES else None
    if pairs is None:
        return None
    made = calibrated(pairs, pictures)
    model.calibration = made.to_json()
    model.save(update_fields=["calibration"])
    return made


def calibrate_if_due(model: EmbeddingModel) -> None:
    """Once there are enough pictures, and again whenever there are twice as many; not while its index is missing."""
    if is_due(model) and not index_due(model):
        calibrate(model)


def is_due(model: EmbeddingModel) -> bool:
    found = calibration_of(model)
    known = found.pictures if found else 0
    ready = ImageEmbedding.objects.filter(model=model, state=EmbeddingState.READY)
    if not known:
        return ready[:LEAST_PICTURES].count() >= LEAST_PICTURES
    # Asked every minute: a million rows are counted only when the statistics, which cost nothing, say so.
    expected = json.loads(ready.explain(format="json"))[0]["Plan"]["Plan Rows"]
    return expected >= 2 * known and ready[: 2 * known].count() >= 2 * known


def calibrated(pairs: Pairs, pictures: int) -> Calibration:
    """From pairs, as `sample_pairs` finds them."""
    if pairs.kind is None:
        return _ranked(pairs, pictures)
    alike = pairs.kind if pairs.colour is None else pairs.kind & (pairs.colour == 1)
    known = np.ones(len(alike), bool) if pairs.colour is None else pairs.colour >= 0
    held_out = pairs.query % HELD_OUT == 0
    fitted, measured = known & ~held_out, known & held_out & pairs.near
    if not fitted.any():  # the pictures of two products, one of them without a colour
        return _ranked(pairs, pictures)
    curve = fit(pairs.scores[fitted], alike[fitted])
    kinds = fit(pairs.scores[fitted], pairs.kind[fitted])
    words = {Word.VERY_CLOSE: VERY_CLOSE, Word.CLOSE: CLOSE}
    likely = kinds.first_score_of(SAME_KIND_CHANCE)
    if likely is not None and (least := round(100 * curve(likely))) < CLOSE:
        words[Word.SAME_KIND] = least
    floor = kinds.first_score_of(FLOOR_CHANCE)
    return Calibration(
        basis=MatchBasis.CHANCE,
        colours=pairs.colour is not None,
        curve=curve,
        words=words,
        floor=0 if floor is None else round(100 * curve(floor)),
        error=calibration_error(curve.at(pairs.scores[measured]), alike[measured]) if measured.any() else None,
        pairs=int(fitted.sum()),
        pictures=pictures,
    )


def _ranked(pairs: Pairs, pictures: int) -> Calibration:
    """The share of pairs that are less alike, neighbours and strangers counting one half each."""
    weights = np.where(pairs.near, 0.5 / max(pairs.near.sum(), 1), 0.5 / max((~pairs.near).sum(), 1))
    order = np.argsort(pairs.scores, kind="stable")
    scores = pairs.scores[order]
    below = np.cumsum(weights[order]) - weights[order] / 2
    knots = np.unique(np.linspace(0, len(scores) - 1, _RANKS).astype(int))
    return Calibration(
        basis=MatchBasis.RANK,
        colours=False,
        curve=Curve(scores[knots], np.clip(below[knots] / weights.sum(), 0, 1)),
        words={Word.VERY_CLOSE: RANK_VERY_CLOSE, Word.CLOSE: RANK_CLOSE},
        floor=RANK_FLOOR,
        error=None,
        pairs=len(scores),
        pictures=pictures,
    )


def sample_pairs(model: EmbeddingModel) -> Pairs | None:
    """Some pictures, each with its neighbours as a search finds them and with strangers; the same ones every time,
    while the catalog is the same. None where fewer than two products are on show."""
    chosen = ImageEmbedding.objects.servable(model).order_by(MD5(Cast("pk", TextField())))
    rows = list(chosen.values_list("image__product_id", "vector")[:QUERIES])
    first: list[int] = []
    second: list[int] = []
    scores: list[float] = []
    query: list[int] = []
    near: list[bool] = []

    def add(number: int, product: int, other: int, score: float, *, neighbour: bool) -> None:
        if product != other:
            first.append(product)
            second.append(other)
            scores.append(score)
            query.append(number)
            near.append(neighbour)

    vectors = [np.asarray(vector, np.float32) for _, vector in rows]
    for number, (product, _) in enumerate(rows):
        found = ImageEmbedding.objects.nearest(vectors[number], model)[: NEIGHBOURS + 1]
        for other, distance in found.values_list("image__product_id", "distance"):  # type: ignore[misc]
            add(number, product, other, similarity(distance, model.metric), neighbour=True)
        for step in range(1, min(STRANGERS + 1, len(rows))):
            stranger = (number + step * 7) % len(rows)
            add(number, product, rows[stranger][0], float(vectors[number] @ vectors[stranger]), neighbour=False)
    if not scores:
        return None
    kinds, colours = _labels({*first, *second})
    return Pairs(
        np.array(scores),
        np.array(near),
        np.array(query),
        _same_kind(kinds, first, second),
        _same_colour(colours, first, second),
    )


def _labels(products: Iterable[int]) -> tuple[dict[int, int], dict[int, str | None]]:
    """Product → category, and → family of colours."""
    rows = list(Product.objects.filter(pk__in=products).values_list("pk", "category_id", "attributes__colour"))
    return (
        {pk: category for pk, category, _ in rows},
        {pk: family_of(colour) if isinstance(colour, str) else None for pk, _, colour in rows},
    )


def _same_kind(kinds: dict[int, int], first: list[int], second: list[int]) -> np.ndarray | None:
    if len(set(kinds.values())) < 2:
        return None
    return np.array([kinds.get(one) == kinds.get(other) for one, other in zip(first, second, strict=True)])


def _same_colour(colours: dict[int, str | None], first: list[int], second: list[int]) -> np.ndarray | None:
    if sum(family is not None for family in colours.values()) < len(colours) / 2:
        return None
    families = [(colours.get(one), colours.get(other)) for one, other in zip(first, second, strict=True)]
    return np.array([-1 if None in pair else int(pair[0] == pair[1]) for pair in families], np.int8)
