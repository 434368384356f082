"""The specification of a model: everything that two embeddings must have in common to be comparable."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# name → channels of the last feature map
BACKBONES = {"resnet50": 2048, "inception_v3": 2048, "efficientnet_lite0": 1280, "efficientnet_lite2": 1280}
# As in Keras: below, the last feature map would be empty.
MIN_INPUT_SIZES = {"resnet50": 32, "inception_v3": 75, "efficientnet_lite0": 32, "efficientnet_lite2": 32}
MAX_INPUT_SIZE = 1024
FITS = ("letterbox", "stretch")
POOLINGS = ("avg", "max", "gem")
METRICS = ("cosine", "euclidean")
HISTOGRAM_BINS = 64
INPUTS = ("pooled", "unit_pooled", "lab_histogram")
SHAPE = "kind"  # the part that people read as "shape"; weights files and graphs store it under this name
COLOUR = "colour"
_REQUIRED = ("architecture", "input_size", "fit", "pooling", "dimension")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Part:
    """One L2-normalised section of the vector.

    Attributes:
        name: e.g. `SHAPE` or `COLOUR`.
        dimension: its length.
        inputs: the features it is computed from, concatenated: "pooled" (the backbone's pooled features),
            "unit_pooled" (the same, L2-normalised), "lab_histogram" (`ml.networks.colours`).
        linear: whether a kernel and a bias are applied to the inputs; without them the part is its inputs.
        towards: (label task, weight): the part moves towards the directions of the classes in proportion to their
            probabilities, and is L2-normalised again: part + Σ weight · Σ probability · direction, as a Hopfield
            network retrieves a pattern (Ramsauer et al. 2020, arXiv 2008.02217). The tasks read the part before that.
    """

    name: str
    dimension: int
    inputs: tuple[str, ...] = ("pooled",)
    linear: bool = True
    towards: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        # Sorted, so that equal specs compare equal: a database may return the keys of JSON in another order.
        object.__setattr__(self, "towards", tuple(sorted(self.towards)))


@dataclass(frozen=True)
class LabelTask:
    """A classifier of the model: probabilities = softmax(x @ kernel + bias).

    Attributes:
        name: e.g. "type" or "colour".
        source: "pooled", or the name of a part; the part is read after its (first) L2 normalisation.
        names: the classes, in the order of the probabilities.
    """

    name: str
    source: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class ModelSpec:
    """How pictures become vectors.

    Attributes:
        backbone: name of the network, a key of `BACKBONES`.
        input_size: side of the square input, in pixels.
        fit: "letterbox" (whole picture, centred on white) or "stretch" (both sides to `input_size`).
        pooling: over the last feature map: "avg", "max", or "gem" (generalised mean with p = 3, Radenović et
            al. 2018, arXiv 1711.02512).
        dimension: length of the vector.
        metric: the distance that the vectors are meant for; they are unit vectors either way.
        parts: the vector is the parts concatenated, each of length √(1/number of parts), so that weighting only the
            parts of a query ranks by the weighted sum of the parts' cosines. Empty: the vector is the pooled features.
        labels: classifiers that the model has in addition to the vector.
    """

    backbone: str
    input_size: int
    fit: str
    pooling: str
    dimension: int
    metric: str = "cosine"
    parts: tuple[Part, ...] = ()
    labels: tuple[LabelTask, ...] = ()

    def validate(self) -> None:
        """Raise ValueError, naming the invalid field and its allowed values."""
        _one_of("architecture", self.backbone, tuple(BACKBONES))
        _one_of("fit", self.fit, FITS)
        _one_of("pooling", self.pooling, POOLINGS)
        _one_of("metric", self.metric, METRICS)
        smallest = MIN_INPUT_SIZES[self.backbone]
        if type(self.input_size) is not int or not smallest <= self.input_size <= MAX_INPUT_SIZE:
            raise ValueError(
                f"input_size must be a whole number from {smallest} to {MAX_INPUT_SIZE}, not {self.input_size!r}"
            )
        for part in self.parts:
            self._validate_part(part)
        for task in self.labels:
            self._validate_labels(task)
        for part in self.parts:
            self._validate_towards(part)
        _all_different("part", [part.name for part in self.parts])
        _all_different("label task", [task.name for task in self.labels])
        expected = sum(part.dimension for part in self.parts) or BACKBONES[self.backbone]
        if self.dimension != expected:
            what = "the parts together" if self.parts else self.backbone
            raise ValueError(f"dimension must be {expected} for {what}, not {self.dimension!r}")

    def input_dimension(self, part: Part) -> int:
        """The number of features that `part` is computed from."""
        return sum(HISTOGRAM_BINS if name == "lab_histogram" else BACKBONES[self.backbone] for name in part.inputs)

    def label_dimension(self, task: LabelTask) -> int:
        """The number of features that the classifier of `task` reads."""
        lengths = {part.name: part.dimension for part in self.parts}
        return lengths.get(task.source, BACKBONES[self.backbone])

    def _validate_part(self, part: Part) -> None:
        if not isinstance(part.name, str) or not _NAME.fullmatch(part.name) or part.name == "pooled":
            raise ValueError(f"a part's name must be lower-case letters, digits and _, not {part.name!r}")
        known = all(name in INPUTS for name in part.inputs)  # not by a set: JSON may contain unhashable values
        if not part.inputs or not known or len(set(part.inputs)) < len(part.inputs):
            raise ValueError(f"inputs of part {part.name} must be among {', '.join(INPUTS)}, not {part.inputs!r}")
        if type(part.dimension) is not int or part.dimension < 1:
            raise ValueError(f"dimension of part {part.name} must be a positive whole number, not {part.dimension!r}")
        if not part.linear and part.dimension != self.input_dimension(part):
            raise ValueError(
                f"dimension of part {part.name} must be {self.input_dimension(part)}, as it has no kernel, "
                f"not {part.dimension!r}"
            )

    def _validate_towards(self, part: Part) -> None:
        own = [task.name for task in self.labels if task.source == part.name]
        for task, weight in part.towards:
            if task not in own:
                raise ValueError(f"part {part.name} can only move towards label tasks that read it, not {task!r}")
            if not isinstance(weight, int | float) or not 0 < weight < math.inf:
                raise ValueError(f"part {part.name} must move towards {task} by a positive number, not {weight!r}")
        _all_different(f"task of part {part.name}", [task for task, _ in part.towards])

    def _validate_labels(self, task: LabelTask) -> None:
        if not isinstance(task.name, str) or not _NAME.fullmatch(task.name):
            raise ValueError(f"a label task's name must be lower-case letters, digits and _, not {task.name!r}")
        _one_of(f"source of labels {task.name}", task.source, ("pooled", *(part.name for part in self.parts)))
        if len(task.names) < 2 or not all(isinstance(name, str) and name for name in task.names):
            raise ValueError(f"labels {task.name} must name at least two classes")
        _all_different(f"class of {task.name}", task.names)

    def to_meta(self) -> dict[str, Any]:
        """A JSON object with the keys that weights files use; "parts" and "labels" only if the model has any."""
        meta: dict[str, Any] = {
            "architecture": self.backbone,
            "input_size": self.input_size,
            "fit": self.fit,
            "pooling": self.pooling,
            "dimension": self.dimension,
            "metric": self.metric,
        }
        if self.parts:
            meta["parts"] = [_part_to_meta(part) for part in self.parts]
        if self.labels:
            meta["labels"] = [
                {"name": task.name, "source": task.source, "names": list(task.names)} for task in self.labels
            ]
        return meta

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any]) -> "ModelSpec":
        """The inverse of `to_meta`; other keys are ignored, `metric`, `parts` and `labels` may be missing.

        Raises:
            ValueError: a key is missing or its value is not allowed.
        """
        missing = [key for key in _REQUIRED if key not in meta]
        if missing:
            raise ValueError(f"missing in meta: {', '.join(missing)}")
        try:
            parts = tuple(
                Part(
                    part["name"],
                    part["dimension"],
                    tuple(part["inputs"]),
                    part["linear"],
                    tuple((task, weight) for task, weight in part.get("towards", {}).items()),
                )
                for part in meta.get("parts", ())
            )
            labels = tuple(
                LabelTask(task["name"], task["source"], tuple(task["names"])) for task in meta.get("labels", ())
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"parts or labels in meta are invalid ({error!r})") from error
        spec = cls(
            backbone=meta["architecture"],
            input_size=meta["input_size"],
            fit=meta["fit"],
            pooling=meta["pooling"],
            dimension=meta["dimension"],
            metric=meta.get("metric", "cosine"),
            parts=parts,
            labels=labels,
        )
        spec.validate()
        return spec


def _part_to_meta(part: Part) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "name": part.name,
        "dimension": part.dimension,
        "inputs": list(part.inputs),
        "linear": part.linear,
    }
    if part.towards:
        meta["towards"] = dict(part.towards)
    return meta


def _one_of(field: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{field} must be {' or '.join(allowed)}, not {value!r}")


def _all_different(what: str, names: list[str] | tuple[str, ...]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} {twice[0]} appears twice")
