"""Sandals, a pair seen from above."""

from random import Random

from .canvas import Canvas
from .curves import at, box, corner, ellipse, smooth
from .leather import thread
from .look import Look
from .palette import darker, lighter
from .patterns import Paint


def sandal(canvas: Canvas, rng: Random, look: Look) -> None:
    """A pair from above: slides, thongs, two buckled straps, or crossed ones."""
    cut = look.cut.choice(("slide", "thong", "buckles", "crossed"))
    bed = Paint(look.cut.choice(((206, 168, 124), (222, 196, 158), (150, 104, 70), (66, 60, 58))), grain="hide")
    stretch = rng.uniform(0.97, 1.03)
    for mirrored in (False, True):
        with canvas.placed(
            -96 if mirrored else 96,
            rng.uniform(-1, 1) + (8 if mirrored else -8),
            mirrored=mirrored,
            zoom=stretch,
        ):
            _footbed(canvas, bed)
            _straps(canvas, look, cut)


def _footbed(canvas: Canvas, bed: Paint) -> None:
    foot = [
        at(-14, 122),
        at(38, 142),
        at(66, 206),
        at(62, 290),
        at(50, 370),
        at(54, 440),
        at(34, 506),
        at(0, 520),
        at(-36, 506),
        at(-54, 440),
        at(-50, 360),
        at(-62, 280),
        at(-70, 200),
        at(-54, 140),
    ]
    outer = smooth(foot)
    canvas.piece([(x * 1.06, (y - 320) * 1.025 + 324) for x, y in outer], Paint(darker(bed.base, 0.5)), depth=0.8)
    canvas.piece(outer, bed, rounding=9, depth=0.9)
    canvas.line(
        [((x + 2) * 0.9, (y - 320) * 0.955 + 320) for x, y in [*outer, outer[0]]],
        lighter(bed.base, 0.4),
        1.2,
        dash=(5, 3),
        opacity=0.8,
    )
    canvas.glaze(ellipse(0, 446, 30, 44), (0, 0, 0), 0.14, blur=10)
    canvas.glaze(ellipse(0, 204, 40, 44), (0, 0, 0), 0.1, blur=10)


def _straps(canvas: Canvas, look: Look, cut: str) -> None:
    cloth = look.cloth(pitch=0.7, split=250)
    match cut:
        case "slide":
            band = [
                corner(-78, 214),
                at(0, 184),
                corner(76, 216),
                at(78, 262),
                corner(72, 304),
                at(0, 280),
                corner(-76, 298),
                at(-80, 256),
            ]
            canvas.piece(smooth(band), cloth, rounding=10, depth=1.3, lift=0.5)
            for y in (8, -10):
                edge = (
                    ((-77, 214 + y), (0, 184 + y), (75, 216 + y))
                    if y > 0
                    else ((-75, 298 + y), (0, 280 + y), (72, 304 + y))
                )
                thread(canvas, look, *edge)
        case "thong":
            for side in (-1, 1):
                strap = [
                    corner(-16, 184),
                    at(26 * side - 14, 210),
                    corner(70 * side, 316),
                    corner(60 * side + 2, 338),
                    at(24 * side - 14, 250),
                    corner(-18, 206),
                ]
                canvas.piece(smooth(strap), cloth, rounding=6, depth=1.2, lift=0.5)
            canvas.piece(ellipse(-16, 188, 9, 12), look.trim().plain(0.1), rounding=4, lift=0.4)
        case "buckles":
            for y in (204, 292):
                band = [
                    corner(-78, y),
                    at(0, y - 22),
                    corner(74, y + 2),
                    corner(72, y + 46),
                    at(0, y + 24),
                    corner(-74, y + 42),
                ]
                canvas.piece(smooth(band), cloth, rounding=8, depth=1.2, lift=0.5)
                canvas.piece(box(34, y - 12, 58, y + 42, 4), look.plain(0.06), depth=0.7, rounding=4, lift=0.35)
                canvas.line([*box(30, y, 62, y + 30, 4), (58, y)], (210, 184, 120), 4)
        case _:
            for side in (-1, 1):
                band = [
                    corner(-74 * side, 190),
                    at(-10 * side, 226),
                    corner(72 * side, 300),
                    corner(66 * side, 336),
                    at(-20 * side, 266),
                    corner(-76 * side, 232),
                ]
                canvas.piece(smooth(band), cloth, rounding=7, depth=1.2, lift=0.5)
            ankle = [
                corner(-58, 426),
                at(0, 398),
                corner(56, 426),
                corner(56, 448),
                at(0, 420),
                corner(-58, 448),
            ]
            canvas.piece(smooth(ankle), look.plain(0.04), rounding=6, lift=0.5)
            canvas.line([*box(22, 402, 44, 430, 3), (41, 402)], (210, 184, 120), 3.4)
