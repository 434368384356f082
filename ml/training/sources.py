"""Labelled sets → the sources of batches, and the validation pictures."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ml.datasets import DatasetError, Prepared, Sample, Split
from ml.training.plan import OWN_TYPE
from ml.training.validation import Held

Vocabulary = Mapping[str, tuple[str, ...]]  # task → its classes
ClassMap = Mapping[str, str | Sequence[str] | None]  # another set's type → what the first set calls it
TRIPLETS = 32  # a batch of the classic loss: 32 anchors, 32 positives, 32 negatives


@dataclass(frozen=True)
class Source:
    """Pictures of one origin with their labels.

    Attributes:
        pixels: uint8 [n, S, S, 3], or rows that are read on access.
        labels: task → int32 [n], −1 if not known.
        share: of every batch that comes from this source; the shares of all sources add up to 1.
        teacher: float [n, D], the vectors of another model, or None.
    """

    pixels: "np.ndarray | Rows"
    labels: Mapping[str, np.ndarray]
    share: float = 1.0
    teacher: np.ndarray | None = None


@dataclass(frozen=True)
class Sampling:
    """Attributes:
    classes: P of a P×K batch; `each`: K pictures of every drawn class.
    power: a class of n pictures is drawn with weight n ** power: 1 keeps the proportions of the set, 0 makes all
        classes equal, ½ is in between.
    """

    classes: int = 16
    each: int = 4
    power: float = 0.5

    @property
    def batch(self) -> int:
        return self.classes * self.each


@dataclass(frozen=True)
class LabelledSet:
    """A prepared set with its split."""

    prepared: Prepared
    split: Split

    def indices(self, side: str) -> np.ndarray:
        sides = [self.split.sides.get(sample.name, "") for sample in self.prepared.samples]
        return np.flatnonzero(np.array(sides) == side)

    def samples(self, side: str) -> list[Sample]:
        return [self.prepared.samples[index] for index in self.indices(side)]


def with_own_types(samples: Sequence[Sample]) -> list[Sample]:
    """Samples that also keep their type under the name that their own set gives it; see `ml.training.plan.OWN_TYPE`."""
    return [replace(sample, labels={**sample.labels, OWN_TYPE: sample.labels["type"]}) if "type" in sample.labels
            else sample for sample in samples]  # fmt: skip


def renamed(samples: Sequence[Sample], classes: ClassMap) -> list[Sample]:
    """Samples with their types renamed to those of the first set. The first of several names counts; None means that
    the type is not known."""
    return [replace(sample, labels=_renamed(sample.labels, classes)) for sample in samples]


def _renamed(labels: Mapping[str, str], classes: ClassMap) -> dict[str, str]:
    own = labels.get("type")
    if own is None:
        return dict(labels)
    other = classes.get(own, own)
    if other is None:
        return {task: label for task, label in labels.items() if task != "type"}
    return {**labels, "type": other if isinstance(other, str) else next(iter(other), own)}


def held_out(split: Split, samples: Sequence[Sample], groups: np.ndarray, types: Sequence[str]) -> Split:
    """`split` with all of `types`, and everything that shares a group with them, on the test side, as in
    `ml.datasets.split`.

    Args:
        groups: int [n], of the samples, from `ml.datasets.groups_of`.
    """
    apart = {group for group, sample in zip(groups.tolist(), samples, strict=True)
             if sample.labels.get("type") in types}  # fmt: skip
    sides = {sample.name: "test" if group in apart else split.sides[sample.name]
             for group, sample in zip(groups.tolist(), samples, strict=True)}  # fmt: skip
    return Split(sides, tuple(types))


def data_digest(sets: Sequence[LabelledSet], vocabulary: Vocabulary) -> str:
    """A digest of everything that is trained and validated on: names, pixels and labels of the pictures."""
    digest = hashlib.sha256(json.dumps(sorted(vocabulary.items())).encode())
    for of in sets:
        for side in ("train", "val"):
            rows = [(of.prepared.samples[index], of.prepared.digests[index]) for index in of.indices(side)]
            known = [[sample.name, pixels, sorted(sample.labels.items())] for sample, pixels in rows]
            digest.update(json.dumps(known).encode())
    return digest.hexdigest()


def label_numbers(samples: Sequence[Sample], vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    """task → int32 [n], −1 if the label is not known or not in the vocabulary."""
    numbers = {task: {name: number for number, name in enumerate(names)} for task, names in vocabulary.items()}
    return {
        task: np.array([known.get(sample.labels.get(task, ""), -1) for sample in samples], np.int32)
        for task, known in numbers.items()
    }


def training_source(labelled: LabelledSet, vocabulary: Vocabulary, share: float) -> Source:
    """The training side of a set.

    Raises:
        DatasetError: the side is empty, or no type is known.
    """
    indices = labelled.indices("train")
    if not len(indices):
        raise DatasetError("No picture of the set is on the training side of its split.")
    labels = label_numbers([labelled.prepared.samples[index] for index in indices], vocabulary)
    if (labels["type"] < 0).all():
        raise DatasetError("No picture on the training side of the set has a type: batches are drawn by type.")
    return Source(Rows(labelled.prepared.pixels, indices), labels, share)


def validation_pictures(labelled: LabelledSet, vocabulary: Vocabulary, *, gallery: int, seed: int) -> Held:
    """The validation side as queries; as the gallery, the validation side and `gallery` training pictures."""
    queries = labelled.indices("val")
    train = labelled.indices("train")
    chosen = np.sort(np.random.default_rng(seed).permutation(train)[:gallery])
    indices = np.concatenate([queries, chosen]).astype(int)
    samples = [labelled.prepared.samples[index] for index in indices]
    digests = np.array([labelled.prepared.digests[index] for index in indices])
    return Held(labelled.prepared.pixels[indices], label_numbers(samples, vocabulary), digests, len(queries))


class Rows:
    """Rows of a memory-mapped array, read on access."""

    def __init__(self, pixels: np.ndarray, indices: np.ndarray) -> None:
        self._pixels = pixels
        self._indices = indices
        self.shape = (len(indices), *pixels.shape[1:])

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._pixels[self._indices[index]]
