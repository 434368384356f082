"""Jackets and blazers."""

from random import Random

from .canvas import Canvas
from .curves import at, box, corner, ellipse, mirror, smooth, stroke
from .look import Look
from .palette import brightness, darker, lighter
from .patterns import Paint
from .shading import Fold
from .torso import SIDES, Torso, band, buttons, cuff_line, cuffs, folds_of, sleeves, stitched

ZIP = (202, 204, 208)


def jacket(canvas: Canvas, rng: Random, look: Look) -> None:
    """An outdoor jacket: a bomber, a quilted puffer, a biker with lapels, or a buttoned trucker."""
    cut = look.cut.choice(("bomber", "puffer", "biker", "trucker"))
    body = Torso(
        neck=46, neck_y=112, drop=30, shoulder=130, armpit=116, armpit_y=250, waist=rng.uniform(110, 116),
        hem=rng.uniform(108, 114), hem_y=rng.uniform(476, 496), neckline="v",
    )  # fmt: skip
    cloth = look.cloth(split=rng.uniform(270, 290))
    arm = Paint(look.accent.rgb) if cut == "bomber" and look.pattern == "block" else cloth
    arm = cloth.plain() if look.pattern in ("bands", "gradient") else arm
    body.inside(canvas, Paint(darker(look.accent.rgb, 0.1)), rise=18)
    sleeves(canvas, body, arm, length=1.0, width=1.25)
    canvas.piece(
        body.outline(), cloth, folds=_quilting(body) if cut == "puffer" else folds_of(body, rng, 20),
        lift=0.3,
        rounding=11, depth=1.25,
    )  # fmt: skip
    if cut == "puffer":
        _quilted_sleeves(canvas, body)
    rib = look.plain(0.14)
    if cut in ("bomber", "puffer"):
        knit = Paint(rib.base, grain="rib")
        cuffs(canvas, body, knit, length=1.0, width=1.05, deep=28)
        band(canvas, body, knit, top=body.hem_y - 8, bottom=body.hem_y + 26)
    else:
        cuffs(canvas, body, rib, length=1.0, width=1.05, deep=24)
        band(canvas, body, rib, top=body.hem_y - 8, bottom=body.hem_y + 20, tuck=1)
    foot = body.hem_y + 26
    if cut == "trucker":
        _trucker(canvas, look, body, foot)
    else:
        slant = 24 if cut == "biker" else 0
        canvas.line([(slant, 150), (slant * 0.4, foot)], darker(look.colour.rgb, 0.5), 9)
        canvas.line([(slant, 150), (slant * 0.4, foot)], ZIP, 4, dash=(2.2, 1.4))
        canvas.piece(box(slant - 2.5, 168, slant + 3.5, 186, 2), Paint(ZIP), rounding=2, lift=0.3)
        for side in SIDES:
            pocket = [(54 * side, 400), (84 * side, 350)]
            canvas.line(pocket, darker(look.colour.rgb, 0.5), 6)
            canvas.line(pocket, ZIP, 2.6, dash=(2.2, 1.4))
    if cut == "biker":
        _lapels(canvas, look.plain(0.04), low=250, wide=62)
    elif cut == "bomber":
        half = [
            at(0, 128),
            corner(2, 150),
            at(40, 132),
            corner(58, 110),
            at(48, 92),
            corner(40, 92),
            at(24, 118),
        ]
        for side in SIDES:
            canvas.piece([(x * side, y) for x, y in smooth(half[1:])], Paint(rib.base, grain="rib"), lift=0.3)
    else:
        _stand_collar(canvas, look, tall=cut == "puffer")


def _quilting(body: Torso) -> list[Fold]:
    folds: list[Fold] = []
    for n in range(7):
        y = 196 + n * 42
        line = stroke((-130, y - 3), (-60, y + 3), (0, y), (60, y + 3), (130, y - 3))
        folds += [
            Fold(line, 5, 62),
            Fold([(x, v + 12) for x, v in line], 14, -20),
            Fold([(x, v - 9) for x, v in line], 10, 14),
        ]
    return folds


def _quilted_sleeves(canvas: Canvas, body: Torso) -> None:
    for n in range(6):
        outer, inner = cuff_line(body, 1.0, 1.3, back=52 + n * 42)
        bulge = 17 + 9 * (n in (2, 3))
        for side in SIDES:
            line = [(outer[0] * side + bulge * 0.7 * side, outer[1] - 5), (inner[0] * side, inner[1] + 6)]
            canvas.line(line, (0, 0, 0), 2.4, opacity=0.32)
            canvas.line([(x, y + 4) for x, y in line], (255, 255, 255), 4, opacity=0.16)


def _stand_collar(canvas: Canvas, look: Look, *, tall: bool) -> None:
    top = 70 if tall else 90
    for side in SIDES:
        leaf = (
            [
                corner(2, 160),
                corner(3, top + 32),
                at(28, top + 18),
                corner(48, top),
                at(60, 104),
                corner(60, 122),
                at(36, 148),
            ]
            if tall
            else [corner(3, 142), corner(40, 180), corner(74, 122), at(58, 96), corner(46, 90), at(34, 114)]
        )
        canvas.piece([(x * side, y) for x, y in smooth(leaf)], look.plain(0.06), lift=0.35, edge=0.7, rounding=8)


def _trucker(canvas: Canvas, look: Look, body: Torso, foot: float) -> None:
    thread = Paint(lighter(look.seam(), 0.1))
    yoke = stroke((-120, 212), (0, 206), (120, 212))
    canvas.line(yoke, darker(look.colour.rgb, 0.4), 1.6)
    stitched(canvas, [(x, y + 4) for x, y in yoke], thread)
    canvas.piece(box(-11, 150, 11, foot - 4), look.plain(), depth=0.5, rounding=3, edge=0.5)
    for side in SIDES:
        stitched(canvas, [(8 * side, 156), (8 * side, foot - 6)], thread)
        for x0, x1 in ((30, 40), (84, 62)):
            stitched(canvas, [(x0 * side, 254), (x1 * side, body.hem_y - 8)], thread)
        flap = [(30 * side, 212), (86 * side, 214), (86 * side, 236), (58 * side, 250), (30 * side, 236)]
        canvas.piece(flap, look.plain(0.02), depth=0.5, rounding=4, lift=0.3, edge=0.7)
        buttons(canvas, [(58 * side, 240)], Paint((196, 150, 96)), 3.6)
    buttons(canvas, [(0, 176 + n * (foot - 196) / 5) for n in range(6)], Paint((196, 150, 96)), 4.6)


def _lapels(canvas: Canvas, paint: Paint, *, low: float, wide: float) -> None:
    for side in SIDES:
        lapel = [
            corner(4, low), at(wide * 0.62, low - 52), corner(wide, 168), corner(wide - 18, 158),
            corner(wide - 2, 150),
            at(60, 112), corner(46, 92), at(34, 112),
        ]  # fmt: skip
        canvas.piece(
            [(x * side, y) for x, y in smooth(lapel)],
            paint.turned(side * 12),
            lift=0.4,
            edge=0.75,
            rounding=7,
        )
        canvas.line([(wide * side - 18 * side, 158), (36 * side, 134)], darker(paint.base, 0.45), 1.4)


def blazer(canvas: Canvas, rng: Random, look: Look) -> None:
    """A tailored jacket over a shirt: one or two rows of buttons, flap pockets."""
    double = look.cut.random() < 0.3
    low = rng.uniform(286, 304) if not double else rng.uniform(262, 276)
    body = Torso(
        neck=46, neck_y=110, drop=28, shoulder=128, shoulder_y=140, armpit=112, armpit_y=250,
        waist=rng.uniform(96, 102),
        hem=rng.uniform(112, 120), hem_y=rng.uniform(510, 528), neckline="v",
    )  # fmt: skip
    cloth = look.cloth(pitch=0.8)
    sleeves(canvas, body, cloth, length=1.02, width=1.1)
    half = [
        corner(0, 138), corner(46, 110), corner(body.shoulder, body.shoulder_y), at(body.shoulder - 12, 196),
        corner(body.armpit, body.armpit_y), at(body.waist, 366), at(body.hem, body.hem_y - 24),
        at(body.hem * 0.62, body.hem_y + 2), at(24, body.hem_y - 8), corner(4, body.hem_y - 58),
        corner(0, low + 40),
    ]  # fmt: skip
    canvas.piece(smooth(mirror(half)), cloth, folds=folds_of(body, rng, 14), lift=0.3, rounding=9)
    white = Paint((246, 246, 244)) if brightness(look.colour.rgb) < 200 else Paint((88, 112, 150))
    canvas.piece([(-46, 100), (46, 100), (34, 190), (0, low), (-34, 190)], white, depth=0.7)
    canvas.line([(0, 140), (0, low - 8)], darker(white.base, 0.3), 1.2)
    for side in SIDES:
        leaf = [(2 * side, 140), (26 * side, 168), (46 * side, 112), (40 * side, 92), (30 * side, 104)]
        canvas.piece(leaf, white, lift=0.25, rounding=4, edge=0.45)
    canvas.piece(ellipse(0, 105, 30, 12), white.plain(0.3), depth=0.4)
    canvas.line([(0, low), (0 if not double else -26, low + 30), (-2, body.hem_y - 50)], darker(cloth.base, 0.5), 1.8)
    for side in SIDES:
        canvas.piece(
            box(44 * side - 26, 392, 44 * side + 34 if side > 0 else 44 * side + 26, 410, 3),
            cloth,
            depth=0.6,
            lift=0.3,
            rounding=4,
            edge=0.7,
        )
        outer, inner = cuff_line(body, 1.02, 1.1)
        spots = [((outer[0] * 0.25 + inner[0] * 0.75) * side, outer[1] - 10 - n * 9) for n in range(3)]
        buttons(canvas, spots, look.plain(0.35), 2.8)
    canvas.piece([(48, 232), (86, 226), (86, 236), (48, 242)], cloth, depth=0.5, lift=0.2, rounding=3, edge=0.7)
    _lapels(canvas, cloth, low=low, wide=rng.uniform(64, 74))
    rows = (-22, 22) if double else (0,)
    buttons(canvas, [(x, low + 14 + n * 44) for x in rows for n in range(2)], look.plain(0.4), 5.4)
