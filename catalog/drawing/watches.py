"""Wrist watches."""

from math import cos, sin, tau
from random import Random

from .canvas import Canvas
from .curves import Point, at, box, corner, ellipse, mirror, smooth
from .look import Look
from .palette import RGB, brightness, darker, lighter, mixed
from .patterns import Paint
from .torso import SIDES, stitched

METALS: tuple[RGB, ...] = ((198, 202, 208), (212, 176, 106), (214, 160, 134), (58, 60, 66))


def watch(canvas: Canvas, rng: Random, look: Look) -> None:
    """A wrist watch seen from the front: round or square case, hands or digits, leather or links."""
    square, links = look.cut.random() < 0.3, look.cut.random() < 0.4
    digital = not links and look.cut.random() < 0.25  # on links only the dial shows the colour
    metal: RGB = look.cut.choice(METALS)
    size = rng.uniform(104, 114)
    dial = Paint(
        look.cut.choice((look.accent.rgb, (248, 247, 243), (34, 36, 44), mixed(look.colour.rgb, (20, 24, 40), 0.4)))
    )
    if links:
        dial = Paint(look.colour.rgb)
    if digital:
        dial = Paint((188, 202, 184) if look.cut.random() < 0.6 else (26, 30, 36))
    width = size * (0.56 if not links else 0.6)
    for up in (-1, 1):
        _strap(canvas, look, width, up, links=links, metal=metal)
    canvas.piece(box(size - 6, 308, size + 15, 334, 5), Paint(darker(metal, 0.1)), rounding=4)
    for y in (286, 356) if look.cut.random() < 0.35 else ():
        canvas.piece(box(size - 12, y - 8, size + 8, y + 8, 4), Paint(darker(metal, 0.15)), rounding=4)
    case, inner = _face(size, square), _face(size * 0.83, square)
    canvas.piece(case, Paint(metal), rounding=9, depth=1.5, lift=0.5)
    canvas.line([*_face(size * 0.92, square)], lighter(metal, 0.5), 2.4, opacity=0.8)
    if look.cut.random() < 0.3 and not square:
        canvas.piece(_face(size * 0.97, square), Paint(darker(look.colour.rgb, 0.15)), rounding=4)
        for n in range(60):
            canvas.line(_ray(n, size * 0.86, size * (0.94 if n % 5 else 0.96)), (240, 240, 240), 1 if n % 5 else 2.4)
    canvas.piece(inner, dial, rounding=6, depth=0.9, edge=0.8)
    ink = (44, 46, 52) if brightness(dial.base) > 120 else (240, 240, 238)
    if digital:
        _digits(canvas, rng, size, ink)
    else:
        _hands(canvas, rng, look, size, ink)
    canvas.glaze(
        smooth(
            [
                at(-size * 0.6, 270),
                at(-size * 0.1, 250),
                corner(size * 0.1, 262),
                corner(-size * 0.55, 360),
                at(-size * 0.68, 320),
            ]
        ),
        (255, 255, 255),
        0.13,
    )


def _face(radius: float, square: bool) -> list[Point]:
    return (
        box(-radius * 0.9, 321 - radius * 0.96, radius * 0.9, 321 + radius * 0.96, radius * 0.26)
        if square
        else ellipse(0, 321, radius, steps=72)
    )


def _ray(minute: int, start: float, end: float) -> list[Point]:
    turn = tau * minute / 60
    return [(reach * sin(turn), 321 - reach * cos(turn)) for reach in (start, end)]


def _strap(canvas: Canvas, look: Look, width: float, up: int, *, links: bool, metal: RGB) -> None:
    far = 321 + up * 250
    near = 321 + up * 74
    if links:
        for n in range(9):
            y = near + up * (n * 20 + 8)
            half = width * (1 - n * 0.022)
            canvas.piece(box(-half, y - 9.5, half, y + 9.5, 4), Paint(metal), rounding=5, depth=1.3)
            canvas.piece(
                box(-half * 0.42, y - 9.5, half * 0.42, y + 9.5, 3),
                Paint(lighter(metal, 0.25)),
                rounding=4,
                depth=1.1,
            )
        return
    tip = 28 if up > 0 else 6
    outline = smooth(
        mirror(
            [
                at(0, far + up * tip * 0.2),
                at(width * 0.6, far - up * 2),
                corner(width * 0.82, far - up * tip),
                at(width * 0.9, (near + far) / 2),
                corner(width * 1.06, near),
                corner(0, near),
            ]
        )
    )
    canvas.piece(outline, look.cloth(pitch=0.6), rounding=9, depth=1.3)
    for side in SIDES:
        stitched(
            canvas,
            [(width * 0.93 * side, near + up * 20), (width * 0.74 * side, far - up * 26)],
            Paint(look.seam()),
            1.2,
        )
    if up > 0:
        for n in range(5):
            canvas.piece(
                ellipse(0, far - 40 - n * 22, 3.4, 4, steps=14),
                Paint(darker(look.colour.rgb, 0.7)),
                depth=0,
                edge=0,
            )
    else:
        canvas.line(
            [*box(-width * 0.94, far - 14, width * 0.94, far + 16, 6), (width * 0.9, far - 14)],
            metal,
            7,
            free=True,
        )
        canvas.line([(0, far - 14), (0, far + 22)], metal, 5, free=True)
        canvas.piece(box(-width * 0.9, far + 42, width * 0.9, far + 60, 4), look.plain(0.1), rounding=5, lift=0.3)


def _hands(canvas: Canvas, rng: Random, look: Look, size: float, ink: RGB) -> None:
    style = look.cut.choice(("bars", "dots", "twelve"))
    for n in range(12):
        long = n % 3 == 0
        if style == "dots":
            [(x, y), _] = _ray(n * 5, size * 0.7, size * 0.7)
            canvas.piece(ellipse(x, y, 4.2 if long else 2.6, steps=14), Paint(ink), depth=0, edge=0)
        elif style == "bars" or long:
            canvas.line(_ray(n * 5, size * (0.62 if long else 0.68), size * 0.76), ink, 4.4 if long else 2.2)
    if look.cut.random() < 0.4:
        for x, y in ((-30, 321), (30, 321), (0, 357)):
            canvas.line([*ellipse(x, y, 15, steps=24), (x + 15, y)], ink, 1.4, opacity=0.7)
            canvas.line([(x, y), (x + rng.uniform(-8, 8), y - 10)], ink, 1.4)
    hour, minute = rng.choice(((50, 10), (51, 9), (49, 11)))
    for at_minute, reach, thick in ((hour, 0.42, 6.4), (minute, 0.64, 4.2)):
        hand = _ray(at_minute, -size * 0.08, size * reach)
        canvas.line([(x + 1.5, y + 3) for x, y in hand], (0, 0, 0), thick, opacity=0.25)
        canvas.line(hand, ink, thick)
    canvas.line(_ray(int(rng.uniform(20, 40)), -size * 0.14, size * 0.68), (206, 60, 52), 1.6)
    canvas.piece(ellipse(0, 321, 5, steps=16), Paint(ink), rounding=2, lift=0.3)


def _digits(canvas: Canvas, rng: Random, size: float, ink: RGB) -> None:
    """Seven-segment time, as digital watches show it."""
    on = {1: "bc", 0: "abcdef", 8: "abcdefg", 2: "abged", 5: "afgcd", 9: "abcdfg"}
    cell, high = size * 0.26, size * 0.27
    for place, digit in enumerate((1, 0, rng.choice((0, 5, 2)), rng.choice((8, 9, 5)))):
        x0 = -size * 0.6 + place * size * 0.31 + (size * 0.04 if place > 1 else 0)
        x1, y0, y1, y2 = x0 + cell * 0.8, 321 - high, 321.0, 321 + high
        lines = {
            "a": (x0, y0, x1, y0),
            "b": (x1, y0, x1, y1),
            "c": (x1, y1, x1, y2),
            "d": (x0, y2, x1, y2),
            "e": (x0, y1, x0, y2),
            "f": (x0, y0, x0, y1),
            "g": (x0, y1, x1, y1),
        }
        for name in on[digit]:
            a, b, c, d = lines[name]
            canvas.line([(a, b), (c, d)], ink, 5.4)
    for dy in (-11, 11):
        canvas.piece(ellipse(0, 321 + dy, 3, steps=12), Paint(ink), depth=0, edge=0)
    canvas.line([(-size * 0.44, 321 - high * 1.7), (size * 0.44, 321 - high * 1.7)], ink, 2)
