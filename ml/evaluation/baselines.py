"""Baselines for a model to beat: vectors that need no network."""

from typing import Any, Protocol

import numpy as np
from PIL import Image

# The input of the baselines, independent of the model's.
INPUT_SIZE = 80
FIT = "letterbox"
NAMES = ("pixels", "hsv", "blend", "untrained")
PIXELS_SHARE = 0.7

_GRID = 16
_HUES, _SATURATIONS, _VALUES = 8, 4, 4
# A pixel is background when all three channels are above this: studio white, JPEG noise included.
_NEARLY_WHITE = 240
_SMALLEST_FOREGROUND = 0.01
_AT_A_TIME = 1024


class Pictures(Protocol):
    """uint8 [n, S, S, 3]: an array, or rows of one on disk."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice, /) -> Any: ...


def pixels(pictures: Pictures) -> np.ndarray:
    """16 × 16 RGB thumbnails, each minus its own mean: coarse shape and brightness.

    Args:
        pictures: uint8 [n, S, S, 3]; S a multiple of 16.

    Returns:
        float32 [n, 768], unit length; zero for a picture of a single grey.
    """
    flat = thumbnails(pictures).reshape(len(pictures), -1)
    return _unit(flat - flat.mean(axis=1, keepdims=True))


def thumbnails(pictures: Pictures) -> np.ndarray:
    """Means over a 16 × 16 grid, float32 [n, 16, 16, 3], 0 to 255."""
    count, size = len(pictures), pictures.shape[1]
    step = size // _GRID
    small = np.empty((count, _GRID, _GRID, 3), np.float32)
    for start in range(0, count, _AT_A_TIME):
        chunk = np.asarray(pictures[start : start + _AT_A_TIME])
        cells = chunk.reshape(len(chunk), _GRID, step, _GRID, step, 3)
        small[start : start + _AT_A_TIME] = cells.mean(axis=(2, 4), dtype=np.float32)
    return small


def hsv_histogram(pictures: Pictures) -> np.ndarray:
    """Square roots of the shares of 8 × 4 × 4 bins of hue, saturation and value in the foreground.

    The cosine of two such vectors is the Bhattacharyya coefficient of the two histograms. The foreground is every
    pixel that is not nearly white, or the whole picture if those are under 1 % of it.

    Args:
        pictures: uint8 [n, S, S, 3].

    Returns:
        float32 [n, 128], unit length.
    """
    histograms = np.empty((len(pictures), _HUES * _SATURATIONS * _VALUES), np.float32)
    for start in range(0, len(pictures), _AT_A_TIME):
        for offset, picture in enumerate(pictures[start : start + _AT_A_TIME]):
            histograms[start + offset] = _histogram(picture)
    return _unit(np.sqrt(histograms))


def _histogram(picture: np.ndarray) -> np.ndarray:
    hue, saturation, value = (
        np.asarray(channel).astype(np.int32).ravel() for channel in Image.fromarray(picture).convert("HSV").split()
    )
    bins = (hue * _HUES // 256 * _SATURATIONS + saturation * _SATURATIONS // 256) * _VALUES + value * _VALUES // 256
    foreground = picture.min(axis=2).ravel() < _NEARLY_WHITE
    if foreground.mean() >= _SMALLEST_FOREGROUND:
        bins = bins[foreground]
    return np.bincount(bins, minlength=_HUES * _SATURATIONS * _VALUES)


def blend(of_pixels: np.ndarray, of_colours: np.ndarray, *, share: float = PIXELS_SHARE) -> np.ndarray:
    """Vectors with the cosine `share` · cosine of the pixels + (1 − share) · cosine of the histograms."""
    return np.concatenate([np.sqrt(share) * of_pixels, np.sqrt(1 - share) * of_colours], axis=1).astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, 1e-6)).astype(np.float32)
