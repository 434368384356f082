"""Shirts and T-shirts."""

from dataclasses import replace
from random import Random

from .canvas import Canvas
from .curves import at, box, corner, ellipse, mirror, smooth, stroke
from .look import Look
from .palette import darker
from .patterns import Paint
from .torso import SIDES, Torso, buttons, cuff_line, cuffs, folds_of, sleeves, stitched


def shirt(canvas: Canvas, rng: Random, look: Look) -> None:
    """A collared shirt with a placket; long or short sleeves, round or straight tail, chest pocket."""
    long = look.cut.random() < 0.6
    length = 1.0 if long else look.cut.uniform(0.26, 0.34)
    pocket, tail, dark_buttons = look.cut.random() < 0.55, look.cut.random() < 0.6, look.cut.random() < 0.3
    body = Torso(
        neck=44, neck_y=108, drop=32, waist=rng.uniform(96, 104), hem=rng.uniform(104, 112), neckline="v",
        hem_y=rng.uniform(516, 540),
    )  # fmt: skip
    cloth = look.cloth(pitch=0.8)
    pearl = Paint(look.seam()) if dark_buttons else Paint((246, 244, 238))
    body.inside(canvas, cloth, rise=22)
    sleeves(canvas, body, cloth, length=length, width=1.0 if long else 1.35)
    if long:
        cuffs(canvas, body, cloth.turned(8), length=length, deep=26)
        for side in SIDES:
            outer, inner = cuff_line(body, length, back=13)
            buttons(canvas, [((outer[0] * 0.35 + inner[0] * 0.65) * side, (outer[1] + inner[1]) / 2)], pearl, 3)
    outline = body.outline()
    if tail:
        half = [
            *body.neck_knots(), corner(body.shoulder, body.shoulder_y), at(body.shoulder - 12, 194),
            corner(body.armpit, body.armpit_y), at(body.waist, 380), corner(body.hem, body.hem_y - 30),
            at(body.hem * 0.6, body.hem_y), at(0, body.hem_y + 8),
        ]  # fmt: skip
        outline = smooth(mirror(half))
    canvas.piece(outline, cloth, folds=folds_of(body, rng), lift=0.25)
    foot = body.hem_y + 6
    canvas.piece(box(-10, body.neck_front - 2, 10, foot - 3), cloth, depth=0.5, rounding=3, edge=0.3)
    for x in (-7.5, 7.5):
        stitched(canvas, [(x, body.neck_front + 8), (x, foot - 6)], Paint(look.seam()), 0.8)
    step = (foot - 40 - body.neck_front) / 6
    buttons(canvas, [(0, body.neck_front + 22 + step * n) for n in range(6)], pearl)
    if pocket:
        patch = [(32, 226), (84, 226), (84, 276), (58, 288), (32, 276)]
        canvas.piece(patch, look.cloth(pitch=0.8), depth=0.35, rounding=3, edge=0.55, lift=0.15)
        stitched(canvas, [(34, 234), (82, 234)], Paint(look.seam()), 0.8)
    _collar(canvas, look, cloth)


def _collar(canvas: Canvas, look: Look, cloth: Paint) -> None:
    back = smooth(mirror([at(0, 84), at(34, 86), corner(54, 94), corner(40, 120), at(0, 112)]))
    canvas.piece(back, cloth.plain(0.16), depth=0.8, rounding=4)
    for side in SIDES:
        leaf = [
            corner(1, 139), corner(30, 178), at(50, 152), corner(68, 120), at(60, 98), at(46, 90),
            at(34, 110),
        ]  # fmt: skip
        points = [(x * side, y) for x, y in smooth(leaf)]
        canvas.piece(points, cloth.turned(side * 32), depth=0.8, rounding=5, lift=0.35, edge=0.7)
        stitched(
            canvas,
            [(x * side, y) for x, y in ((5, 138), (30, 170), (48, 150), (61, 120))],
            Paint(look.seam()),
            0.8,
        )


def tshirt(canvas: Canvas, rng: Random, look: Look) -> None:
    """A T-shirt: crew, V or scoop neck, contrasting rib, colour block or a print on a plain chest."""
    neckline = look.cut.choice(("crew", "crew", "v", "scoop"))
    ringer, raglan = look.cut.random() < 0.25, look.pattern == "plain" and look.cut.random() < 0.2
    motif = look.cut.choice(("", "sun", "peaks", "bars", "ring")) if look.pattern == "plain" else ""
    body = Torso(
        neck=52 if neckline == "scoop" else 46, drop={"crew": 34, "v": 66, "scoop": 62}[neckline],
        waist=rng.uniform(100, 108), hem=rng.uniform(108, 116), hem_y=rng.uniform(500, 530),
        neckline=neckline,
    )  # fmt: skip
    cloth = look.cloth(split=rng.uniform(270, 290))
    contrast = Paint(look.accent.rgb)
    arm = contrast if raglan or (look.pattern == "block" and look.cut.random() < 0.5) else replace(cloth, split=900)
    arm = arm if look.pattern not in ("bands", "gradient") else look.plain()
    length = rng.uniform(0.27, 0.36)
    body.inside(canvas, cloth)
    sleeves(canvas, body, arm, length=length, width=1.45)
    canvas.piece(body.outline(), cloth, folds=folds_of(body, rng), lift=0.25)
    rib = contrast if ringer or raglan else look.plain(0.06)
    neck = body.neck_line()
    canvas.line(body.neck_line(5), darker(rib.base, 0.25), 11.5)
    canvas.line(body.neck_line(4.5), rib.base, 9.5)
    canvas.line([(x, y + 0.4) for x, y in neck], darker(rib.base, 0.35), 1)
    stitched(
        canvas,
        [(x, y - 9) for x, y in stroke((-body.hem, body.hem_y - 3), (0, body.hem_y + 4), (body.hem, body.hem_y - 3))],
        Paint(look.seam()),
        0.9,
    )
    for side in SIDES:
        outer, inner = cuff_line(body, length, 1.45, back=9)
        stitched(canvas, [(outer[0] * side, outer[1]), (inner[0] * side, inner[1])], Paint(look.seam()), 0.9)
    if motif:
        _motif(canvas, motif, look, rng.uniform(-4, 4))


def _motif(canvas: Canvas, motif: str, look: Look, dy: float) -> None:
    ink, y = look.accent.rgb, 276 + dy
    match motif:
        case "sun":
            canvas.glaze(ellipse(0, y, 40), ink, 0.92)
            for n in range(4):
                canvas.line([(-44, y + 8 + n * 9), (44, y + 8 + n * 9)], look.colour.rgb, 1.4 + n)
        case "peaks":
            canvas.glaze([(-58, y + 34), (-18, y - 34), (6, y + 4), (22, y - 16), (58, y + 34)], ink, 0.92)
            canvas.glaze(
                [(-18, y - 34), (-30, y - 12), (-20, y - 16), (-14, y - 8), (-4, y - 12)],
                look.colour.rgb,
                0.8,
            )
        case "bars":
            for n in range(3):
                canvas.glaze(box(-52, y - 26 + n * 19, 52, y - 14 + n * 19), ink, 0.92)
        case _:
            canvas.line([*ellipse(0, y, 34), (34, y)], ink, 9, opacity=0.92)
            canvas.glaze(ellipse(0, y, 13), ink, 0.92)
