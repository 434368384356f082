"""Batches rendered on the device that the network is trained on."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ml.training.batches import Batches
from ml.training.learner import TEACHER
from ml.training.sources import Rows, Sampling, Source
from ml.training.views.drawing import Reality, draw
from ml.training.views.rendering import render, resized


class Rendered(Batches):
    """Item i is the batch of step i: (uint8 [n, S, S, 3], {task: int32 [n]}), with the teacher's vectors among the
    labels if the sources have them.

    Args:
        sizes: of the pictures; each batch has one of them at random.
        pixels: of the sources, from `on_device`.
        photos: of the same form, for backgrounds; None for white.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        sampling: Sampling,
        *,
        steps: int,
        sizes: Sequence[int],
        reality: Reality,
        pixels: Sequence[Any],
        photos: Any,
        key: tuple[int, ...],
    ) -> None:
        super().__init__(sources, sampling, steps=steps, size=sizes[-1], amounts=None, key=key)
        self._sizes = sizes
        self._reality = reality
        self._pixels = pixels
        self._photos = photos

    def __getitem__(self, step: int) -> tuple[Any, dict[str, Any]]:
        random = np.random.default_rng([*self._key, step])
        chosen = np.array(self._mixed(random))
        size = int(self._sizes[int(random.integers(len(self._sizes)))])
        pictures, places = [], []
        for number in np.unique(chosen[:, 0]):
            rows = chosen[chosen[:, 0] == number, 1]
            photos = None
            if self._photos is not None:
                photos = taken(self._photos, random.integers(0, len(self._photos), len(rows)))
            changes = draw(len(rows), random, self._reality)
            pictures.append(render(taken(self._pixels[number], rows), size, changes, photos))
            places.append((int(number), rows))
        labels: dict[str, np.ndarray] = {
            task: np.concatenate([self._sources[number].labels[task][rows] for number, rows in places]).astype(np.int32)
            for task in self._sources[0].labels
        }
        teachers = [(self._sources[number].teacher, rows) for number, rows in places]
        known = [vectors[rows] for vectors, rows in teachers if vectors is not None]
        if known:
            labels[TEACHER] = np.concatenate(known).astype(np.float32)
        tensors = {task: keras.ops.convert_to_tensor(values) for task, values in labels.items()}
        return keras.ops.concatenate(pictures), tensors


def on_device(pixels: np.ndarray | Rows) -> Any:
    """The pictures in the memory of the device, if that is a GPU; else as they are."""
    if keras.backend.backend() != "torch":
        return pixels
    import torch  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 (only where Keras runs on it)

    if not torch.cuda.is_available():
        return pixels
    whole = torch.empty((len(pixels), *pixels.shape[1:]), dtype=torch.uint8, device="cuda")
    for start in range(0, len(pixels), 512):
        stop = min(start + 512, len(pixels))
        block = np.stack([pixels[index] for index in range(start, stop)])
        whole[start:stop] = torch.from_numpy(block).to("cuda")
    return whole


def taken(pixels: Any, rows: np.ndarray) -> Any:
    """Some pictures as a tensor."""
    if isinstance(pixels, np.ndarray | Rows):
        return keras.ops.convert_to_tensor(np.stack([pixels[int(row)] for row in rows]), dtype="uint8")
    return keras.ops.take(pixels, keras.ops.convert_to_tensor(rows.astype(np.int64)), axis=0)


def at_size(pixels: Any, size: int, start: int, stop: int) -> Any:
    """Pictures `start` … `stop` at a size, unchanged otherwise."""
    return resized(taken(pixels, np.arange(start, stop)), size)
