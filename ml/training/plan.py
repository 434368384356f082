"""What is trained: heads, labels and loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ml.datasets import DatasetError, Sample
from ml.spec import BACKBONES, COLOUR, SHAPE, LabelTask, ModelSpec, Part

LOSSES = ("triplet", "classic-triplet", "classify", "softmax", "joint")
WHOLE = "embedding"  # the part of a model that has only one
OWN_TYPE = "own_type"  # the type as a set of photos calls it, which may be finer than the first set's
SHAPE_TASKS = ("type", "gender", OWN_TYPE)
COLOUR_TASKS = ("colour", "family")
# The weight of each task in the loss. Type has the largest: it is what shoppers see first.
TASK_WEIGHTS = {"type": 1.0, "gender": 0.4, "colour": 0.8, "family": 0.3, OWN_TYPE: 0.7}


@dataclass(frozen=True)
class Head:
    """A dense layer with L2 normalisation, which makes one part of the vector.

    Attributes:
        inputs: what the layer reads, as in `ml.spec.Part`.
        towards: as in `ml.spec.Part`.
    """

    part: str
    dimension: int
    inputs: tuple[str, ...] = ("pooled",)
    towards: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Plan:
    """Attributes:
    loss: one of `LOSSES`.
    heads: parts of the vector; empty if the vector is the pooled features.
    classes: task → its classes in order; empty for the pure triplet losses.
    neck: a batch norm between each head and its softmax (Luo et al. 2019, "Bag of Tricks … Re-Identification").
    scale: of the cosines in the normalised softmax.
    backbone: a key of `ml.spec.BACKBONES`.
    norms: train the batch norms instead of folding them into the convolutions.
    half: compute the backbone in bfloat16.
    acceptable: own type → the types that it may be, int; empty if own types are not learned.
    cosine, relations: weights of the distillation losses; see `ml.training.losses`.
    """

    loss: str
    heads: tuple[Head, ...]
    classes: Mapping[str, tuple[str, ...]]
    margin: float = 0.2
    mining: str = "semi-hard"
    neck: bool = False
    scale: float = 16.0
    smoothing: float = 0.05
    cosine_margin: float = 0.0  # subtracted from the cosine of the right class (Wang et al. 2018, "CosFace")
    backbone: str = "resnet50"
    norms: bool = False
    half: bool = False
    acceptable: tuple[tuple[int, ...], ...] = ()
    cosine: float = 0.0
    relations: float = 0.0

    def source_of(self, task: str) -> str:
        """The source of a task's logits: a part's name, or "pooled"."""
        if not self.heads:
            return "pooled"
        if len(self.heads) == 1:
            return self.heads[0].part
        return COLOUR if task in COLOUR_TASKS else SHAPE

    def spec(self, input_size: int, fit: str) -> ModelSpec:
        """The specification of the trained model."""
        parts = tuple(Part(head.part, head.dimension, head.inputs, towards=head.towards) for head in self.heads)
        labels = tuple(LabelTask(task, self.source_of(task), names) for task, names in self.classes.items())
        dimension = sum(head.dimension for head in self.heads) or BACKBONES[self.backbone]
        return ModelSpec(self.backbone, input_size, fit, "avg", dimension, parts=parts, labels=labels)


def make_plan(
    loss: str,
    samples: Sequence[Sample],
    *,
    dimension: int | None = None,
    margin: float = 0.2,
    mining: str = "semi-hard",
    scale: float = 16.0,
) -> Plan:
    """The plan for `loss`, as far as the labels of the training `samples` allow.

    Args:
        dimension: length of the vector. Default: 256; for "classify" the 2048 pooled features. With colour labels,
            "softmax" and "joint" give a quarter of it to a separate colour part.

    Raises:
        DatasetError: fewer than two types.
    """
    check_types(samples)
    classes = {task: names for task in TASK_WEIGHTS if len(names := _classes(samples, task)) > 1}
    if loss in ("triplet", "classic-triplet"):
        return Plan(loss, (Head(WHOLE, dimension or 256),), {}, margin, mining)
    if loss == "classify":
        return Plan(loss, (Head(WHOLE, dimension),) if dimension else (), classes, margin, mining)
    size = dimension or 256
    heads: tuple[Head, ...] = (Head(WHOLE, size),)
    if "colour" in classes:
        heads = (Head(SHAPE, size - size // 4), Head(COLOUR, size // 4))
    return Plan(loss, heads, classes, margin, mining, neck=loss == "joint", scale=scale)


def with_everything(plan: Plan, towards: Mapping[str, float], *, colours: bool) -> Plan:
    """`plan` with heads as the last step of a training makes them (`ml.training.refit`), for a training without it.

    Args:
        towards: task → weight, as in `ml.spec.Part`.
        colours: whether the colour part reads the picture's own colours.
    """
    heads = []
    for head in plan.heads:
        own = tuple((task, weight) for task, weight in towards.items() if task in plan.classes
                    and plan.source_of(task) == head.part)  # fmt: skip
        inputs = ("unit_pooled", "lab_histogram") if colours and head.part == COLOUR else head.inputs
        heads.append(replace(head, inputs=inputs, towards=own))
    return replace(plan, heads=tuple(heads))


def check_types(samples: Sequence[Sample]) -> None:
    """Raise DatasetError if there are fewer than two types."""
    if len(_classes(samples, "type")) < 2:
        raise DatasetError(
            "All pictures have the same class, so there is nothing to learn. "
            "Put at least two class folders into the set."
        )


def _classes(samples: Sequence[Sample], task: str) -> tuple[str, ...]:
    return tuple(sorted({sample.labels[task] for sample in samples if task in sample.labels}))
