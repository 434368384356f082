"""The interface of a runtime, and what both runtimes share."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from ml.runtimes.views import averaged, views_of
from ml.spec import ModelSpec

# Larger passes gain no speed and only take memory (80 px, 2 cores, ONNX: 8, 16 and 32 pictures all run at
# about 175 images/s, one by one at 100).
MAX_BATCH = 32
_LENGTH_TOLERANCE = 1e-3


class BadVector(Exception):
    """A vector that must not be stored: not finite, not of length 1, or of the wrong dimension.

    Attributes:
        index: its position in the batch; None if the whole batch has the wrong shape.
    """

    def __init__(self, index: int | None, reason: str) -> None:
        which = "The vectors" if index is None else f"Vector {index}"
        super().__init__(f"{which}: {reason}")
        self.index = index
        self.reason = reason


class Runtime(ABC):
    """Runs one network. Subclasses set `spec` and run single passes.

    Attributes:
        spec: what the network takes and gives.
    """

    spec: ModelSpec

    def embed(self, images: Sequence[np.ndarray], *, views: int = 1) -> np.ndarray:
        """Unit vectors of pictures.

        Args:
            images: uint8 [S, S, 3] RGB each, as `ml.pictures.codec.to_input` makes them; may be empty.
            views: of each picture, averaged; see `ml.runtimes.views`. The cost is proportional.

        Returns:
            float32 [n, D], rows in the order of `images`.

        Raises:
            ValueError: an image has another shape or type.
            BadVector: the network produced something that must not be stored.
        """
        return self.embed_labelled(images, views=views)[0]

    def embed_labelled(
        self, images: Sequence[np.ndarray], *, views: int = 1
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """`embed`, and for each label task, by name, the probabilities of its classes, float32 [n, classes]."""
        return self._in_passes(stack(images, self.spec), views)

    def embed_batch(self, images: np.ndarray) -> np.ndarray:
        """`embed` for one array, uint8 [n, S, S, 3] → float32 [n, D]."""
        return self._in_passes(images)[0]

    @abstractmethod
    def _run(self, images: np.ndarray) -> Sequence[np.ndarray]:
        """One pass: uint8 [n, S, S, 3] → vectors, then probabilities in the order of `spec.labels`."""

    def _in_passes(self, images: np.ndarray, views: int = 1) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """What `embed_labelled` returns, computed in passes of at most MAX_BATCH views; those of one pass are in memory
        at a time."""
        spec = self.spec
        widths = (spec.dimension, *(len(task.names) for task in spec.labels))
        passes: list[Sequence[np.ndarray]] = [[np.zeros((0, width), np.float32) for width in widths]]
        pictures = MAX_BATCH // views
        for start in range(0, len(images), pictures):
            batch = views_of(images[start : start + pictures], views)
            found = self._run(batch)
            if found[0].shape != (len(batch), spec.dimension):
                raise BadVector(None, f"shape {found[0].shape} instead of {(len(batch), spec.dimension)}")
            passes.append(found)
        vectors, *probabilities = (np.concatenate(column) for column in zip(*passes, strict=True))
        means = (each.reshape(len(images), views, each.shape[1]).mean(axis=1) for each in probabilities)
        names = (task.name for task in spec.labels)
        return _of_pictures(vectors, len(images), views, spec), dict(zip(names, means, strict=True))


def _of_pictures(vectors: np.ndarray, count: int, views: int, spec: ModelSpec) -> np.ndarray:
    """Vectors of views → vectors of `count` pictures, both checked; BadVector names the picture."""
    try:
        each = checked(vectors, count * views, spec)
    except BadVector as error:
        raise BadVector(None if error.index is None else error.index // views, error.reason) from error
    return each if views == 1 else checked(averaged(each, views, spec), count, spec)


def stack(images: Sequence[np.ndarray], spec: ModelSpec) -> np.ndarray:
    """uint8 [n, S, S, 3]; ValueError names the first image that does not fit."""
    shape = (spec.input_size, spec.input_size, 3)
    for index, image in enumerate(images):
        if image.shape != shape or image.dtype != np.uint8:
            raise ValueError(
                f"image {index} is {image.dtype} {image.shape}, the model takes uint8 {shape}: "
                "make it with ml.pictures.codec.to_input"
            )
    return np.stack(images) if len(images) else np.zeros((0, *shape), np.uint8)


def checked(vectors: np.ndarray, count: int, spec: ModelSpec) -> np.ndarray:
    """`vectors`, if they are float32 [count, D], finite and of length 1; BadVector otherwise."""
    if vectors.shape != (count, spec.dimension):
        raise BadVector(None, f"shape {vectors.shape} instead of {(count, spec.dimension)}")
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    # NaN fails every comparison, so this also catches vectors that are not finite.
    bad = np.flatnonzero(~(np.abs(lengths - 1.0) <= _LENGTH_TOLERANCE))
    if bad.size:
        index = int(bad[0])
        what = f"length {lengths[index]:.4g}" if np.isfinite(vectors[index]).all() else "not finite"
        raise BadVector(index, f"{what}, expected length 1")
    return vectors.astype(np.float32, copy=False)
