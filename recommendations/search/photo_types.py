"""What kind of thing a photo shows: a vote of its nearest neighbours."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from catalog.models import Category
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.querysets import similarity

VOTERS = 30
OFFERED = 3
#: A neighbour that is less alike than the nearest by this much cosine has 1/e of its vote. Of 600 pictures of 39,571
#: real ones, in 134 categories, the first kind was right for 90 % and one of three for 96 %; .02 to .2 are as good.
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


def photo_types_of(vector: np.ndarray, model: EmbeddingModel) -> list[PhotoType]:
    """The likeliest categories of what a picture shows, best first, `OFFERED` at most.

    Args:
        vector: float32 [D], unit length.
    """
    rows = ImageEmbedding.objects.nearest(vector, model)[:VOTERS]
    found = list(rows.values_list("image__product__category_id", "distance"))  # type: ignore[misc]
    scores = [similarity(distance, model.metric) for _, distance in found]
    shares = vote([category for category, _ in found], np.array(scores, float))
    likeliest = [pk for pk, share in shares.items() if share >= LEAST_SHARE][:OFFERED]
    categories = Category.objects.in_bulk(likeliest)
    return [PhotoType(categories[pk], shares[pk]) for pk in likeliest if pk in categories]


def vote(kinds: Sequence[Hashable], scores: np.ndarray, temperature: float = TEMPERATURE) -> dict[Any, float]:
    """PhotoType → its share of the votes, largest first; a neighbour's vote is exp(score / temperature).

    Args:
        kinds: of each neighbour.
        scores: float [n], their cosines.
    """
    if not len(scores):
        return {}
    weights = np.exp((scores - scores.max()) / temperature)
    shares: dict[Any, float] = {}
    for kind, weight in zip(kinds, weights / weights.sum(), strict=True):
        shares[kind] = shares.get(kind, 0.0) + float(weight)
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
