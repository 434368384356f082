"""What a piece is filled with: a colour, a printed or woven pattern, or a material with a grain."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .chance import seeded
from .curves import Point
from .palette import RGB, brightness, darker, lighter, mixed


@dataclass(frozen=True)
class Paint:
    """A fill; lengths are in logical units, `angle` in degrees turns stripes and prints with a sleeve."""

    base: RGB
    second: RGB = (255, 255, 255)
    pattern: str = "plain"
    angle: float = 0.0
    pitch: float = 26.0
    split: float = 300.0
    grain: str = ""

    def texture(self, size: tuple[int, int], origin: Point, scale: int) -> Image.Image:
        """An RGB picture of `size` pixels whose upper left pixel lies at `origin` on the page."""
        image = Image.new("RGB", size, self.base)
        if self.pattern != "plain":
            PATTERNS[self.pattern](_Field(self, image, origin, scale))
        if self.grain:
            grain = _tiled(_grain(self.grain), size, origin, scale)
            image = ImageChops.multiply(image, Image.merge("RGB", (grain, grain, grain)))
        return image

    def turned(self, angle: float) -> "Paint":
        """The same cloth, cut at an angle."""
        return replace(self, angle=self.angle + angle)

    def plain(self, shade: float = 0.0) -> "Paint":
        """The ground colour alone, darkened by `shade` (lightened when negative)."""
        tone = darker(self.base, shade) if shade >= 0 else lighter(self.base, -shade)
        return replace(self, base=tone, pattern="plain")


@dataclass
class _Field:
    """A texture being drawn, with axes turned around the middle of the page."""

    paint: Paint
    image: Image.Image
    origin: Point
    scale: int

    def __post_init__(self) -> None:
        self.draw = ImageDraw.Draw(self.image, "RGBA")
        turn = math.radians(self.paint.angle)
        self._cos, self._sin = math.cos(turn), math.sin(turn)
        left, top = self.origin
        right, bottom = left + self.image.width / self.scale, top + self.image.height / self.scale
        corners = [(x, y - 320) for x in (left, right) for y in (top, bottom)]
        us = [x * self._cos + y * self._sin for x, y in corners]
        vs = [y * self._cos - x * self._sin for x, y in corners]
        self.u0, self.u1, self.v0, self.v1 = min(us), max(us), min(vs), max(vs)

    def pixel(self, u: float, v: float) -> Point:
        x, y = u * self._cos - v * self._sin, v * self._cos + u * self._sin + 320
        return (x - self.origin[0]) * self.scale, (y - self.origin[1]) * self.scale

    def rows(self, pitch: float) -> Iterator[tuple[int, float]]:
        first = math.floor(self.v0 / pitch) - 1
        return ((n, n * pitch) for n in range(first, math.ceil(self.v1 / pitch) + 2))

    def columns(self, pitch: float) -> Iterator[tuple[int, float]]:
        first = math.floor(self.u0 / pitch) - 1
        return ((n, n * pitch) for n in range(first, math.ceil(self.u1 / pitch) + 2))

    def band(self, v: float, thick: float, colour: RGB, opacity: float = 1.0) -> None:
        """A stripe across, from v to v + thick."""
        ends = (self.u0, v), (self.u1, v), (self.u1, v + thick), (self.u0, v + thick)
        self.draw.polygon([self.pixel(*end) for end in ends], fill=(*colour, round(255 * opacity)))

    def pillar(self, u: float, thick: float, colour: RGB, opacity: float = 1.0) -> None:
        """A stripe along, from u to u + thick."""
        ends = (u, self.v0), (u, self.v1), (u + thick, self.v1), (u + thick, self.v0)
        self.draw.polygon([self.pixel(*end) for end in ends], fill=(*colour, round(255 * opacity)))

    def spot(self, u: float, v: float, radius: float, colour: RGB) -> None:
        x, y = self.pixel(u, v)
        radius *= self.scale
        self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _across(field: _Field) -> None:
    pitch = field.paint.pitch
    for _, v in field.rows(pitch):
        field.band(v, pitch * 0.46, field.paint.second)


def _along(field: _Field) -> None:
    pitch = field.paint.pitch * 0.72
    for _, u in field.columns(pitch):
        field.pillar(u - pitch * 0.16, pitch * 0.32, field.paint.second)


def _checks(field: _Field) -> None:
    pitch, second = field.paint.pitch * 1.6, field.paint.second
    thin = mixed(second, (255, 255, 255), 0.4) if brightness(field.paint.base) < 128 else darker(second, 0.25)
    for _, v in field.rows(pitch):
        field.band(v, pitch * 0.42, second, 0.55)
        field.band(v + pitch * 0.68, pitch * 0.07, thin, 0.8)
    for _, u in field.columns(pitch):
        field.pillar(u - pitch * 0.21, pitch * 0.42, second, 0.55)
        field.pillar(u + pitch * 0.47, pitch * 0.07, thin, 0.8)


def _dots(field: _Field) -> None:
    pitch = field.paint.pitch
    for row, v in field.rows(pitch * 0.8):
        for _, u in field.columns(pitch):
            field.spot(u + (pitch / 2 if row % 2 else 0), v, pitch * 0.19, field.paint.second)


def _floral(field: _Field) -> None:
    pitch, second = field.paint.pitch * 1.35, field.paint.second
    leaf = mixed((70, 120, 70), field.paint.base, 0.25)
    heart = (250, 214, 96) if abs(second[0] - 250) + abs(second[2] - 96) > 120 else (150, 60, 40)
    for row, v in field.rows(pitch * 0.85):
        for column, u in field.columns(pitch):
            dice = seeded(row, column)
            x = u + (pitch / 2 if row % 2 else 0) + dice.uniform(-0.18, 0.18) * pitch
            y = v + dice.uniform(-0.16, 0.16) * pitch
            size = pitch * dice.uniform(0.1, 0.17)
            turn = dice.uniform(0, math.tau)
            tone = lighter(second, 0.35) if (row + column) % 3 == 0 else second
            for side in (0.6, 2.4):
                leaf_u, leaf_v = (
                    x + 2.2 * size * math.cos(turn + side),
                    y + 2.2 * size * math.sin(turn + side),
                )
                field.spot(leaf_u, leaf_v, size * 0.62, leaf)
            for petal in range(5):
                way = turn + petal * math.tau / 5
                field.spot(x + 1.15 * size * math.cos(way), y + 1.15 * size * math.sin(way), size * 0.85, tone)
            field.spot(x, y, size * 0.6, heart)


def _block(field: _Field) -> None:
    field.band(field.paint.split - 320, 2000, field.paint.second)


def _bands(field: _Field) -> None:
    top = field.paint.split - 320
    field.band(top - 62, 34, field.paint.second)
    field.band(top - 20, 12, field.paint.second)


def _gradient(field: _Field) -> None:
    top = field.paint.split - 200
    for step in range(80):
        tone = mixed(field.paint.base, field.paint.second, (step + 1) / 80)
        field.band(top + step * 5 - 320, 2000 if step == 79 else 6, tone)


def _argyle(field: _Field) -> None:
    wide, high = field.paint.pitch * 1.9, field.paint.pitch * 2.7
    line = lighter(field.paint.base, 0.5) if brightness(field.paint.base) < 128 else darker(field.paint.base, 0.4)
    for row, v in field.rows(high / 2):
        for _, u in field.columns(wide):
            u += wide / 2 if row % 2 else 0
            ends = (u, v - high / 2), (u + wide / 2, v), (u, v + high / 2), (u - wide / 2, v)
            if row % 2:
                field.draw.polygon([field.pixel(*end) for end in ends], fill=field.paint.second)
            else:
                for start, end in (((u, v), (u + wide, v + high)), ((u, v), (u - wide, v + high))):
                    field.draw.line([field.pixel(*start), field.pixel(*end)], fill=(*line, 120), width=2)


PATTERNS: dict[str, Callable[[_Field], None]] = {
    "across": _across,
    "along": _along,
    "argyle": _argyle,
    "bands": _bands,
    "block": _block,
    "checks": _checks,
    "dots": _dots,
    "floral": _floral,
    "gradient": _gradient,
}


@cache
def _grain(material: str) -> Image.Image:
    """A tile to multiply with, near white: the yarn, twill or hide that a plain colour lacks."""
    side = 128
    if material == "knit":
        tile = Image.new("L", (16, 12), 255)
        draw = ImageDraw.Draw(tile)
        for y in (-12, 0, 12):
            draw.line([(0, y), (8, y + 8), (16, y)], fill=206, width=2)
        return tile.filter(ImageFilter.GaussianBlur(0.6))
    if material == "rib":
        tile = Image.new("L", (12, 12), 255)
        ImageDraw.Draw(tile).rectangle((0, 0, 4, 12), fill=206)
        return tile
    dice = seeded(material)
    noise = Image.frombytes("L", (side, side), dice.randbytes(side * side))
    if material == "denim":
        warp = noise.resize((side, side // 8)).resize((side, side))
        noise = Image.blend(noise, warp, 0.55).point([226 + value // 9 for value in range(256)])
        draw = ImageDraw.Draw(noise)
        for x in range(-side, side, 8):
            draw.line([(x, side), (x + side, 0)], fill=216)
        return noise
    blotches = noise.filter(ImageFilter.GaussianBlur(2.2))
    return blotches.point([max(238, min(255, 249 + (value - 128) // 4)) for value in range(256)])


def _tiled(tile: Image.Image, size: tuple[int, int], origin: Point, scale: int) -> Image.Image:
    image = Image.new("L", size)
    left, top = -round(origin[0] * scale) % tile.width, -round(origin[1] * scale) % tile.height
    row = Image.new("L", (size[0], tile.height))
    for x in range(left - tile.width, size[0], tile.width):
        row.paste(tile, (x, 0))
    for y in range(top - tile.height, size[1], tile.height):
        image.paste(row, (0, y))
    return image
