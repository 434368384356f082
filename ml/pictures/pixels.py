"""Loaded pictures → 8-bit pixels, transparency on white; and what is computed from such pixels, a strip at a time."""

import math
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

_WHITE = (255, 255, 255)


def flat(image: Image.Image, mode: str = "RGB") -> Image.Image:
    """Decoded 8-bit pixels, transparency composited on white, colours as stored.

    Args:
        mode: "RGB"; or "L" or "CMYK" for a picture that is grey or CMYK.
    """
    if mode == "CMYK":
        image.load()
        return image
    pixels = _rgb(image)
    return pixels.getchannel(0) if mode == "L" else pixels


def _rgb(image: Image.Image) -> Image.Image:
    image.load()
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _rgb_from_16_bit(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        page = Image.new("RGB", image.size, _WHITE)
        page.paste(layer, mask=layer.getchannel("A"))
        return page
    return image.convert("RGB")


def _rgb_from_16_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow clips it at 255, which makes nearly every such picture white. Works on a few
    rows at a time because the sums need sixteen bytes per pixel."""
    eight = np.empty((image.height, image.width), np.uint8)
    transparent = image.info.get("transparency")
    for top, strip in _strips(image):
        grey = np.asarray(strip).astype(np.int64).clip(0, 65535)
        rows = ((grey + 128) // 257).astype(np.uint8)
        if isinstance(transparent, int):
            rows[grey == transparent] = 255
        eight[top : top + len(rows)] = rows
    return Image.fromarray(eight).convert("RGB")


def _strips(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """About a million pixels at a time: the number of the first row, and the rows."""
    rows = max(1, 2**20 // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def checksum(image: Image.Image, profile: bytes | None) -> int:
    """CRC-32 of the size, the pixels and the colour profile."""
    crc = zlib.crc32(repr(image.size).encode() + (profile or b""))
    for _, strip in _strips(image):
        crc = zlib.crc32(strip.tobytes(), crc)
    return crc


def difference(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of all values, of 255; infinite if the sizes differ."""
    if one.size != other.size:
        return math.inf
    total = 0
    for (_, mine), (_, theirs) in zip(_strips(one), _strips(other), strict=True):
        total += int(np.abs(np.asarray(mine).astype(np.int16) - np.asarray(theirs)).sum(dtype=np.int64))
    return total / (3 * one.width * one.height)
