"""Dresses and skirts."""

from dataclasses import replace
from math import sin
from random import Random

from .canvas import Canvas
from .curves import Knot, at, box, corner, ellipse, mirror, smooth, stroke
from .look import Look
from .palette import darker
from .patterns import Paint
from .shading import Fold
from .torso import SIDES, Torso, buttons, sleeves, stitched


def _hem(width: float, y: float, waves: int, amount: float) -> list[Knot]:
    """The right half of a hem from the side seam to the middle, scalloped by its folds."""
    knots = [corner(width, y - 8)]
    for n in range(waves - 1, 0, -1):
        x = width * n / waves
        knots.append(at(x, y - 8 * (x / width) ** 2 + (amount if n % 2 else -amount)))
    return [*knots, at(0, y + amount)]


def _skirt_folds(rng: Random, top: float, narrow: float, bottom: float, wide: float, count: int) -> list[Fold]:
    folds: list[Fold] = []
    for n in range(count):
        across = (n + 0.5) / count * 2 - 1 + rng.uniform(-0.05, 0.05)
        start = top + rng.uniform(8, 40)
        bend = rng.uniform(-4, 4)
        line = stroke(
            (across * narrow * 0.92, start),
            (across * (narrow + wide) / 2 + bend, (top + bottom) / 2),
            (across * wide * 0.97, bottom + 50),
        )
        folds.append(Fold(line, 9, 26))
        folds.append(Fold([(x - 11, y) for x, y in line], 9, -20))
    return folds


def dress(canvas: Canvas, rng: Random, look: Look) -> None:
    """A dress: neckline, sleeves and skirt vary; a belt or a seam marks the waist."""
    neckline = look.cut.choice(("v", "scoop", "square", "heart", "crew"))
    sleeve = look.cut.choice((0.0, 0.0, 0.0, 0.24, 0.3, 0.98)) if neckline != "heart" else 0.0
    shape = look.cut.choice(("aline", "flare", "sheath", "maxi"))
    belt = look.cut.random() < 0.45
    wide = {"aline": 142, "flare": 182, "sheath": 88, "maxi": 150}[shape] + rng.uniform(-8, 8)
    bottom = {"aline": 520, "flare": 488, "sheath": 510, "maxi": 594}[shape] + rng.uniform(-8, 8)
    strappy = sleeve == 0.0 and neckline in ("heart", "square", "v")
    waist_y, waist = 282 + rng.uniform(-6, 6), 68 + rng.uniform(-3, 3)
    body = Torso(
        neck=54 if strappy else 46, neck_y=82,
        drop={"v": 74, "scoop": 52, "square": 58, "heart": 62, "crew": 26}[neckline],
        shoulder=68 if strappy else 88 if sleeve == 0 else 98, shoulder_y=86 if strappy else 98, armpit=88,
        armpit_y=176,
        waist=waist, hem=waist, hem_y=waist_y, neckline=neckline,
    )  # fmt: skip
    cloth = look.cloth(split=waist_y if look.pattern == "block" else bottom - 90 if look.pattern == "bands" else 330)
    if sleeve:
        sleeves(
            canvas,
            body,
            replace(cloth, split=900) if look.pattern != "gradient" else look.plain(),
            length=sleeve,
            width=0.9 if sleeve > 0.5 else 1.2,
        )
    body.inside(canvas, cloth, rise=6 if strappy else 12)
    hips = (
        at(max(waist + 14, 92), waist_y + 74) if shape == "sheath" else at(waist + (wide - waist) * 0.34, waist_y + 64)
    )
    waves = 2 if shape == "sheath" else 9 if shape == "flare" else 6
    half = [
        *body.neck_knots(), corner(body.shoulder, body.shoulder_y),
        at(body.shoulder - (2 if strappy else 8), 134 if strappy else 140),
        corner(body.armpit, body.armpit_y), at(waist + 7, waist_y - 44),
        Knot(waist, waist_y, shape == "flare"), hips,
        *_hem(wide, bottom, waves, 0 if shape == "sheath" else 4),
    ]  # fmt: skip
    count = {"aline": 6, "flare": 10, "sheath": 2, "maxi": 7}[shape]
    folds = _skirt_folds(rng, waist_y, waist, bottom, wide, count)
    for side in SIDES:
        dart = stroke((44 * side, waist_y - 6), (46 * side, waist_y - 50), (60 * side, 196))
        folds.append(Fold(dart, 6, 20))
    canvas.piece(smooth(mirror(half)), cloth, folds=folds, lift=0.25, rounding=9)
    canvas.line(body.neck_line(3.5), darker(cloth.base, 0.25), 1.1, opacity=0.8)
    _waist(canvas, look, waist, waist_y, belt=belt)
    if look.cut.random() < 0.2 and neckline == "v":
        buttons(
            canvas,
            [(0, body.neck_front + 16 + n * 26) for n in range(int((waist_y - body.neck_front - 16) / 26))],
            look.trim(),
            3.4,
        )


def _waist(canvas: Canvas, look: Look, waist: float, y: float, *, belt: bool) -> None:
    if not belt:
        canvas.line(stroke((-waist, y), (0, y + 5), (waist, y)), darker(look.colour.rgb, 0.35), 1.6, opacity=0.8)
        return
    strip = smooth(mirror([at(0, y - 5), corner(waist + 1, y - 10), corner(waist + 1, y + 7), at(0, y + 12)]))
    canvas.piece(strip, look.trim().plain(0.12), depth=0.8, rounding=4, lift=0.35)
    canvas.line([*box(-11, y - 8, 11, y + 14, 3), (8, y - 8)], (214, 180, 104), 3)


def skirt(canvas: Canvas, rng: Random, look: Look) -> None:
    """A skirt: pleated, A-line, pencil, or a long tiered one."""
    shape = look.cut.choice(("pleated", "aline", "pencil", "tiered"))
    waist = 78 + rng.uniform(-3, 3)
    top = {"pleated": 176, "aline": 184, "pencil": 156, "tiered": 96}[shape]
    wide = {"pleated": 172, "aline": 150, "pencil": 88, "tiered": 168}[shape] + rng.uniform(-8, 8)
    bottom = {"pleated": 452, "aline": 458, "pencil": 480, "tiered": 548}[shape] + rng.uniform(-12, 12)
    cloth = look.cloth(split=bottom - 90 if look.pattern in ("bands", "block") else top + 60)
    canvas.piece(ellipse(0, top - 17, waist - 3, 9), cloth.plain(0.45), depth=0.4)
    side = (
        [corner(waist, top - 4), at(waist + 26, top + 66)]
        if shape == "pencil"
        else [corner(waist, top - 4), at(waist + (wide - waist) * 0.42, top + (bottom - top) * 0.36)]
    )
    waves = {"pleated": 12, "aline": 5, "pencil": 2, "tiered": 9}[shape]
    half = [at(0, top + 2), *side, *_hem(wide, bottom, waves, 0 if shape == "pencil" else 4)]
    count = {"pleated": 13, "aline": 5, "pencil": 2, "tiered": 8}[shape]
    folds = _skirt_folds(rng, top, waist, bottom, wide, count)
    canvas.piece(smooth(mirror(half)), cloth, folds=folds, rounding=9)
    if shape == "pleated":
        for n in range(-6, 7):
            pleat = [(n / 6.6 * waist, top + 6), (n / 6.6 * wide, bottom)]
            canvas.line(pleat, darker(cloth.base, 0.5), 1.3, opacity=0.55)
    if shape == "tiered":
        _tiers(canvas, cloth, waist, wide, top, bottom)
    strip = smooth(mirror([at(0, top - 17), corner(waist - 1, top - 24), corner(waist + 1, top), at(0, top + 8)]))
    canvas.piece(strip, look.trim() if look.cut.random() < 0.4 else cloth.plain(0.06), depth=0.8, rounding=5, lift=0.3)
    if shape == "aline" and look.cut.random() < 0.6:
        buttons(
            canvas,
            [(0, top + 16 + n * 36) for n in range(int((bottom - top - 20) / 36))],
            Paint((206, 168, 94)),
            5,
        )
        canvas.line([(-11, top + 6), (-11, bottom - 2)], darker(cloth.base, 0.4), 1.3)
    if shape == "pencil":
        canvas.line([(0, bottom - 70), (0, bottom + 4)], darker(cloth.base, 0.55), 2)
        stitched(canvas, stroke((-wide, bottom - 18), (0, bottom - 10), (wide, bottom - 18)), Paint(look.seam()))


def _tiers(canvas: Canvas, cloth: Paint, waist: float, wide: float, top: float, bottom: float) -> None:
    for part in (0.34, 0.67):
        y, reach = top + (bottom - top) * part, waist + (wide - waist) * (part * 0.8 + 0.22)
        ruffle = [
            (x, y + 3 * sin(x / 7.0) + 9 * (1 - (x / reach) ** 2)) for x in range(-int(reach) - 8, int(reach) + 9, 4)
        ]
        canvas.line(ruffle, darker(cloth.base, 0.6), 4, opacity=0.4)
        canvas.line([(x, v - 4) for x, v in ruffle], (255, 255, 255), 4, opacity=0.2)
