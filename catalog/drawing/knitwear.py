"""Sweaters and hoodies."""

from dataclasses import replace
from random import Random

from .canvas import Canvas
from .curves import at, corner, mirror, smooth, stroke
from .look import Look
from .palette import brightness, darker, lighter
from .patterns import Paint
from .torso import SIDES, Torso, band, cuffs, folds_of, sleeves, stitched


def sweater(canvas: Canvas, rng: Random, look: Look) -> None:
    """A knitted pullover: crew, V or roll neck, ribbed cuffs and hem, sometimes cables."""
    neckline = look.cut.choice(("crew", "v", "roll"))
    cables = look.pattern == "plain" and look.cut.random() < 0.5
    body = Torso(
        neck=46, drop={"crew": 36, "v": 76, "roll": 26}[neckline], shoulder=126, armpit=112,
        waist=rng.uniform(108, 114),
        hem=rng.uniform(106, 112), hem_y=rng.uniform(488, 504), neckline="v" if neckline == "v" else "crew",
    )  # fmt: skip
    cloth, rib = look.cloth(split=rng.uniform(290, 310), pitch=1.15), replace(look.plain(0.1), grain="rib")
    arm = cloth if look.pattern in ("across", "dots", "checks") else replace(look.cloth(), pattern="plain")
    body.inside(canvas, cloth)
    sleeves(canvas, body, arm, length=1.0, width=1.12)
    cuffs(canvas, body, rib, length=1.0, width=1.05, deep=40)
    canvas.piece(body.outline(), cloth, folds=folds_of(body, rng, 18), lift=0.3, rounding=10, depth=1.15)
    band(canvas, body, rib, top=body.hem_y - 12, bottom=body.hem_y + 28)
    if cables:
        _cables(canvas, body)
    if neckline == "roll":
        half = [at(0, 84), corner(44, 76), at(50, 108), corner(54, 132), at(0, 152)]
        canvas.piece(smooth(mirror(half)), rib, rounding=9, lift=0.35, depth=1.2)
        canvas.line(stroke((-49, 108), (0, 122), (49, 108)), darker(rib.base, 0.3), 2, opacity=0.5)
    else:
        canvas.line(body.neck_line(7), darker(rib.base, 0.25), 15.5)
        canvas.line(body.neck_line(6.5), rib.base, 13.5)
        canvas.line(body.neck_line(6.5), darker(rib.base, 0.16), 13.5, dash=(2, 3.4))


def _cables(canvas: Canvas, body: Torso) -> None:
    for x in (-62, 0, 62):
        top = body.neck_front + 16 if x == 0 else 158
        for n in range(int((body.hem_y - 22 - top) / 17)):
            y = top + n * 17
            for colour, shift, strength in (((0, 0, 0), 1.5, 0.22), ((255, 255, 255), -1.2, 0.2)):
                twist = stroke((x - 9, y + shift), (x + 2, y + 5 + shift), (x + 9, y + 16 + shift))
                canvas.line(twist, colour, 3.2, opacity=strength)


def hoodie(canvas: Canvas, rng: Random, look: Look) -> None:
    """A hooded sweatshirt: drawstrings, kangaroo pocket, sometimes a zip."""
    zipped = look.cut.random() < 0.4
    body = Torso(
        neck=58, neck_y=124, drop=34, shoulder=128, armpit=114, waist=rng.uniform(112, 118),
        hem=rng.uniform(112, 118),
        hem_y=rng.uniform(498, 516),
    )  # fmt: skip
    cloth, rib = look.cloth(split=rng.uniform(280, 310)), replace(look.plain(0.1), grain="rib")
    arm = look.plain() if look.pattern in ("bands", "gradient", "block") else cloth
    arm = Paint(look.accent.rgb) if look.pattern == "block" and look.cut.random() < 0.5 else arm
    sleeves(canvas, body, arm, length=1.0, width=1.2)
    cuffs(canvas, body, rib, length=1.0, width=1.05, deep=30)
    canvas.piece(body.outline(), cloth, folds=folds_of(body, rng, 18), lift=0.3, rounding=10)
    band(canvas, body, rib, top=body.hem_y - 8, bottom=body.hem_y + 26)
    edge = Paint(look.seam())
    pouch = smooth(
        mirror([corner(0, 392), corner(52, 392), at(60, 410), corner(86, 446), corner(86, 486), corner(0, 486)])
    )
    canvas.piece(pouch, replace(cloth, pattern="plain"), depth=0.6, rounding=5, lift=0.2, edge=0.7)
    for side in SIDES:
        stitched(canvas, [(x * side, y) for x, y in stroke((48, 396), (57, 414), (82, 450))], edge)
    if zipped:
        canvas.line([(0, 150), (0, body.hem_y + 30)], darker(look.colour.rgb, 0.5), 7)
        canvas.line([(0, 150), (0, body.hem_y + 30)], (206, 208, 212), 3, dash=(2, 1.5))
    hood = look.plain(0.02)
    half = [at(0, 56), at(52, 70), at(80, 118), corner(74, 150), at(38, 178), corner(0, 192)]
    canvas.piece(smooth(mirror(half)), hood, rounding=12, lift=0.35, edge=0.6)
    hole = smooth(mirror([at(0, 80), at(36, 92), at(48, 124), at(30, 154), corner(0, 178)]))
    canvas.piece(hole, Paint(darker(look.accent.rgb if look.pattern != "plain" else look.colour.rgb, 0.45)), depth=1.3)
    canvas.line([*hole, hole[0]], darker(hood.base, 0.25), 2.2, opacity=0.7)
    cord = (246, 244, 238) if brightness(look.colour.rgb) < 190 else (90, 92, 98)
    for side in SIDES:
        drop = 258 + rng.uniform(-8, 14)
        string = stroke((15 * side, 170), (19 * side, 205), (16 * side, drop))
        canvas.line([(x + 1.5, y + 2) for x, y in string], (0, 0, 0), 3.6, opacity=0.25)
        canvas.line(string, cord, 3.4)
        canvas.line([(16 * side, drop), (16 * side, drop + 10)], lighter((120, 122, 128), 0.2), 4.4)
