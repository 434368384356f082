"""Scarves and ties."""

from random import Random

from .canvas import Canvas
from .curves import Point, at, box, corner, ellipse, smooth, stroke
from .look import Look
from .palette import darker
from .patterns import Paint
from .shading import Fold
from .torso import SIDES


def scarf(canvas: Canvas, rng: Random, look: Look) -> None:
    """A scarf wound once around an invisible neck, both ends hanging, with a fringe."""
    cloth, fringe = look.cloth(split=440), look.cut.random() < 0.75
    wide, ring = rng.uniform(84, 96), rng.uniform(100, 108)
    left, right = rng.uniform(506, 524), rng.uniform(466, 490)
    ends = ((20.0, right, 5.0), (-wide + 4, left, -5.0))
    canvas.piece(ellipse(0, 132, ring - 8, 44), look.plain(0.4), depth=1.0)
    for x, low, lean in ends:
        if fringe:
            _fringe(canvas, cloth, x + lean * 3, x + wide + lean * 3, low)
        tail = [
            corner(x, 190),
            corner(x + wide, 190),
            at(x + wide + lean, 330),
            corner(x + wide + lean * 3, low),
            corner(x + lean * 3, low),
            at(x + lean, 330),
        ]
        folds = []
        for n in (0.3, 0.66):
            line = stroke((x + wide * n, 200), (x + wide * n + lean, 330), (x + wide * (n + 0.04) + lean * 2, low - 40))
            folds += [Fold(line, 9, 30), Fold([(a - 12, b) for a, b in line], 9, -22)]
        canvas.piece(smooth(tail), cloth.turned(-lean * 0.6), rounding=9, depth=1.1, folds=folds, lift=0.4)
    for drop, shade in ((0, 10), (34, 0)):
        half = ring + 2 - shade * 0.4
        loop = [
            at(-half - 2, 122 + drop * 0.5),
            at(-half * 0.7, 150 + drop),
            at(0, 168 + drop),
            at(half * 0.7, 150 + drop),
            at(half + 2, 122 + drop * 0.5),
            at(half + 8, 150 + drop * 0.7),
            at(half * 0.72, 204 + drop),
            at(0, 222 + drop),
            at(-half * 0.72, 204 + drop),
            at(-half - 8, 150 + drop * 0.7),
        ]
        sweep = [
            stroke(
                (-half, 140 + drop),
                (-half * 0.5, 176 + drop + n),
                (half * 0.3, 186 + drop + n),
                (half * 0.9, 150 + drop),
            )
            for n in (0, 18)
        ]
        folds = [Fold(line, 8, 30) for line in sweep] + [Fold([(a, b - 10) for a, b in line], 8, -22) for line in sweep]
        canvas.piece(smooth(loop), cloth.turned(8 if drop else -8), rounding=13, depth=1.3, folds=folds, lift=0.45)


def _fringe(canvas: Canvas, cloth: Paint, x0: float, x1: float, y: float) -> None:
    count = 13
    for n in range(count):
        x = x0 + 3 + (x1 - x0 - 6) * n / (count - 1)
        tone = cloth.second if cloth.pattern in ("across", "checks", "block") and n % 2 else cloth.base
        canvas.line([(x, y - 4), (x + (n % 3 - 1) * 1.6, y + 34)], darker(tone, 0.3), 5, free=True)
        canvas.line([(x, y - 4), (x + (n % 3 - 1) * 1.6, y + 33)], tone, 3.4, free=True)


def tie(canvas: Canvas, rng: Random, look: Look) -> None:
    """A knotted necktie with its loop, or a bow tie."""
    if look.cut.random() < 0.2:
        _bow(canvas, look)
        return
    wide, low = rng.uniform(50, 60) if look.cut.random() < 0.7 else rng.uniform(36, 42), rng.uniform(560, 572)
    lean = 42 if look.pattern in ("across", "bands") else 0
    cloth = look.cloth(split=452, pitch=0.8).turned(lean)
    for side in SIDES:
        loop = [
            corner(14 * side, 108),
            at(62 * side, 76),
            at(74 * side, 40),
            at(40 * side, 14),
            corner(0, 8),
            corner(0, 26),
            at(34 * side, 32),
            at(52 * side, 52),
            at(40 * side, 76),
            corner(6 * side, 96),
        ]
        canvas.piece(smooth(loop), look.cloth(pitch=0.8).turned(-side * 40), rounding=6, depth=1.2)
    thin = [(-14, 128), (20, 128), (wide * 0.72, low - 74), (wide * 0.24, low - 36), (-6, low - 74)]
    canvas.piece(thin, cloth.plain(0.2), rounding=6)
    blade = [
        corner(-19, 132),
        corner(19, 132),
        at(wide * 0.68, 330),
        corner(wide, low - 66),
        corner(0, low),
        corner(-wide, low - 66),
        at(-wide * 0.68, 330),
    ]
    folds = [
        Fold(stroke((-4, 140), (-8, 190), (4, 250)), 7, 26),
        Fold(stroke((6, 138), (10, 170), (14, 210)), 6, -24),
    ]
    canvas.piece(smooth(blade), cloth, rounding=11, depth=1.2, folds=folds, lift=0.45)
    knot = [
        corner(-34, 88),
        at(0, 80),
        corner(34, 88),
        at(30, 112),
        corner(18, 142),
        at(0, 148),
        corner(-18, 142),
        at(-30, 112),
    ]
    canvas.piece(smooth(knot), look.cloth(pitch=0.8).turned(-lean), rounding=9, depth=1.3, lift=0.5, edge=0.65)


def _bow(canvas: Canvas, look: Look) -> None:
    cloth = look.cloth(pitch=0.8, split=320)
    for side in SIDES:
        wing: list[Point] = [
            (x * side, y)
            for x, y in smooth(
                [
                    corner(10, 300),
                    at(80, 264),
                    at(168, 246),
                    at(182, 262),
                    at(176, 320),
                    at(182, 378),
                    at(168, 394),
                    at(80, 376),
                    corner(10, 340),
                ]
            )
        ]
        folds = [
            Fold(
                [(x * side, y) for x, y in stroke((22, 318 + d * 0.3), (70, 318 + d), (120, 318 + d * 1.4))],
                9,
                30,
            )
            for d in (-14, 14)
        ]
        canvas.piece(wing, cloth.turned(side * 6), rounding=13, depth=1.3, folds=folds)
    canvas.piece(box(-27, 284, 27, 356, 14), look.cloth(pitch=0.8), rounding=10, depth=1.4, lift=0.5)
