"""What the model recognises in a photo and in its neighbours: whether the shop sells it, and how certain its type and
colour are. All of it comes from stored vectors (`ml.weights.classes`), and what is little is measured in the catalog
itself (`recommendations.search.calibration`), so a shop may sell what no model was taught.

Whether the shop sells it: cosines alone don't tell. In a shop without shoes, the neighbours of a shoe may be as close
as those of a shirt.

How certain type and colour must be to be stated, as badges do: the neighbours vote on both. For the colour, the share
of the votes tells how often the winner is right. For the type it does not: amateurs' photos get wrong types with as
many votes as right ones (with `lookalike-fashion`, .79 are right from a share of .8, and .78 from .95). What tells is
how clearly the model itself sees one of the types that it was taught; of a model that was taught none, no type is
stated.
`python -m bench badges` measures what the limits are worth for photos that no model was trained on.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ml.weights import WeightsError
from ml.weights.classes import TYPE, Classes, read_types
from recommendations.lifecycle import artifacts
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.search.photo_types import colour_of, vote, vote_weights

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from recommendations.models import EmbeddingModel

#: Of the catalog's own pictures, the shares that have less in common with their neighbours, or with any type, than what
#: counts as similar. Chosen so that of amateurs' photos of clothes about 4 % are told that there is no close match
#: (`python -m bench match`).
DISAGREEING_SHARE, UNRECOGNISED_SHARE = 0.02, 0.005
#: How often what is stated must be right.
PRECISION = 0.9
LEAST_STATED = 30  # pictures; fewer prove nothing
#: The type must have most of the votes.
MAJORITY = 0.5


@dataclass(frozen=True)
class Recognition:
    """Attributes:
    agreement: the chance that the picture and a neighbour, drawn in proportion to the neighbours' votes, are of the
        same of the types that the model knows.
    certainty: the cosine of the picture with the nearest of these types.
    """

    agreement: float
    certainty: float

    def is_below(self, least: Recognition) -> bool:
        return self.agreement < least.agreement or self.certainty < least.certainty

    def to_json(self) -> dict[str, float]:
        return {"agreement": round(self.agreement, 5), "certainty": round(self.certainty, 5)}

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Self:
        return cls(float(found["agreement"]), float(found["certainty"]))


def types_of(model: EmbeddingModel) -> Classes | None:
    """None if the model was taught no types, or if its artifact is not available."""
    if not any(task.name == TYPE for task in model.spec.labels):
        return None
    try:
        return _read(artifacts.local_path(model), model.spec)
    except (ModelUnavailable, WeightsError):
        return None  # reported where the network is loaded


@lru_cache(maxsize=4)
def _read(path: Path, spec: ModelSpec) -> Classes | None:
    return read_types(path, spec)


def recognised(types: Classes, vector: np.ndarray, neighbours: np.ndarray) -> Recognition:
    """
    Args:
        vector: float32 [D], of a picture.
        neighbours: float32 [n, D], n > 0, of its nearest pictures.
    """
    own, others = types.shares(vector[None])[0], types.shares(neighbours)
    return Recognition(
        agreement=float(vote_weights(neighbours @ vector) @ (others @ own)),
        certainty=float(types.cosines(vector[None]).max()),
    )


def least_of(found: Sequence[Recognition]) -> Recognition | None:
    """What counts as similar in a catalog whose pictures recognise each other like this."""
    if not found:
        return None
    agreement, certainty = np.array([[each.agreement, each.certainty] for each in found]).T
    return Recognition(
        float(np.quantile(agreement, DISAGREEING_SHARE)), float(np.quantile(certainty, UNRECOGNISED_SHARE))
    )


class Fact(StrEnum):
    """What is stated of a photo. The values are keys of stored calibrations."""

    TYPE = "type"
    COLOUR = "colour"


#: How often it must be right where the limit is chosen: with the catalog's own pictures, whose types are easier than
#: those of a shopper's photos.
CHOSEN_PRECISION = {Fact.TYPE: 0.95, Fact.COLOUR: PRECISION}
#: No limit is lower: the colours of a few hundred pictures say too little about twelve families.
LOWEST = {Fact.TYPE: -1.0, Fact.COLOUR: 0.95}
#: Bundled models whose guesses of colours are right for nine of ten held-out pictures. Those of lookalike-general are
#: right for .89 (`python -m bench badges`); no other model was measured.
COLOURS_PROVEN = frozenset({"lookalike-fashion"})


@dataclass(frozen=True)
class Guess:
    """Attributes:
    certainty: -1 to 1; comparable only within one model and fact.
    right: whether the label is the same.
    cards: how many of the neighbours have the guessed label, and would say so.
    """

    certainty: float
    right: bool
    cards: int = 1


def type_certainty(types: Classes | None, vector: np.ndarray, share: float) -> float:
    """Of the type that most neighbours vote for: the cosine with the nearest type that the model was taught.

    Args:
        types: None if it was taught none.
        vector: float32 [D], of the photo.
        share: of the votes.
    """
    return float(types.cosines(vector[None]).max()) if types and share > MAJORITY else -1.0


def may_state(fact: Fact, model: str) -> bool:
    """Whether a shop may state such facts with the model of this name, if its calibration confirms them."""
    return fact != Fact.COLOUR or model in COLOURS_PROVEN


def limits(guesses: Mapping[Fact, Iterable[Guess]], every: int) -> dict[Fact, float]:
    """The lowest certainty at which each fact may be stated, chosen without every `every`-th guess and checked with
    these. Facts that are not right often enough at any certainty are left out."""
    found = {}
    for fact, each in guesses.items():
        rows = list(each)
        choosing = [row for place, row in enumerate(rows) if place % every and row.certainty >= LOWEST[fact]]
        least = least_certainty(choosing, CHOSEN_PRECISION[fact])
        if least is not None:
            held_out = [row for row in rows[::every] if row.certainty >= least]
            if held_out and sum(row.cards * row.right for row in held_out) >= PRECISION * sum(
                r.cards for r in held_out
            ):
                found[fact] = least
    return found


def least_certainty(guesses: Sequence[Guess], precision: float) -> float | None:
    """The lowest certainty from which on at least `precision` of the cards are right; None if fewer than `LEAST_STATED`
    pictures are so certain."""
    ordered = sorted((each for each in guesses if each.certainty > -1), key=lambda each: -each.certainty)
    certainties = np.array([each.certainty for each in ordered])
    cards = np.array([each.cards for each in ordered])
    right = np.array([each.cards * each.right for each in ordered])
    is_last = np.append(certainties[1:] < certainties[:-1], True)[: len(ordered)]  # of those that are equally certain
    enough = (
        is_last & (np.arange(len(ordered)) >= LEAST_STATED - 1) & (np.cumsum(right) >= precision * np.cumsum(cards))
    )
    return float(certainties[np.flatnonzero(enough)[-1]]) if enough.any() else None


@dataclass(frozen=True)
class Labels:
    """Attributes: category, anything that is equal for products of one type; family, of the colour, None if unknown."""

    category: Hashable
    family: str | None


def guesses_of(
    vector: np.ndarray,
    own: Labels,
    near: Sequence[tuple[Labels, float, np.ndarray]],
    types: Classes | None,
    spec: ModelSpec,
) -> dict[Fact, Guess]:
    """What its neighbours say of a picture with known labels, as of a photo.

    Args:
        near: labels, cosine and vector of each, none of its own product.
    """
    found = {}
    if types and near:
        shares = vote([each.category for each, _, _ in near], np.array([score for _, score, _ in near]))
        category, share = next(iter(shares.items()))
        cards = sum(each.category == category for each, _, _ in near)
        found[Fact.TYPE] = Guess(type_certainty(types, vector, share), category == own.category, cards)
    seen = colour_of(vector, [(each.family, other) for each, _, other in near if each.family], spec)
    if seen and own.family:
        cards = sum(each.family == seen.family for each, _, _ in near)
        found[Fact.COLOUR] = Guess(seen.share, seen.family == own.family, cards)
    return found
