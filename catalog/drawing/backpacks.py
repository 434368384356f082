"""Backpacks."""

from random import Random

from .canvas import Canvas
from .curves import at, box, corner, mirror, smooth, stroke
from .leather import GOLD, STEEL, handle
from .look import Look
from .palette import darker
from .patterns import Paint
from .torso import SIDES, stitched


def backpack(canvas: Canvas, rng: Random, look: Look) -> None:
    """A backpack: a zipped day pack, a school bag with two pockets, or a rucksack with a buckled lid."""
    cut = look.cut.choice(("daypack", "school", "rucksack"))
    wide, top, bottom = 124 + rng.uniform(-5, 5), 136, 516 + rng.uniform(-8, 8)
    cloth, trim = look.cloth(split=348), look.trim().plain(0.14)
    canvas.ground(0, bottom + 2, wide - 16, 8)
    for side in SIDES:
        strap = stroke(
            (70 * side, 150), ((wide + 10) * side, 240), ((wide + 13) * side, 380), ((wide - 10) * side, 486)
        )
        handle(canvas, strap, darker(trim.base, 0.12), 17)
        pocket = [
            corner((wide - 12) * side, 372),
            at((wide + 21) * side, 384),
            at((wide + 23) * side, 460),
            corner((wide - 12) * side, bottom - 14),
        ]
        canvas.piece(smooth(pocket), look.plain(0.2), rounding=6)
    handle(
        canvas,
        stroke((-30, top + 8), (-26, top - 32), (0, top - 42), (26, top - 32), (30, top + 8)),
        trim.base,
        11,
    )
    half = [
        at(0, top - 8),
        at(wide * 0.62, top + 4),
        at(wide - 4, top + 74),
        at(wide + 4, 330),
        at(wide, bottom - 44),
        at(wide - 34, bottom - 2),
        at(0, bottom),
    ]
    canvas.piece(smooth(mirror(half)), cloth, rounding=17, depth=1.25)
    edge = Paint(look.seam())
    if cut == "rucksack":
        _lid(canvas, look, wide, top)
    else:
        zipper = stroke(
            (-wide + 14, 320),
            (-wide + 22, 216),
            (-wide * 0.5, top + 30),
            (0, top + 20),
            (wide * 0.5, top + 30),
            (wide - 22, 216),
            (wide - 14, 320),
        )
        canvas.line(zipper, darker(look.colour.rgb, 0.55), 6.5)
        canvas.line(zipper, STEEL, 2.2, dash=(2.2, 1.8))
        canvas.piece(box(wide - 26, 236, wide - 18, 258, 3), Paint(STEEL), rounding=2, lift=0.4)
    tall = 330 if cut != "school" else 356
    front = box(-wide + 24, tall, wide - 24, bottom - 22, 24)
    canvas.piece(front, look.plain(0.05) if look.pattern != "block" else trim, rounding=9, lift=0.4, edge=0.65)
    canvas.line([(-wide + 32, tall + 26), (wide - 32, tall + 26)], darker(look.colour.rgb, 0.55), 6)
    canvas.line([(-wide + 32, tall + 26), (wide - 32, tall + 26)], STEEL, 2.2, dash=(2.2, 1.8))
    stitched(canvas, [(-wide + 32, tall + 34), (wide - 32, tall + 34)], edge)
    if cut == "school":
        canvas.piece(box(-wide + 32, 246, wide - 32, 330, 18), look.plain(0.05), rounding=8, lift=0.35, edge=0.65)
        canvas.line([(-wide + 40, 264), (wide - 40, 264)], darker(look.colour.rgb, 0.55), 5)
        canvas.line([(-wide + 40, 264), (wide - 40, 264)], STEEL, 2, dash=(2.2, 1.8))
    if cut == "daypack" and look.cut.random() < 0.6:
        canvas.piece(box(-26, 232, 26, 272, 4), Paint((186, 132, 84)), depth=0.6, rounding=4, lift=0.3)
        for x in (-9, 9):
            canvas.line([(x, 244), (x, 260)], (70, 46, 30), 5)


def _lid(canvas: Canvas, look: Look, wide: float, top: float) -> None:
    half = [
        at(0, top - 12),
        at(wide * 0.66, top - 2),
        at(wide + 2, top + 66),
        corner(wide + 4, 250),
        at(wide - 30, 282),
        at(0, 290),
    ]
    canvas.piece(smooth(mirror(half)), look.cloth(split=240), rounding=13, lift=0.5, edge=0.65)
    leather = Paint((160, 108, 66))
    for x in (-56, 56):
        canvas.piece(box(x - 9, 250, x + 9, 376, 4), leather, rounding=4, lift=0.45, depth=0.8)
        canvas.line([*box(x - 13, 304, x + 13, 326, 3), (x + 10, 304)], GOLD, 4)
