"""What a cosine means in this shop: `match`, 0 to 100, computed from the shop's own catalog for each model.

Where products have labels, it is the chance that two pictures with this cosine show the same type in the same family of
colours, by isotonic regression on pairs of the catalog (Zadrozny and Elkan 2002). Without labels that chance is
unknown, and `match` is a rank among such pairs.

Beside it, `certain`: how certain a photo's type and colour must be for the shop to state them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
from recommendations.search.photo_types import VOTERS
from recommendations.search.recognition import (
    Fact,
    Guess,
    Labels,
    Recognition,
    guesses_of,
    least_of,
    limits,
    may_state,
    recognised,
    types_of,
)

#: 1,000 searches take 4 s at 39,571 pictures; a third of them, held out, measure the error to about ±.015.
QUERIES = 1000
NEIGHBOURS = 24  # of each query: the number that pages show
STRANGERS = 12  # of each query, at random: they show what low cosines mean
HELD_OUT = 3  # every third query measures the error, the others are fitted
LEAST_PICTURES = 100  # fewer prove nothing
_RANKS = 60  # knots of a curve of ranks

#: Below this chance of the same type, nothing is called similar.
FLOOR_CHANCE = 0.25
#: Nor, with a model that was taught no types, below the cosine that all but this share of the catalog's own pictures
#: have with their nearest. Other models tell better (`recommendations.search.recognition`).
LONELY_SHARE = 0.01
#: Of what is stored; calibrations of an earlier one are replaced by the next sweep, and used until then.
VERSION = 4
#: The lowest rank that is called similar: 50 divides strangers from neighbours, 75 is the median neighbour.
RANK_FLOOR = 45


class MatchBasis(StrEnum):
    """What `match` rests on."""

    CHANCE = "chance"
    RANK = "rank"


@dataclass(frozen=True)
class Calibration:
    """Attributes:
    basis: chance, or rank if labels are missing.
    colours: whether the chance covers type and colour; otherwise only the type.
    curve: cosine → match / 100.
    certain: the lowest certainty at which a photo's type, or colour, may be stated; without what is not right often
        enough at any.
    floor: the lowest match that counts as similar: by the chance of the type and, without `recognition`, by what the
        catalog's own pictures have in common with their nearest.
    recognition: what else a photo must have in common with its neighbours; None if the model was taught no types.
    error: expected calibration error on held-out neighbours; None for ranks.
    pairs: number of pairs that the curve was fitted to.
    pictures: number of vectors that the model had at the time.
    """

    basis: MatchBasis
    colours: bool
    curve: Curve
    certain: dict[Fact, float]
    floor: int
    error: float | None
    pairs: int
    pictures: int
    recognition: Recognition | None = None

    def match(self, score: float) -> int:
        """A cosine as a match, 0 to 100."""
        return round(100 * self.curve(score))

    def to_json(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "kind": self.basis.value,  # the stored key of the basis
            "colours": self.colours,
            **self.curve.to_json(),
            "certain": {fact.value: round(least, 5) for fact, least in self.certain.items()},
            "floor": self.floor,
            "error": None if self.error is None else round(self.error, 4),
            "pairs": self.pairs,
            "pictures": self.pictures,
            "recognition": self.recognition.to_json() if self.recognition else None,
        }

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        return cls(
            basis=MatchBasis(found["kind"]),
            colours=found["colours"],
            curve=Curve.from_json(found),
            certain={Fact(name): float(least) for name, least in found.get("certain", {}).items()},
            floor=found["floor"],
            error=found["error"],
            pairs=found["pairs"],
            pictures=found["pictures"],
            recognition=Recognition.from_json(found["recognition"]) if found.get("recognition") else None,
        )


@dataclass(frozen=True)
class Pairs:
    """Pairs of pictures of the catalog.

    Attributes:
        scores: float64 [n], cosines.
        near: bool [n], whether the second picture is a neighbour of the first; otherwise it is a stranger.
        query: int [n], number of the first picture.
        same_type: bool [n], whether both have the same category; None if the catalog has only one.
        same_colour: int8 [n], 1 for the same family of colours, 0 for another, -1 for unknown; None if fewer than half
            of the products have a colour.
        recognised: the first pictures among their neighbours; empty if the model was taught no types.
        guesses: what the neighbours of the first pictures say of these.
    """

    scores: np.ndarray
    near: np.ndarray
    query: np.ndarray
    same_type: np.ndarray | None
    same_colour: np.ndarray | None
    recognised: Sequence[Recognition] = ()
    guesses: Mapping[Fact, Sequence[Guess]] = field(default_factory=dict)


def calibration_of(model: EmbeddingModel | None) -> Calibration | None:
    """The model's calibration; None if it has none yet, or an unreadable one, which `is_due` replaces."""
    if model is None or not model.calibration:
        return None
    try:
        found = Calibration.from_json(model.calibration)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return found if 0 < len(found.curve.scores) == len(found.curve.values) else None


def calibrate(model: EmbeddingModel) -> Calibration | None:
    """Compute the model's calibration from the current catalog and store it; None if there are too few pictures."""
    pictures = ImageEmbedding.objects.filter(model=model, state=EmbeddingState.READY).count()
    pairs = sample_pairs(model) if pictures >= LEAST_PICTURES else None
    if pairs is None:
        return None
    made = calibrated(pairs, pictures)
    model.calibration = made.to_json()
    model.save(update_fields=["calibration"])
    return made


def calibrate_if_due(model: EmbeddingModel) -> None:
    """Calibrate once there are enough pictures, and again each time their number has doubled; never while the model's
    index is missing."""
    if is_due(model) and not index_due(model):
        calibrate(model)


def is_due(model: EmbeddingModel) -> bool:
    found = calibration_of(model)
    known = found.pictures if found and model.calibration.get("version") == VERSION else 0
    ready = ImageEmbedding.objects.filter(model=model, state=EmbeddingState.READY)
    if not known:
        return ready[:LEAST_PICTURES].count() >= LEAST_PICTURES
    # This runs every minute: a million rows are counted only if the planner's statistics, which are free, suggest it.
    expected = json.loads(ready.explain(format="json"))[0]["Plan"]["Plan Rows"]
    return expected >= 2 * known and ready[: 2 * known].count() >= 2 * known


def calibrated(pairs: Pairs, pictures: int) -> Calibration:
    """A calibration from pairs as `sample_pairs` finds them."""
    if pairs.same_type is None:
        return _ranked(pairs, pictures)
    alike = pairs.same_type if pairs.same_colour is None else pairs.same_type & (pairs.same_colour == 1)
    known = np.ones(len(alike), bool) if pairs.same_colour is None else pairs.same_colour >= 0
    held_out = pairs.query % HELD_OUT == 0
    fitted, measured = known & ~held_out, known & held_out & pairs.near
    if not fitted.any():  # pictures of only two products, one of them without a colour
        return _ranked(pairs, pictures)
    curve = fit(pairs.scores[fitted], alike[fitted])
    types = fit(pairs.scores[fitted], pairs.same_type[fitted])
    floor = types.first_score_of(FLOOR_CHANCE)
    return Calibration(
        basis=MatchBasis.CHANCE,
        colours=pairs.same_colour is not None,
        curve=curve,
        certain=limits(pairs.guesses, HELD_OUT),
        floor=round(100 * curve(max(_lonely(pairs), pairs.scores.min() if floor is None else floor))),
        error=calibration_error(curve.at(pairs.scores[measured]), alike[measured]) if measured.any() else None,
        pairs=int(fitted.sum()),
        pictures=pictures,
        recognition=least_of(pairs.recognised),
    )


def _ranked(pairs: Pairs, pictures: int) -> Calibration:
    """The share of pairs that are less similar; neighbours and strangers count one half each."""
    weights = np.where(pairs.near, 0.5 / max(pairs.near.sum(), 1), 0.5 / max((~pairs.near).sum(), 1))
    order = np.argsort(pairs.scores, kind="stable")
    scores = pairs.scores[order]
    below = np.cumsum(weights[order]) - weights[order] / 2
    knots = np.unique(np.linspace(0, len(scores) - 1, _RANKS).astype(int))
    curve = Curve(scores[knots], np.clip(below[knots] / weights.sum(), 0, 1))
    return Calibration(
        basis=MatchBasis.RANK,
        colours=False,
        curve=curve,
        certain=limits(pairs.guesses, HELD_OUT),
        floor=max(RANK_FLOOR, round(100 * curve(_lonely(pairs)))),
        error=None,
        pairs=len(scores),
        pictures=pictures,
        recognition=least_of(pairs.recognised),
    )


def _lonely(pairs: Pairs) -> float:
    """The cosine with its nearest that all but `LONELY_SHARE` of the sampled pictures reach; less is less than the
    catalog has in common with itself. The lowest of all where types tell."""
    if pairs.recognised:
        return float(pairs.scores.min())
    nearest = np.full(int(pairs.query.max()) + 1, -np.inf)
    np.maximum.at(nearest, pairs.query[pairs.near], pairs.scores[pairs.near])
    known = nearest[np.isfinite(nearest)]
    return float(np.quantile(known, LONELY_SHARE)) if len(known) else float(pairs.scores.min())


def sample_pairs(model: EmbeddingModel) -> Pairs | None:
    """A sample of pictures, each paired with the neighbours that a search finds and with strangers. The sample is the
    same as long as the catalog is. None if fewer than two products are published."""
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

    types = types_of(model)
    seen: list[Recognition] = []
    asked: list[list[tuple[int, float, np.ndarray]]] = []
    vectors = [np.asarray(vector, np.float32) for _, vector in rows]
    for number, (product, _) in enumerate(rows):
        nearest = ImageEmbedding.objects.nearest(vectors[number], model)[: VOTERS + 1]
        found = nearest.values_list("image__product_id", "distance", "vector")  # type: ignore[misc]
        around = [
            (other, similarity(distance, model.metric), np.asarray(vector, np.float32))
            for other, distance, vector in found
        ]
        asked.append([each for each in around if each[0] != product])
        neighbours = [each for each in around[: NEIGHBOURS + 1] if each[0] != product]
        for other, score, _ in neighbours:
            add(number, product, other, score, neighbour=True)
        if types and neighbours:
            seen.append(recognised(types, vectors[number], np.stack([vector for _, _, vector in neighbours])))
        for step in range(1, min(STRANGERS + 1, len(rows))):
            stranger = (number + step * 7) % len(rows)
            add(number, product, rows[stranger][0], float(vectors[number] @ vectors[stranger]), neighbour=False)
    if not scores:
        return None
    categories, colours = _labels({*first, *second, *(other for each in asked for other, _, _ in each)})
    guesses: dict[Fact, list[Guess]] = {Fact.TYPE: [], Fact.COLOUR: []}
    for (product, _), vector, around in zip(rows, vectors, asked, strict=True):
        if product not in categories:  # deleted in the meantime
            continue
        own = Labels(categories[product], colours[product])
        voters = [
            (Labels(categories[other], colours[other]), score, each)
            for other, score, each in around
            if other in categories
        ]
        for fact, guess in guesses_of(vector, own, voters, types, model.spec).items():
            if may_state(fact, model.name):
                guesses[fact].append(guess)
    return Pairs(
        np.array(scores),
        np.array(near),
        np.array(query),
        _same_type(categories, first, second),
        _same_colour(colours, first, second),
        seen,
        guesses,
    )


def _labels(products: Iterable[int]) -> tuple[dict[int, int], dict[int, str | None]]:
    """Product → category, and product → family of colours."""
    rows = list(Product.objects.filter(pk__in=products).values_list("pk", "category_id", "attributes__colour"))
    return (
        {pk: category for pk, category, _ in rows},
        {pk: family_of(colour) if isinstance(colour, str) else None for pk, _, colour in rows},
    )


def _same_type(types: dict[int, int], first: list[int], second: list[int]) -> np.ndarray | None:
    if len(set(types.values())) < 2:
        return None
    return np.array([types.get(one) == types.get(other) for one, other in zip(first, second, strict=True)])


def _same_colour(colours: dict[int, str | None], first: list[int], second: list[int]) -> np.ndarray | None:
    if sum(family is not None for family in colours.values()) < len(colours) / 2:
        return None
    families = [(colours.get(one), colours.get(other)) for one, other in zip(first, second, strict=True)]
    return np.array([-1 if None in pair else int(pair[0] == pair[1]) for pair in families], np.int8)
