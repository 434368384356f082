"""Whether a photo shows what the shop sells, by what the model recognises in the photo and in its neighbours.

Cosines alone don't tell: in a shop without shoes, the neighbours of a shoe may be as close as those of a shirt. Both
numbers come from stored vectors (`ml.weights.classes`), and what is little is measured in the catalog itself
(`recommendations.search.calibration`), so a shop may sell what no model was taught.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ml.weights import WeightsError
from ml.weights.classes import TYPE, Classes, read_types
from recommendations.lifecycle import artifacts
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.search.photo_types import vote_weights

if TYPE_CHECKING:
    from ml.spec import ModelSpec
    from recommendations.models import EmbeddingModel

#: Of the catalog's own pictures, the shares that have less in common with their neighbours, or with any type, than what
#: counts as similar. Chosen so that of amateurs' photos of clothes about 4 % are told that there is no close match
#: (`python -m bench match`).
DISAGREEING_SHARE, UNRECOGNISED_SHARE = 0.02, 0.005


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
