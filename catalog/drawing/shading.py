"""Soft light on a flat shape: a light map from its silhouette, and that map laid over its colours.

A light map is an "L" picture where 128 leaves a colour as it is, less darkens it and more lightens it.
Maps are made at a quarter of the drawing's resolution: they hold nothing sharp, and blurs cost by area.
"""

from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .curves import Point

REDUCTION = 4
NEUTRAL = 128

_DARKEN = [round(255 * (1 - 0.95 * max(0, NEUTRAL - value) / NEUTRAL)) for value in range(256)]
_LIGHTEN = [round(255 * 0.75 * max(0, value - NEUTRAL) / (255 - NEUTRAL)) for value in range(256)]


class Fold(NamedTuple):
    """A soft line in the cloth; a positive amount is a shadow, a negative one a highlight."""

    points: Sequence[Point]
    width: float = 6.0
    amount: int = 22


def relief(mask: Image.Image, *, depth: float, radius: float) -> Image.Image:
    """Light from the upper left on a shape with rounded edges; `mask` is reduced, `radius` in its pixels."""
    fine = mask.filter(ImageFilter.GaussianBlur(radius))
    shift = max(1, round(radius * 0.8))
    towards = ImageChops.offset(fine, -shift, -shift // 2)
    away = ImageChops.offset(fine, shift, shift // 2)
    light = ImageChops.subtract(towards, away, scale=1 / (0.17 * depth), offset=NEUTRAL)
    rim = ImageChops.invert(fine).point([round(value * 0.22 * depth) for value in range(256)])
    broad = mask.filter(ImageFilter.GaussianBlur(radius * 4))
    round_off = ImageChops.invert(broad).point([round(value * 0.12 * depth) for value in range(256)])
    return ImageChops.subtract(ImageChops.subtract(light, rim), round_off)


def add_folds(light: Image.Image, folds: Sequence[Fold], scale: float, blur: float) -> Image.Image:
    """Press folds, in the light map's own pixels once multiplied by `scale`, into a light map."""
    layer = Image.new("L", light.size, NEUTRAL)
    draw = ImageDraw.Draw(layer)
    for fold in folds:
        width = max(1, round(fold.width * scale))
        last = len(fold.points) - 1
        for index in range(last):
            # A crease fades out at both ends; one of two points only is a seam and does not.
            along = (index + 0.5) / last
            fade = min(1.0, 0.1 + 4 * along, 0.1 + 4 * (1 - along)) if last > 1 else 1.0
            draw.line(fold.points[index : index + 2], fill=NEUTRAL - round(fold.amount * fade), width=width)
    layer = layer.filter(ImageFilter.GaussianBlur(blur))
    return ImageChops.add(light, layer, scale=1, offset=-NEUTRAL)


def lit(texture: Image.Image, light: Image.Image) -> Image.Image:
    """Lay a light map of the same size over an RGB texture."""
    dark = light.point(_DARKEN)
    shaded = ImageChops.multiply(texture, Image.merge("RGB", (dark, dark, dark)))
    shaded.paste((255, 255, 255), (0, 0), light.point(_LIGHTEN))
    return shaded
