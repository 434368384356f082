"""Handbags."""

from random import Random

from .canvas import Canvas
from .curves import at, box, corner, ellipse, mirror, smooth, stroke
from .leather import GOLD, STEEL, handle
from .look import Look
from .palette import RGB, darker
from .patterns import Paint
from .shading import Fold
from .torso import SIDES, stitched


def handbag(canvas: Canvas, rng: Random, look: Look) -> None:
    """A handbag: a tote, a satchel with a flap, a small bag on a chain, or a soft hobo."""
    cut = look.cut.choice(("tote", "satchel", "chain", "hobo"))
    metal = look.cut.choice((GOLD, GOLD, STEEL))
    {"tote": _tote, "satchel": _satchel, "chain": _chain_bag, "hobo": _hobo}[cut](canvas, rng, look, metal)


def _tote(canvas: Canvas, rng: Random, look: Look, metal: RGB) -> None:
    top, bottom, wide = 262, 500 + rng.uniform(-8, 8), 140 + rng.uniform(-6, 6)
    strap = look.trim().plain(0.12).base
    canvas.ground(0, bottom + 2, wide - 12, 7)
    arch = 110 + rng.uniform(-10, 10)
    handle(
        canvas,
        stroke((-58, 300), (-52, arch + 66), (0, arch - 8), (52, arch + 66), (58, 300)),
        darker(strap, 0.3),
        11,
    )
    half = [
        at(0, top + 5),
        corner(wide + 14, top),
        at(wide + 6, (top + bottom) / 2),
        corner(wide - 4, bottom - 12),
        at(wide - 18, bottom),
        at(0, bottom + 2),
    ]
    folds = [
        Fold(
            stroke(((wide - 34) * side, top + 30), ((wide - 22) * side, 380), ((wide - 40) * side, bottom - 20)),
            10,
            18,
        )
        for side in SIDES
    ]
    canvas.piece(smooth(mirror(half)), look.cloth(split=400), rounding=13, depth=1.2, folds=folds)
    canvas.line(
        stroke((-wide - 13, top + 12), (0, top + 17), (wide + 13, top + 12)),
        darker(look.colour.rgb, 0.4),
        1.5,
    )
    stitched(canvas, stroke((-wide - 13, top + 17), (0, top + 22), (wide + 13, top + 17)), Paint(look.seam()))
    handle(canvas, stroke((-64, 316), (-60, arch + 84), (0, arch + 10), (60, arch + 84), (64, 316)), strap, 12)
    for side in SIDES:
        tab = [(52 * side, 292), (76 * side, 292), (74 * side, 336), (64 * side, 346), (54 * side, 336)]
        canvas.piece(tab, Paint(strap), rounding=4, lift=0.3, depth=0.8)
        canvas.piece(ellipse(64 * side, 330, 4), Paint(metal), rounding=2, lift=0.3)
    if look.cut.random() < 0.5:
        canvas.line([(0, 270), (0, 300)], darker(metal, 0.3), 2)
        canvas.piece(smooth([at(0, 298), at(13, 318), at(0, 338), at(-13, 318)]), Paint(strap), rounding=4, lift=0.35)


def _satchel(canvas: Canvas, rng: Random, look: Look, metal: RGB) -> None:
    wide, bottom = 152 + rng.uniform(-6, 6), 490
    strap = look.trim().plain(0.1)
    canvas.ground(0, bottom + 2, wide - 8, 7)
    handle(
        canvas,
        stroke((-54, 250), (-50, 190), (0, 166 + rng.uniform(-10, 6)), (50, 190), (54, 250)),
        strap.base,
        14,
    )
    half = [
        at(0, 236),
        at(wide - 40, 238),
        at(wide - 6, 262),
        at(wide + 4, 380),
        corner(wide, bottom - 16),
        at(wide - 18, bottom),
        at(0, bottom),
    ]
    canvas.piece(smooth(mirror(half)), look.cloth(), rounding=14, depth=1.2)
    low = rng.uniform(370, 392)
    flap = [
        at(0, 228),
        at(wide - 44, 230),
        at(wide - 2, 256),
        corner(wide + 4, low - 44),
        at(wide - 30, low - 8),
        at(0, low + 14),
    ]
    canvas.piece(smooth(mirror(flap)), look.cloth(), rounding=12, lift=0.45, edge=0.65)
    rim = smooth(mirror(flap))
    stitched(canvas, [(x * 0.955, (y - 300) * 0.93 + 300) for x, y in rim if y > 300], Paint(look.seam()))
    for x in (-76, 76):
        canvas.piece(box(x - 12, 246, x + 12, low + 34, 5), strap, rounding=5, lift=0.4, depth=0.8)
        canvas.line([*box(x - 15, low + 2, x + 15, low + 26, 3), (x + 12, low + 2)], metal, 4.4)
        for n in range(3):
            canvas.piece(ellipse(x, low - 16 - n * 13, 1.8, steps=10), Paint(darker(strap.base, 0.6)), depth=0, edge=0)
    for side in SIDES:
        canvas.piece(ellipse(54 * side, 250, 9), Paint(metal), rounding=3, lift=0.4)


def _chain_bag(canvas: Canvas, rng: Random, look: Look, metal: RGB) -> None:
    wide, top, bottom = 134 + rng.uniform(-5, 5), 306, 484
    canvas.ground(0, bottom + 2, wide - 8, 7)
    arch = stroke(
        (-wide + 8, 330),
        (-wide + 18, 210),
        (-70, 134),
        (0, 112),
        (70, 134),
        (wide - 18, 210),
        (wide - 8, 330),
    )
    canvas.line(arch, darker(metal, 0.45), 8.5, free=True)
    canvas.line(arch, metal, 6.5, free=True)
    canvas.line(arch, darker(metal, 0.55), 6.5, dash=(2.5, 6))
    canvas.piece(box(-wide, top, wide, bottom, 24), look.cloth(), rounding=13, depth=1.2)
    quilted = look.pattern == "plain" and look.cut.random() < 0.6
    half = [
        at(0, top - 4),
        corner(wide - 18, top - 4),
        at(wide, top + 16),
        corner(wide + 2, 372),
        at(wide - 34, 404),
        at(0, 428),
    ]
    canvas.piece(smooth(mirror(half)), look.cloth(), rounding=11, lift=0.45, edge=0.65)
    if quilted:
        for n in range(-12, 13):
            for lean in (-1, 1):
                line = [(n * 30.0 - 130 * lean, top - 10), (n * 30.0 + 70 * lean, bottom + 6)]
                canvas.line(line, (0, 0, 0), 1.8, opacity=0.3)
                canvas.line([(x + 2.4, y) for x, y in line], (255, 255, 255), 1.8, opacity=0.16)
        canvas.line(
            smooth([*half[3:], at(-wide + 34, 404), corner(-wide - 2, 372)], closed=False),
            darker(look.colour.rgb, 0.55),
            3,
        )
    clasp = box(-20, 396, 20, 430, 6)
    canvas.piece(clasp, Paint(metal), rounding=4, lift=0.45)
    canvas.line([*ellipse(0, 413, 8, 9), (8, 413)], darker(metal, 0.5), 2.4)


def _hobo(canvas: Canvas, rng: Random, look: Look, metal: RGB) -> None:
    bottom = 492
    canvas.ground(0, bottom - 2, 116, 7)
    strap = look.trim().plain(0.06).base
    handle(
        canvas,
        stroke((-118, 300), (-92, 190), (0, 128 + rng.uniform(-8, 8)), (92, 190), (118, 300)),
        strap,
        20,
    )
    half = [
        at(0, 316),
        at(62, 302),
        corner(120, 264),
        at(142, 320),
        at(158, 412),
        at(118, bottom - 16),
        at(0, bottom),
    ]
    folds = [
        Fold(stroke((x * side, 300 + x * 0.1), (x * 0.9 * side, 360), (x * 0.6 * side, 410)), 8, 24)
        for x in (104, 76, 44)
        for side in SIDES
    ]
    canvas.piece(smooth(mirror(half)), look.cloth(), rounding=17, depth=1.3, folds=folds)
    canvas.line(stroke((-116, 274), (-62, 310), (0, 324), (62, 310), (116, 274)), metal, 2.6, dash=(2.4, 1.6))
    for side in SIDES:
        canvas.line([*ellipse(119 * side, 272, 11), (119 * side + 11, 272)], metal, 5, free=True)
    canvas.piece(box(-3, 318, 4, 350, 2), Paint(strap), rounding=2, lift=0.4)
