"""Views: a catalog picture may be embedded more than once, also mirrored and slightly zoomed, to average its vectors.

The average depends less on which way a shoe points and on how tightly a picture is framed. It is a vector of the same
network and part lengths, so vectors of any number of views can be compared. docs/benchmarks.md has what it gains.
"""

import numpy as np
from PIL import Image

from ml.spec import ModelSpec

# 1: the picture. 2: also mirrored. 4: also the middle of both.
VIEWS = (1, 2, 4)
_MIDDLE = 0.9  # of each side
_LEAST = 1e-6  # of a sum of unit vectors; below, the views cancel each other out


def views_of(images: np.ndarray, views: int) -> np.ndarray:
    """uint8 [n, S, S, 3] → [n · views, S, S, 3]: the views of a picture follow each other, the picture itself first."""
    if views not in VIEWS:
        raise ValueError(f"views must be {', '.join(map(str, VIEWS))}, not {views!r}")
    if views == 1 or not len(images):
        return images
    upright = [images] if views == 2 else [images, np.stack([_middle(image) for image in images])]
    each = [view for some in upright for view in (some, some[:, :, ::-1])]
    return np.stack(each, axis=1).reshape(-1, *images.shape[1:])


def averaged(vectors: np.ndarray, views: int, spec: ModelSpec) -> np.ndarray:
    """The mean direction of each picture's views, part by part, so that parts keep their weight in the vector.

    Args:
        vectors: unit vectors of the views in the order of `views_of`, float32 [n · views, D].

    Returns:
        float32 [n, D], unit length; a part of length 0 where the views cancel each other out.
    """
    sums = vectors.reshape(-1, views, spec.dimension).sum(axis=1)
    ends = np.cumsum([part.dimension for part in spec.parts])[:-1]
    parts = np.split(sums, ends, axis=1) if spec.parts else [sums]
    return np.concatenate([_of_length(part, len(parts) ** -0.5) for part in parts], axis=1)


def _of_length(part: np.ndarray, length: float) -> np.ndarray:
    found = np.linalg.norm(part, axis=1, keepdims=True)
    return np.where(found > _LEAST, part * (length / np.maximum(found, _LEAST)), 0).astype(np.float32)


def _middle(image: np.ndarray) -> np.ndarray:
    side = image.shape[0]
    edge = side * (1 - _MIDDLE) / 2
    box = (edge, edge, side - edge, side - edge)
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC, box=box))
