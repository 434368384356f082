"""Augmentation: random changes that keep the product recognisable, in NumPy and Pillow, on uint8 pictures.

The hue never changes: colour is half of what vectors represent.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

_WHITE_FROM = 243  # JPEG puts studio white between here and 255


@dataclass(frozen=True)
class Augmentation:
    """The probability of each change, 0 to 1, and its extent.

    Attributes:
        flip: mirror the picture.
        crop: crop to `smallest` … 1 of its area, sides up to 4:3, then scale up again.
        brightness: multiply by 1 ± this.
        erase: paint a rectangle of 4 to 20 % of the area in one grey (Zhong et al. 2017).
        paste: paste the garment, everything not white, on a piece of a photo; only for pictures on white.
    """

    flip: float = 0.5
    crop: float = 0.7
    smallest: float = 0.7
    brightness: float = 0.1
    erase: float = 0.2
    paste: float = 0.15


NONE = Augmentation(flip=0, crop=0, brightness=0, erase=0, paste=0)


def augment(
    picture: np.ndarray,
    size: int,
    random: np.random.Generator,
    amounts: Augmentation,
    backgrounds: Sequence[np.ndarray] | np.ndarray = (),
) -> np.ndarray:
    """uint8 [S, S, 3] → uint8 [size, size, 3].

    Args:
        backgrounds: photos to paste on; empty for no pasting.
    """
    if len(backgrounds) and random.random() < amounts.paste:
        picture = _pasted(picture, backgrounds[int(random.integers(len(backgrounds)))], random)
    box = _box(picture.shape[0], random, amounts.smallest) if random.random() < amounts.crop else None
    if box is not None or picture.shape[0] != size:
        scaled = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=None)
        picture = np.asarray(scaled)
    if random.random() < amounts.flip:
        picture = picture[:, ::-1]
    if amounts.brightness:
        factor = 1.0 + random.uniform(-amounts.brightness, amounts.brightness)
        picture = np.clip(picture * np.float32(factor) + 0.5, 0, 255).astype(np.uint8)
    if random.random() < amounts.erase:
        picture = _erased(picture, random)
    return np.ascontiguousarray(picture)


def _box(side: int, random: np.random.Generator, smallest: float) -> tuple[float, float, float, float]:
    area = random.uniform(smallest, 1.0)
    ratio = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
    width, height = min(1.0, np.sqrt(area * ratio)) * side, min(1.0, np.sqrt(area / ratio)) * side
    left, top = random.uniform(0, side - width), random.uniform(0, side - height)
    return (left, top, left + width, top + height)


def _erased(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    side = picture.shape[0]
    area, ratio = random.uniform(0.04, 0.2), np.exp(random.uniform(np.log(1 / 2), np.log(2)))
    width, height = int(side * np.sqrt(area * ratio)), int(side * np.sqrt(area / ratio))
    left, top = int(random.integers(side - width)), int(random.integers(side - height))
    erased = picture.copy()
    erased[top : top + height, left : left + width] = random.integers(0, 256)
    return erased


def _pasted(picture: np.ndarray, photo: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The garment on a piece of `photo`. A picture without a white border has a background already and stays as it
    is."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    if (border.min(axis=1) >= _WHITE_FROM).mean() < 0.7:
        return picture
    side = picture.shape[0]
    # A small piece, enlarged: cloth, floor or wall rather than another garment.
    piece = random.uniform(0.15, 0.4) * photo.shape[0]
    left, top = random.uniform(0, photo.shape[0] - piece, 2)
    ground = np.asarray(
        Image.fromarray(photo).resize(
            (side, side), Image.Resampling.BILINEAR, box=(left, top, left + piece, top + piece)
        )
    )
    garment = picture.min(axis=2, keepdims=True) < _WHITE_FROM
    return np.where(garment, picture, ground)
