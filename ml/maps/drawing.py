"""Pictures with what a network sees in them drawn on top, for people to look at."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from ml.maps.regions import Region, enlarged
from ml.pictures.codec import inside
from ml.spec import ModelSpec

_GLOW = np.array([220, 38, 38], np.float32)
_STRENGTH = 0.6  # of the glow at the strongest place
_GREY = 0.5  # share of the picture that is left where the network does not look; the rest is light grey
_LIGHT = 235
_BOX = "#1d4ed8"


def overlay(pixels: np.ndarray, attention: np.ndarray, found: Sequence[Region], spec: ModelSpec) -> Image.Image:
    """The picture, red where attention is high and pale where it is low, with the boxes and dots of its regions.

    Args:
        pixels: uint8 [H, W, 3], the original picture.
        attention: float32 [h, w], 0 to 1; see `ml.maps.outputs.Maps`.
    """
    height, width, _ = pixels.shape
    left, top, across, down = inside((width, height), spec)
    square = enlarged(attention, (spec.input_size, spec.input_size))[top : top + down, left : left + across]
    glow = enlarged(square, (width, height)).clip(0, 1)[..., None]
    picture = pixels.astype(np.float32)
    pale = _GREY * picture.mean(axis=2, keepdims=True) + (1 - _GREY) * _LIGHT
    seen = (1 - _STRENGTH * glow) * picture + _STRENGTH * glow * _GLOW
    page = Image.fromarray(((1 - glow) * pale + glow * seen).clip(0, 255).astype(np.uint8))
    pen, line = ImageDraw.Draw(page), max(1, round(max(page.size) / 200))
    for region in found:
        pen.rectangle(region.box, outline=_BOX, width=line)
        x, y = region.dot
        pen.ellipse((x - 3 * line, y - 3 * line, x + 3 * line, y + 3 * line), fill="white", outline=_BOX, width=line)
    return page
