"""Generated pictures for tests."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image, ImageDraw

COLOURS = {"red": (200, 30, 40), "green": (30, 140, 60), "blue": (40, 60, 190), "black": (20, 20, 20)}


def picture(
    colour: str | tuple[int, int, int] = "red",
    *,
    shape: str = "ellipse",
    size: tuple[int, int] = (60, 80),
    format: str = "JPEG",
    seed: int | None = None,
    **options: object,
) -> bytes:
    """A coloured shape on white; `seed` moves a few of its pixels, so that pictures differ."""
    fill = COLOURS[colour] if isinstance(colour, str) else colour
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    box = (size[0] // 6, size[1] // 6, size[0] - size[0] // 6, size[1] - size[1] // 6)
    getattr(draw, shape)(box, fill=fill)
    if seed is not None:
        chance = random.Random(seed)
        for _ in range(12):
            x, y = chance.randrange(size[0]), chance.randrange(size[1])
            draw.rectangle((x, y, x + 4, y + 4), fill=tuple(chance.randrange(256) for _ in range(3)))
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def many_pixels() -> bytes:
    """A small file of 45 million pixels."""
    out = io.BytesIO()
    Image.new("1", (9000, 5000)).save(out, "PNG")  # one bit each: made in no time, as every test process makes it
    return out.getvalue()


#: What no door of the shop takes: the bytes, and the status and code that its API answers.
REFUSED = [
    pytest.param(b"", 400, "empty", id="empty"),
    pytest.param(b"text", 400, "unsupported_format", id="text"),
    pytest.param(picture()[:400], 400, "corrupt", id="truncated"),
    pytest.param(picture(format="TIFF"), 400, "unsupported_format", id="tiff"),
    pytest.param(many_pixels(), 413, "too_many_pixels", id="bomb"),
]
