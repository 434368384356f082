"""Changed pictures as Keras operations, so that a GPU renders thousands a second.

Scaling is a product with a matrix for each axis, with the weights of Pillow's antialiased bicubic resize. The box may
reach outside the picture, and a wider kernel makes the result as unsharp as an enlarged thumbnail. Pictures are
rendered as ink on transparent paper, so what is outside the picture, and the white around a garment, can become
another background.
"""

from typing import Any

import numpy as np
from keras import ops

from ml.training.views.drawing import Changes, unchanged

_WHITE_FROM = 243  # JPEG puts studio white between here and 255
_ON_WHITE = 0.7  # the share of the border that is white in a studio picture
_BICUBIC = -0.5  # Pillow's
# Quantisation of luminance in the JPEG standard (ITU-T T.81, annex K), used for colours too.
_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)


def render(pictures: Any, size: int, changes: Changes, photos: Any = None) -> Any:
    """uint8 [n, S, S, 3] → uint8 [n, size, size, 3].

    Args:
        changes: from `ml.training.views.drawing`.
        photos: uint8 [n, T, T, 3], whose pieces become backgrounds; None for white.
    """
    of = {name: ops.convert_to_tensor(values) for name, values in changes.items()}
    flipped = of["flip"][:, None, None]
    across, down = _scaling(pictures.shape[1], size, of["box"], of["blur"], flipped)
    values = ops.cast(pictures, "float32") / 255
    white = ops.cast(ops.min(values, axis=-1) * 255 >= _WHITE_FROM, "float32")
    paste = of["paste"] * ops.cast(_is_on_white(white), "float32")
    opaque = 1 - _paper(white) * ops.reshape(paste, (-1, 1, 1))
    ink = _scaled(values * opaque[..., None], across, down)
    cover = _scaled(opaque[..., None], across, down)  # may overshoot like the ink, so that white on white is white
    ground: Any = 1.0
    if photos is not None:
        one = ops.ones_like(of["blur"])
        of_photo = _scaling(photos.shape[1], size, of["ground"], one, ops.zeros_like(flipped))
        piece = _scaled(ops.cast(photos, "float32") / 255, *of_photo)
        pasted = ops.reshape(paste, (-1, 1, 1, 1))
        ground = 1 - pasted + pasted * piece
    shown = ink + (1 - cover) * ground
    shown = shown * of["gain"][:, None, None, :] + of["offset"][:, None, None, None]
    shown = _erased(ops.clip(shown, 0.0, 1.0), of["erase"], of["grey"])
    if size % 8 == 0:
        shown = _compressed(shown, of["quality"])
    return ops.cast(ops.round(ops.clip(shown, 0.0, 1.0) * 255), "uint8")


def resized(pictures: Any, size: int) -> Any:
    """uint8 [n, S, S, 3] → uint8 [n, size, size, 3], scaled as `ml.pictures.codec` scales."""
    if pictures.shape[1] == size:
        return pictures
    of = {name: ops.convert_to_tensor(values) for name, values in unchanged(pictures.shape[0]).items()}
    across, down = _scaling(pictures.shape[1], size, of["box"], of["blur"], of["flip"][:, None, None])
    values = _scaled(ops.cast(pictures, "float32"), across, down)
    return ops.cast(ops.round(ops.clip(values, 0.0, 255.0)), "uint8")


def _scaling(side: int, size: int, box: Any, blur: Any, flipped: Any) -> tuple[Any, Any]:
    """The matrices [n, size, side] for the horizontal and the vertical axis."""
    across = _axis(side, size, box[:, 0], box[:, 2], blur)
    across = across + flipped * (ops.flip(across, axis=1) - across)
    return across, _axis(side, size, box[:, 1], box[:, 3], blur)


def _axis(side: int, size: int, start: Any, length: Any, blur: Any) -> Any:
    step = length * side / size  # pixels of the picture for one of the result
    width = ops.maximum(step * blur, 1.0)
    places = (ops.arange(size, dtype="float32") + 0.5)[None, :, None]
    centres = start[:, None, None] * side + places * step[:, None, None]  # [n, size, 1]
    pixels = (ops.arange(side, dtype="float32") + 0.5)[None, None, :]
    distance = ops.abs((pixels - centres) / width[:, None, None])
    weights = _bicubic(distance)
    # Inside the picture weights add up to 1, as Pillow's do; outside it, nothing is left.
    total = ops.sum(weights, axis=2, keepdims=True)
    inside = ops.logical_and(centres >= 0, centres < side)
    return weights / ops.where(inside, ops.maximum(total, 1e-3), width[:, None, None])


def _bicubic(x: Any) -> Any:
    near = ((_BICUBIC + 2) * x - (_BICUBIC + 3)) * x * x + 1
    far = _BICUBIC * (((x - 5) * x + 8) * x - 4)
    return ops.where(x < 1, near, ops.where(x < 2, far, 0.0))


def _scaled(values: Any, across: Any, down: Any) -> Any:
    """[n, S, S, c] → [n, size, size, c]."""
    return ops.einsum("npxc,nqx->npqc", ops.einsum("npy,nyxc->npxc", down, values), across)


def _paper(white: Any) -> Any:
    """1 for white that reaches the edge of the picture in a straight line, else 0; both float32 [n, S, S]. White inside
    a garment stays."""
    found = ops.zeros_like(white)
    for axis in (1, 2):
        turned = ops.flip(white, axis=axis)
        found = ops.maximum(found, ops.cumprod(white, axis=axis))
        found = ops.maximum(found, ops.flip(ops.cumprod(turned, axis=axis), axis=axis))
    return found


def _is_on_white(white: Any) -> Any:
    """bool [n]: whether most of the border is white, as in studio pictures."""
    border = ops.concatenate([white[:, 0], white[:, -1], white[:, :, 0], white[:, :, -1]], axis=1)
    return ops.mean(border, axis=1) >= _ON_WHITE


def _erased(values: Any, box: Any, grey: Any) -> Any:
    place = (ops.arange(values.shape[1], dtype="float32") + 0.5)[None, :] / values.shape[1]

    def within(start: Any, length: Any) -> Any:
        return ops.logical_and(place >= start[:, None], place < (start + length)[:, None])

    covered = ops.logical_and(within(box[:, 1], box[:, 3])[:, :, None], within(box[:, 0], box[:, 2])[:, None, :])
    return ops.where(covered[..., None], grey[:, None, None, None], values)


def _compressed(values: Any, quality: Any) -> Any:
    """What JPEG makes of pictures 0 … 1, in 8 × 8 blocks; a quality of 0 changes nothing."""
    count, size = values.shape[0], values.shape[1]
    cosines = _cosines()
    ycc = ops.matmul(values * 255 - 128, _TO_YCC.T)
    side = size // 8
    blocks = ops.reshape(ycc, (count, side, 8, side, 8, 3))
    # [n, blocks and colours, frequencies]: TensorFlow does not broadcast over six axes.
    found = ops.reshape(ops.einsum("ip,napbqc,jq->nabcij", cosines, blocks, cosines), (count, side * side * 3, 64))
    known = ops.maximum(quality, 1.0)
    scale = ops.where(known < 50, 50 / known, 2 - known / 50)
    steps = ops.maximum(ops.multiply(scale[:, None, None], _STEPS.reshape(1, 1, 64)), 1.0)
    coarse = ops.reshape(ops.round(found / steps) * steps, (count, side, side, 3, 8, 8))
    coarse = ops.einsum("ip,nabcij,jq->napbqc", cosines, coarse, cosines)
    rgb = ops.matmul(ops.reshape(coarse, (count, size, size, 3)), np.linalg.inv(_TO_YCC).T.astype(np.float32))
    return ops.where((quality > 0)[:, None, None, None], (rgb + 128) / 255, values)


def _cosines() -> np.ndarray:
    """float32 [8, 8]: the discrete cosine transform as a matrix."""
    rows, columns = np.arange(8)[:, None], np.arange(8)[None, :]
    matrix = np.cos((2 * columns + 1) * rows * np.pi / 16) / 2
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)
