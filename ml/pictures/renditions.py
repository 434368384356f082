"""Decoded pictures → smaller copies for pages, as AVIF and WebP. Browsers choose one by the size they show it at."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

#: From small tiles of a phone to the picture of a product page on a dense display.
WIDTHS = (160, 320, 480, 800, 1280)
#: A narrower picture is shown as it is: ten more files would save a few hundred bytes each.
LEAST_WIDTH = 200
# A step between two sizes below this factor saves nothing.
_STEP = 1.15
_RESAMPLE = Image.Resampling.LANCZOS
_GAP = 3.0
# Photos of clothes at 320 px: AVIF has 39 dB in 81 % of the bytes of this WebP, which has 40. One thread: the sandbox
# limits the address space.
_OPTIONS: dict[str, dict[str, Any]] = {
    "avif": {"speed": 8, "subsampling": "4:2:0", "max_threads": 1},
    "webp": {"method": 4},
}
# The second only for a copy that would have more bytes than the picture, because its own quality is low.
_QUALITIES = {"avif": (50, 40), "webp": (76, 60)}
FORMATS = tuple(_OPTIONS)
#: A tone has this many levels of red, of green and of blue; the steps are too small to be noticed for a moment.
TONE_LEVELS = 8
_TONE_SIDE = 32  # pixels


@dataclass(frozen=True)
class Rendition:
    """A copy of a picture. `format` is also the extension of its file."""

    format: str
    width: int
    data: bytes


@dataclass(frozen=True)
class Renditions:
    """
    Attributes:
        tone: the commonest colour of the picture, `TONE_LEVELS` levels of each channel, as three digits: "700" is red.
    """

    copies: list[Rendition]
    tone: str


def widths_of(width: int) -> list[int]:
    """The widths to make of an upright picture of `width` pixels: none is larger than the picture, and the last shows
    all its detail, up to 1,280 pixels."""
    if width < LEAST_WIDTH:
        return []
    last = min(width, WIDTHS[-1])
    return [each for each in WIDTHS if each * _STEP <= last] + [last]


def scaled(image: Image.Image, width: int) -> Image.Image:
    """`image` at this width, with its proportions."""
    if image.width == width:
        return image
    return image.resize((width, max(1, round(image.height * width / image.width))), _RESAMPLE, reducing_gap=_GAP)


def tone(image: Image.Image) -> str:
    """The commonest colour of an RGB picture. Not the mean, which is often the colour of nothing in it."""
    pixels = np.asarray(image.resize((_TONE_SIDE, _TONE_SIDE), Image.Resampling.BOX, reducing_gap=_GAP), np.uint16)
    levels = (pixels.reshape(-1, 3) * (TONE_LEVELS - 1) + 127) // 255
    numbers = levels @ np.array([TONE_LEVELS**2, TONE_LEVELS, 1], np.uint16)
    return f"{np.bincount(numbers).argmax():03o}"


def encoded(image: Image.Image, widths: list[int], most_bytes: int) -> Iterator[Rendition]:
    """Encode an upright sRGB picture at each width, in each format.

    Args:
        image: RGB, at least as wide as each of `widths`.
        most_bytes: a width is left out if one of its files is larger.
    """
    for width in sorted(widths, reverse=True):
        smaller = scaled(image, width)
        smaller.info = {}  # encoders would copy the profile of the former colours
        files = {name: _file(smaller, name, most_bytes) for name in FORMATS}
        if all(len(data) <= most_bytes for data in files.values()):
            yield from (Rendition(name, width, data) for name, data in files.items())


def _file(image: Image.Image, name: str, most_bytes: int) -> bytes:
    data = b""
    for quality in _QUALITIES[name]:
        file = BytesIO()
        image.save(file, name.upper(), quality=quality, **_OPTIONS[name])
        data = file.getvalue()
        if len(data) <= most_bytes:
            break
    return data
