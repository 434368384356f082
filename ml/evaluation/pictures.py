"""The pictures of a labelled set, each different picture once, and the choice of queries among them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.datasets import DatasetError, Prepared, Sample, Split, groups_of
from ml.evaluation import baselines

# (samples, input size, fit) → pixels and digests; `ml.commands.data` has one that reports progress.
Prepare = Callable[[Sequence[Sample], int, str], Prepared]


class Rows:
    """Some rows of an array on disk, read on access."""

    def __init__(self, pixels: np.ndarray, rows: np.ndarray) -> None:
        self._pixels = pixels
        self._rows = rows
        self.shape = (len(rows), *pixels.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int | slice | np.ndarray) -> np.ndarray:
        chosen: np.ndarray = self._pixels[self._rows[index]]
        return chosen


class PictureSet:
    """Every different picture of a set once.

    Pictures are the same if their pixels are the same at the input size of the baselines. The first by name stays, with
    its labels.

    Attributes:
        name: the name of the file or folder.
        samples: the n pictures that stay.
        groups: int [n]; equal for pictures of one product, which share their display name.
        readable: number of pictures that could be read.
        unreadable: number of pictures that could not.
        place: name of any readable picture → position in `samples` of the picture that represents it.
    """

    def __init__(self, path: Path, samples: Sequence[Sample], prepare: Prepare) -> None:
        """Decode the set, or use the cached pixels.

        Raises:
            DatasetError: no picture can be read.
        """
        self.name = path.name or str(path)
        self._prepare = prepare
        self._all = list(samples)
        prepared = prepare(self._all, baselines.INPUT_SIZE, baselines.FIT)
        first: dict[str, int] = {}
        for index, digest in enumerate(prepared.digests):
            first.setdefault(digest, index)
        self._kept = np.array(list(first.values()))
        self.samples = [prepared.samples[index] for index in self._kept]
        self.groups = groups_of(prepared.samples, prepared.digests)[self._kept]
        self.readable = len(prepared.samples)
        self.unreadable = len(self._all) - self.readable
        places = {digest: place for place, digest in enumerate(first)}
        self.place = {
            sample.name: places[digest] for sample, digest in zip(prepared.samples, prepared.digests, strict=True)
        }

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def duplicates(self) -> int:
        """The number of pictures left out because they are the same as another."""
        return self.readable - len(self)

    def only(self, positions: np.ndarray) -> "PictureSet":
        """The same set with only the pictures at `positions`."""
        fewer = object.__new__(PictureSet)
        fewer.__dict__ = self.__dict__ | {
            "_kept": self._kept[positions],
            "samples": [self.samples[position] for position in positions],
            "groups": self.groups[positions],
        }
        new = {int(old): place for place, old in enumerate(positions)}
        fewer.place = {name: new[old] for name, old in self.place.items() if old in new}
        fewer.readable = len(fewer.place)
        return fewer

    def pixels(self, input_size: int, fit: str) -> tuple[Rows, list[str]]:
        """The input of a model with this size and fit, uint8 [n, S, S, 3], and the digest of each picture."""
        # A side of a split is decoded alone: all 8,634 pictures of a set are 1.3 GB at 224 px.
        prepared = self._prepare(self._all if 2 * len(self) > len(self._all) else self.samples, input_size, fit)
        index = {sample.name: place for place, sample in enumerate(prepared.samples)}
        missing = next((sample.name for sample in self.samples if sample.name not in index), None)
        if missing is not None:
            raise DatasetError(f"{missing} of {self.name} can no longer be read: restore it and try again.")
        rows = np.array([index[sample.name] for sample in self.samples])
        return Rows(prepared.pixels, rows), [prepared.digests[row] for row in rows]

    def labels(self, task: str) -> list[str]:
        """Each picture's label, "" if it is not known."""
        return [sample.labels.get(task, "") for sample in self.samples]


@dataclass(frozen=True)
class Asked:
    """The chosen queries.

    Attributes:
        positions: int [q], in the set.
        how: how they were chosen, for the report.
    """

    positions: np.ndarray
    how: str


def sampled(pictures: PictureSet, count: int, *, seed: int) -> Asked:
    """Random whole products, up to `count` pictures; all pictures if the set has fewer."""
    positions = _sample(pictures.groups, np.arange(len(pictures)), count, seed)
    return Asked(positions, f"{len(positions):,} pictures at random (by product, seed {seed})")


def asked_by_split(pictures: PictureSet, split: Split, part: str, *, count: int | None, seed: int) -> Asked:
    """The pictures of one part of a split, or `count` random ones of them.

    Raises:
        DatasetError: the part has none of these pictures.
    """
    names = [sample.name for sample in pictures.samples]
    positions = np.array([place for place, name in enumerate(names) if split.sides.get(name) == part], int)
    if not positions.size:
        known = sum(name in split.sides for name in names)
        reason = f"none of its pictures is in the part {part!r}" if known else "it names none of these pictures"
        raise DatasetError(f"The split cannot be used with {pictures.name}: {reason}.")
    if count is None or count >= len(positions):
        return Asked(positions, f"all {len(positions):,} pictures of the part “{part}”")
    of = len(positions)
    positions = _sample(pictures.groups, positions, count, seed)
    return Asked(positions, f"{len(positions):,} of the {of:,} pictures of the part “{part}” (by product, seed {seed})")


def _sample(groups: np.ndarray, positions: np.ndarray, count: int, seed: int) -> np.ndarray:
    of_each = groups[positions]
    order = np.random.default_rng(seed).permutation(np.unique(of_each))
    rank = {group: place for place, group in enumerate(order.tolist())}
    by_group = sorted(range(len(positions)), key=lambda index: (rank[int(of_each[index])], index))
    return np.sort(positions[by_group[:count]])
