"""What a model is: everything that two embeddings must have in common to be comparable."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BACKBONES = {"resnet50": 2048}  # name → channels of the last feature map
FITS = ("letterbox", "stretch")
POOLINGS = ("avg", "max")
METRICS = ("cosine", "euclidean")
_REQUIRED = ("architecture", "input_size", "fit", "pooling", "dimension")
MIN_INPUT_SIZE = 32  # ResNet50 halves five times
MAX_INPUT_SIZE = 1024


@dataclass(frozen=True)
class ModelSpec:
    """How pictures become vectors.

    Attributes:
        backbone: name of the network, a key of `BACKBONES`.
        input_size: side of the square input, in pixels.
        fit: "letterbox" (whole picture, centred on white) or "stretch" (both sides to `input_size`).
        pooling: "avg" or "max" over the last feature map.
        dimension: length of the vector.
        metric: distance that the vectors are meant for; they are unit vectors either way.
    """

    backbone: str
    input_size: int
    fit: str
    pooling: str
    dimension: int
    metric: str = "cosine"

    def validate(self) -> None:
        """Raises ValueError that says which field is wrong, and what it may be."""
        _one_of("architecture", self.backbone, tuple(BACKBONES))
        _one_of("fit", self.fit, FITS)
        _one_of("pooling", self.pooling, POOLINGS)
        _one_of("metric", self.metric, METRICS)
        if type(self.input_size) is not int or not MIN_INPUT_SIZE <= self.input_size <= MAX_INPUT_SIZE:
            raise ValueError(
                f"input_size must be a whole number from {MIN_INPUT_SIZE} to {MAX_INPUT_SIZE}, not {self.input_size!r}"
            )
        if self.dimension != BACKBONES[self.backbone]:
            raise ValueError(
                f"dimension must be {BACKBONES[self.backbone]} for {self.backbone}, not {self.dimension!r}"
            )

    def to_meta(self) -> dict[str, Any]:
        """A JSON object with the keys that weights files use."""
        return {
            "architecture": self.backbone,
            "input_size": self.input_size,
            "fit": self.fit,
            "pooling": self.pooling,
            "dimension": self.dimension,
            "metric": self.metric,
        }

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> "ModelSpec":
        """The inverse of `to_meta`; other keys are ignored, `metric` may be missing.

        Raises:
            ValueError: a key is missing or its value is not allowed.
        """
        missing = [key for key in _REQUIRED if key not in meta]
        if missing:
            raise ValueError(f"missing in meta: {', '.join(missing)}")
        spec = cls(
            backbone=meta["architecture"],
            input_size=meta["input_size"],
            fit=meta["fit"],
            pooling=meta["pooling"],
            dimension=meta["dimension"],
            metric=meta.get("metric", "cosine"),
        )
        spec.validate()
        return spec


def _one_of(field: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{field} must be {' or '.join(allowed)}, not {value!r}")
