"""What a photo seems to show, type and colour: a vote of its nearest neighbours."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.models import Category
from ml.datasets.families import family_of
from ml.spec import ModelSpec
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.querysets import similarity
from recommendations.search.query_vectors import COLOUR, parts_of

VOTERS = 30
OFFERED = 3
#: A neighbour whose cosine is lower than the nearest one's by this much has 1/e of its vote. Measured with 600 of
#: 39,571 real pictures in 134 categories: the first type was right for 90 %, and one of three for 96 %. It suits both
#: bundled models: on product pictures never trained on, the first type is right about as often from .03 to .2, and its
#: share of the votes is closest to that at .1 and .2 (an error of .02 to .03; .10 and .13 at .02).
TEMPERATURE = 0.1
LEAST_SHARE = 0.05  # of the votes; less is chance


@dataclass(frozen=True)
class PhotoType:
    """Attributes:
    share: of the votes, 0 to 1.
    """

    category: Category
    share: float

    def to_json(self) -> dict[str, Any]:
        return {"category": self.category.address, "name": self.category.name, "share": round(self.share, 3)}


@dataclass(frozen=True)
class PhotoColour:
    """Attributes:
    family: of colours, see `ml.datasets.families`.
    share: of the votes, 0 to 1.
    """

    family: str
    share: float


@dataclass(frozen=True)
class Shown:
    """What a photo seems to show. Attributes: types, likeliest first, at most `OFFERED`; colour, None if no neighbour's
    is known."""

    types: tuple[PhotoType, ...] = ()
    colour: PhotoColour | None = None


def shown_by(vector: np.ndarray, model: EmbeddingModel) -> Shown:
    """What a picture seems to show.

    Args:
        vector: float32 [D], unit length.
    """
    rows = ImageEmbedding.objects.nearest(vector, model)[:VOTERS]
    labels = ("image__product__category_id", "image__product__attributes__colour", "distance", "vector")
    found = list(rows.values_list(*labels))
    scores = np.array([similarity(distance, model.metric) for _, _, distance, _ in found], float)
    shares = vote([category for category, _, _, _ in found], scores)
    likeliest = [pk for pk, share in shares.items() if share >= LEAST_SHARE][:OFFERED]
    coloured = [
        (family, np.asarray(near, np.float32))
        for _, colour, _, near in found
        if isinstance(colour, str) and (family := family_of(colour))
    ]
    return Shown(tuple(named({pk: shares[pk] for pk in likeliest})), colour_of(vector, coloured, model.spec))


def colour_of(vector: np.ndarray, coloured: Sequence[tuple[str, np.ndarray]], spec: ModelSpec) -> PhotoColour | None:
    """The family that most neighbours vote for, each by how much its colour is alike; None without neighbours.

    Args:
        coloured: the family and the vector of each.
    """
    if not coloured:
        return None
    part = parts_of(spec).get(COLOUR, slice(None))
    near = np.stack([each[part] for _, each in coloured])
    lengths = np.linalg.norm(near, axis=1) * np.linalg.norm(vector[part])
    shares = vote([family for family, _ in coloured], near @ vector[part] / np.maximum(lengths, 1e-6))
    return PhotoColour(*next(iter(shares.items())))


def named(shares: Mapping[int, float]) -> list[PhotoType]:
    """Category id → share of the votes as photo types, in the same order; categories that are gone are left out."""
    categories = Category.objects.in_bulk(list(shares))
    return [PhotoType(categories[pk], share) for pk, share in shares.items() if pk in categories]


def vote(types: Sequence[Hashable], scores: np.ndarray, temperature: float = TEMPERATURE) -> dict[Any, float]:
    """Type → its share of the votes, largest first; a neighbour's vote is exp(score / temperature).

    Args:
        types: one for each neighbour.
        scores: float [n], their cosines.
    """
    if not len(scores):
        return {}
    shares: dict[Any, float] = {}
    for each, weight in zip(types, vote_weights(scores, temperature), strict=True):
        shares[each] = shares.get(each, 0.0) + float(weight)
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def vote_weights(scores: np.ndarray, temperature: float = TEMPERATURE) -> np.ndarray:
    """Each neighbour's share of the votes: float [n], n > 0."""
    weights = np.exp((scores - scores.max()) / temperature)
    return weights / weights.sum()
