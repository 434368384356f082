"""Random changes of pictures, as numbers: a function of nothing but the random generator."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Changes = Mapping[str, np.ndarray]
_MARGIN = 0.15


@dataclass(frozen=True)
class Reality:
    """How photos in real shops differ from the pictures of the set; probabilities are 0 to 1.

    Attributes:
        closest, widest: a picture is shown from `closest` to `widest` times its side: a tight crop or a product in a
            half-empty square.
        framed: the share of pictures whose framing changes.
        stretch: largest ratio by which width and height change differently.
        flip: mirror the picture.
        blurred, coarsest: the share of pictures made as unsharp as if they had been enlarged, up to `coarsest` times.
        compressed, worst: the share of pictures compressed as JPEG, at qualities down to `worst`.
        light, tint: largest change of brightness and contrast, and of the strength of one colour channel.
        paste: the share of pictures on white that get a piece of a photo as background.
        erase: the share of pictures partly covered with grey.
    """

    closest: float = 0.6
    widest: float = 1.5
    framed: float = 0.8
    stretch: float = 1.15
    flip: float = 0.5
    blurred: float = 0.35
    coarsest: float = 3.5
    compressed: float = 0.3
    worst: int = 25
    light: float = 0.2
    tint: float = 0.05
    paste: float = 0.3
    erase: float = 0.2


def draw(count: int, random: np.random.Generator, reality: Reality) -> dict[str, np.ndarray]:
    """The changes of `count` pictures, each float32 with a row for each picture; lengths are shares of a side.

    Returns:
        "box" [n, 4]: left, top, width and height of what is shown; it may reach outside the picture, where white is.
        "flip", "paste" [n]: 0 or 1.
        "blur" [n]: times that the picture seems enlarged, at least 1.
        "quality" [n]: of JPEG, 0 for none.
        "gain" [n, 3], "offset" [n]: of the values 0 … 1.
        "ground" [n, 4]: the box of the photo that becomes the background.
        "erase" [n, 4]: a box of the result; empty where its width is 0. "grey" [n]: its value, 0 … 1.
    """

    def chance(share: float) -> np.ndarray:
        return random.random(count) < share

    def spread(low: float, high: float) -> np.ndarray:
        return np.exp(random.uniform(np.log(low), np.log(high), count))

    # A crop looks at a part of the picture; a wide framing leaves the whole picture inside.
    side = np.where(chance(reality.framed), spread(reality.closest, reality.widest), 1.0)
    ratio = np.where(side == 1.0, 1.0, np.sqrt(spread(1 / reality.stretch, reality.stretch)))
    size = np.stack([side * ratio, side / ratio], axis=1)
    corner = random.random((count, 2)) * (1 - size)
    ground = spread(0.03, 0.4)
    # Towards the upper and lower edge, where a photo shows cloth, floor or wall rather than another garment; not at the
    # left and right edge, where an upright photo has white margins.
    left = _MARGIN + random.random(count) * (1 - 2 * _MARGIN - ground)
    place = np.stack([left, random.beta(0.4, 0.4, count) * (1 - ground)], axis=1)
    contrast = 1 + random.uniform(-reality.light, reality.light, count)
    tint = 1 + random.uniform(-reality.tint, reality.tint, (count, 3))
    bright = random.uniform(-reality.light, reality.light, count) / 2
    slender = np.sqrt(spread(0.5, 2.0))
    erased = np.sqrt(random.uniform(0.03, 0.15, count)) * np.stack([slender, 1 / slender])
    erased = np.where(chance(reality.erase), erased, 0.0).T
    at = random.random((count, 2)) * (1 - erased)
    changes = {
        "box": np.concatenate([corner, size], axis=1),
        "flip": chance(reality.flip),
        "paste": chance(reality.paste),
        "blur": np.where(chance(reality.blurred), spread(1.0, reality.coarsest), 1.0),
        "quality": np.where(chance(reality.compressed), random.uniform(reality.worst, 95, count), 0.0),
        "gain": contrast[:, None] * tint,
        "offset": (1 - contrast) / 2 + bright,
        "ground": np.concatenate([place, ground[:, None], ground[:, None]], axis=1),
        "erase": np.concatenate([at, erased], axis=1),
        "grey": random.random(count),
    }
    return {name: np.asarray(values, np.float32) for name, values in changes.items()}


def unchanged(count: int) -> dict[str, np.ndarray]:
    """The changes that leave pictures as they are."""
    whole = np.tile(np.array([0, 0, 1, 1], np.float32), (count, 1))
    none, one = np.zeros(count, np.float32), np.ones(count, np.float32)
    return {
        "box": whole,
        "flip": none,
        "paste": none,
        "blur": one,
        "quality": none,
        "gain": np.ones((count, 3), np.float32),
        "offset": none,
        "ground": whole,
        "erase": np.zeros((count, 4), np.float32),
        "grey": none,
    }
