"""The pictures of each step: a function of only seed, epoch and step, so that a resumed run sees exactly the batches
that the killed one would have seen."""

from collections.abc import Sequence

import keras
import numpy as np

from ml.training.augment import NONE, Augmentation, augment
from ml.training.sources import TRIPLETS, Sampling, Source


class Batches(keras.utils.PyDataset):
    """Item i is the batch of step i: (uint8 [n, size, size, 3], {task: int32 [n]}).

    Args:
        steps: batches in an epoch.
        amounts: of the changes; None for none.
        explicit: make batches of 32 triplets (anchors, then positives, then negatives) instead of P×K, from all sources
            as if they were one, regardless of their shares.
        backgrounds: uint8 [m, S, S, 3], photos to paste garments on.
        key: seed and epoch.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        sampling: Sampling,
        *,
        steps: int,
        size: int,
        amounts: Augmentation | None,
        explicit: bool = False,
        backgrounds: np.ndarray | tuple[()] = (),
        key: tuple[int, ...] = (0,),
    ) -> None:
        super().__init__()
        self._sources = sources
        self._sampling = sampling
        self._steps = steps
        self._size = size
        self._amounts = amounts
        self._explicit = explicit
        self._backgrounds = backgrounds
        self._key = key
        self._classes = [_by_class(source.labels["type"]) for source in sources]
        self._pooled = _pooled(self._classes)

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, step: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        random = np.random.default_rng([*self._key, step])
        chosen = self._triplets(random) if self._explicit else self._mixed(random)
        amounts = self._amounts or NONE
        pictures = np.stack(
            [
                augment(self._sources[source].pixels[index], self._size, random, amounts, self._backgrounds)
                for source, index in chosen
            ]
        )
        labels = {
            task: np.array([self._sources[source].labels[task][index] for source, index in chosen], np.int32)
            for task in self._sources[0].labels
        }
        return pictures, labels

    def _mixed(self, random: np.random.Generator) -> list[tuple[int, int]]:
        """P classes with K pictures each; the shares of the sources decide how many classes each gives."""
        shares = np.array([source.share for source in self._sources])
        counts = np.floor(shares * self._sampling.classes + random.random()).astype(int)
        counts[0] = self._sampling.classes - counts[1:].sum()
        chosen = []
        for source, count in enumerate(counts.tolist()):
            for members in self._draw(source, count, random):
                replace = len(members) < self._sampling.each
                picked = random.choice(members, self._sampling.each, replace=replace)
                chosen += [(source, int(index)) for index in picked]
        return chosen

    def _triplets(self, random: np.random.Generator) -> list[tuple[int, int]]:
        anchors, positives, negatives = [], [], []
        classes = self._pooled
        names = [name for name, members in classes.items() if len(members) > 1]
        weights = self._weights([len(classes[name]) for name in names])
        for _ in range(TRIPLETS):
            name = names[int(random.choice(len(names), p=weights))]
            anchor, positive = random.choice(classes[name], 2, replace=False)
            others = [other for other in classes if other != name]
            negative = random.choice(classes[others[int(random.integers(len(others)))]])
            anchors.append(anchor)
            positives.append(positive)
            negatives.append(negative)
        return [(int(source), int(index)) for source, index in anchors + positives + negatives]

    def _draw(self, source: int, count: int, random: np.random.Generator) -> list[np.ndarray]:
        """Systematic sampling: a class of weight w is drawn `count` × w times, rounded up or down, so that large
        classes appear as often as their weight demands, and few batches lack them."""
        members = list(self._classes[source].values())
        order = random.permutation(len(members))
        ends = np.cumsum(self._weights([len(members[index]) for index in order]))
        points = (np.arange(count) + random.random()) / max(count, 1)
        return [members[order[place]] for place in np.searchsorted(ends[:-1], points, side="right")]

    def _weights(self, sizes: list[int]) -> np.ndarray:
        weights = np.array(sizes, np.float64) ** self._sampling.power
        return weights / weights.sum()


def _by_class(labels: np.ndarray) -> dict[int, np.ndarray]:
    return {int(label): np.flatnonzero(labels == label) for label in np.unique(labels[labels >= 0])}


def _pooled(sources: Sequence[dict[int, np.ndarray]]) -> dict[int, np.ndarray]:
    """Class → int [n, 2]: the source of each of its pictures, and the index in the source."""
    rows: dict[int, list[np.ndarray]] = {}
    for number, classes in enumerate(sources):
        for label, members in classes.items():
            rows.setdefault(label, []).append(np.stack([np.full_like(members, number), members], axis=1))
    return {label: np.concatenate(parts) for label, parts in rows.items()}
