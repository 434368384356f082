"""Contact sheets: the results of queries, for people to look at."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_PAGE = "#ffffff"
_INK, _QUIET = "#18181b", "#71717a"
_HAIRLINE, _FRAME, _PANEL = "#e4e4e7", "#3f3f46", "#f4f4f5"
_GOOD, _BAD = "#15803d", "#dc2626"
_MISSING = 0xE4

_MARGIN = 24  # around everything
_QUERY_GAP = 30  # between the query and what it found
_GAP = 12  # between tiles
_PADDING = 8  # between a query and its frame
_ROW_GAP = 18
_CAPTION_GAP = 6
_DASH = 5  # the edge of a bad tile is dashed as well as red, for people who cannot tell red from green

_FINER = 4

# The only characters in the font bundled with Pillow.
_HAS = frozenset(map(chr, range(32, 127))) | frozenset("·…‘’“”")
_STANDS_FOR = {"×": "x", "–": "-", "—": "-", "−": "-", "→": "->", "€": "EUR ", "£": "GBP ", "ß": "ss", "∧": "&"}


@dataclass(frozen=True)
class Tile:
    """One picture on a sheet.

    Attributes:
        pixels: uint8 [H, W, 3] RGB of any size, shown complete on white.
        caption: one or more lines below it; long ones are shortened in the middle.
        good: True draws a green edge, False a dashed red one.
    """

    pixels: np.ndarray
    caption: str = ""
    good: bool | None = None


def missing(caption: str = "") -> Tile:
    """A grey tile for a picture that no longer exists."""
    return Tile(np.full((1, 1, 3), _MISSING, np.uint8), caption)


def contact_sheet(rows: Sequence[Sequence[Tile]], *, tile: int = 112, title: str = "") -> Image.Image:
    """A white page with rows of pictures. The first of each row, framed and set apart, is the query.

    Args:
        rows: of any length, even empty.
        tile: side of a picture, in pixels.
        title: at the top, wrapped to the width of the page.
    """
    small, large = min(13, max(11, round(tile / 9))), min(20, max(16, round(tile / 7)))
    found = max((len(row) - 1 for row in rows), default=0)
    width = 2 * (_MARGIN + _PADDING) + tile + (_QUERY_GAP + found * (tile + _GAP) - _GAP if found > 0 else 0)
    headline = _wrapped(title, large, width - 2 * _MARGIN)
    top = _MARGIN + (len(headline) * _height(large) + 14 if headline else 0)
    heights = [
        2 * _PADDING + tile + (_CAPTION_GAP + _lines(row) * _height(small) if _lines(row) else 0) for row in rows
    ]
    page = Image.new("RGB", (width, top + sum(heights) + _ROW_GAP * max(0, len(rows) - 1) + _MARGIN), _PAGE)
    for number, words in enumerate(headline):
        _write(page, (_MARGIN, _MARGIN + number * _height(large)), words, large, _INK)
    for row, height in zip(rows, heights, strict=True):
        if row:
            frame = (_MARGIN, top, _MARGIN + tile + 2 * _PADDING - 1, top + height - 1)
            ImageDraw.Draw(page).rectangle(frame, fill=_PANEL, outline=_FRAME)
        left = _MARGIN + _PADDING
        for place, shown in enumerate(row):
            _place(page, shown, left, top + _PADDING, tile, small)
            left += tile + (_GAP if place else _PADDING + _QUERY_GAP)
        top += height + _ROW_GAP
    return page


def _place(page: Image.Image, shown: Tile, left: int, top: int, side: int, size: int) -> None:
    """The complete picture, centred on a white square, with an edge around it and its caption below."""
    if shown.pixels.dtype != np.uint8 or shown.pixels.ndim != 3 or shown.pixels.shape[2] != 3 or not shown.pixels.size:
        raise ValueError(f"a tile's pixels must be uint8 [H, W, 3], not {shown.pixels.dtype} {shown.pixels.shape}")
    height, width, _ = shown.pixels.shape
    scale = side / max(width, height)
    fitted = max(1, round(width * scale)), max(1, round(height * scale))
    picture = Image.fromarray(shown.pixels).resize(fitted, Image.Resampling.LANCZOS)
    page.paste(_PAGE, (left, top, left + side, top + side))
    page.paste(picture, (left + (side - fitted[0]) // 2, top + (side - fitted[1]) // 2))
    _edge(ImageDraw.Draw(page), shown.good, left, top, side)
    for number, words in enumerate(shown.caption.splitlines()):
        spot = (left, top + side + _CAPTION_GAP + number * _height(size))
        _write(page, spot, _shortened(_plain(words), size, side), size, _QUIET if number else _INK)


def _edge(pen: ImageDraw.ImageDraw, good: bool | None, left: int, top: int, side: int) -> None:
    if good is None:
        pen.rectangle((left - 1, top - 1, left + side, top + side), outline=_HAIRLINE)
        return
    right, bottom = left + side + 1, top + side + 1
    left, top = left - 2, top - 2
    pen.rectangle((left, top, right, bottom), outline=_GOOD if good else _BAD, width=2)
    for gap in range(_DASH, side, 2 * _DASH) if not good else ():
        for y in (top, bottom - 1):
            pen.rectangle((left + gap, y, left + gap + _DASH - 1, y + 1), fill=_PAGE)
        for x in (left, right - 1):
            pen.rectangle((x, top + gap, x + 1, top + gap + _DASH - 1), fill=_PAGE)


def _write(page: Image.Image, spot: tuple[int, int], text: str, size: int, colour: str) -> None:
    """Draw text larger and scale it down: Pillow places letters on whole pixels, badly spaced at 12 pixels."""
    mask = Image.new("L", (_FINER * (_width(text, size) + 2), _FINER * _height(size)))
    ImageDraw.Draw(mask).text((0, 0), text, font=_font(size), fill=255)
    mask = mask.reduce(_FINER)
    page.paste(colour, (*spot, spot[0] + mask.width, spot[1] + mask.height), mask)


@cache
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(_FINER * size)


def _width(text: str, size: int) -> int:
    return -int(-_font(size).getlength(text) // _FINER)


def _height(size: int) -> int:
    return round(1.45 * size)


def _lines(row: Sequence[Tile]) -> int:
    return max((len(tile.caption.splitlines()) for tile in row), default=0)


def _plain(text: str) -> str:
    """`text` in characters of the font."""
    known = (_STANDS_FOR.get(letter, letter) for letter in text)
    apart = unicodedata.normalize("NFKD", "".join(known))
    return "".join(
        letter if letter in _HAS else "" if unicodedata.combining(letter) else "?"
        for letter in (apart if any(letter not in _HAS for letter in text) else text)
    )


def _shortened(text: str, size: int, width: int) -> str:
    """`text`, with … for its middle if it is wider than `width`: names differ at their ends."""
    if _width(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        start, end = text[: kept // 2], text[len(text) - (kept - kept // 2) :]
        if _width(f"{start}…{end}", size) <= width:
            return f"{start}…{end}"
    return "…"


def _wrapped(text: str, size: int, width: int) -> list[str]:
    lines: list[str] = []
    for word in _plain(text).split():
        if lines and _width(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(_shortened(word, size, width))
    return lines
