"""Boots, seen from the side with the toe on the left."""

from random import Random

from .canvas import Canvas
from .curves import at, box, corner, ellipse, smooth, stroke
from .leather import gloss, thread
from .look import Look
from .palette import brightness, darker
from .patterns import Paint
from .shading import Fold

RUBBER = (244, 243, 239)
GUM = (184, 132, 82)


def boot(canvas: Canvas, rng: Random, look: Look) -> None:
    """A leather boot: Chelsea, laced worker, or knee high; flat or on a block heel."""
    cut = look.cut.choice(("chelsea", "worker", "tall"))
    heel = 30 if cut != "tall" else look.cut.choice((34, 62))
    top = {"chelsea": 204.0, "worker": 176.0, "tall": 66.0}[cut] + rng.uniform(-8, 8)
    shift, foot = 10, 492
    canvas.ground(-8, foot + 8, 172, 8)
    sole = Paint((52, 44, 40) if look.cut.random() < 0.7 or cut == "tall" else GUM)
    rise = heel - 24
    shaft, calf = 36 + shift, 4 if cut == "tall" else 0
    upper = [
        corner(-178, foot - 14), at(-176, foot - 52), at(-128, foot - 84), at(-62, foot - 116 - rise / 2),
        at(-30, foot - 168 - rise / 2),
        at(-34 - calf, (top + foot - 150) / 2), corner(shaft - 86 - calf * 3, top + 4),
        corner(shaft + 76 + calf * 3, top),
        at(shaft + 82 + calf, (top + foot - 150) / 2), at(126, foot - 150 - rise),
        at(144, foot - 80 - rise), corner(142, foot - 20 - rise),
        at(40, foot - 16 - rise * 0.8), at(-60, foot - 10),
    ]  # fmt: skip
    crease = foot - 150 - rise / 2
    folds = [
        Fold(
            stroke((-30, crease + n * 15), (10, crease + 12 + n * 15), (60, crease + 2 + n * 15)),
            7,
            28 - n * 8,
        )
        for n in range(3)
    ]
    folds.append(Fold(stroke((-122, foot - 80), (-104, foot - 58), (-108, foot - 30)), 7, 24))
    canvas.piece(smooth(upper), look.cloth(), rounding=16, depth=1.35, folds=folds)
    gloss(canvas, stroke((-154, foot - 56), (-118, foot - 76), (-76, foot - 96)), 12, 0.4)
    gloss(canvas, stroke((shaft - 62, top + 26), (shaft - 62, top + 80), (shaft - 56, foot - 200)), 12, 0.22)
    canvas.piece(ellipse(shaft - 5, top + 3, 77 + calf * 3, 7), look.plain(0.5), depth=0.4)
    thread(
        canvas,
        look,
        (118, top + 20 if cut != "tall" else foot - 180),
        (112, foot - 120),
        (98, foot - 24 - rise),
    )
    match cut:
        case "chelsea":
            gore = [
                corner(8 + shift, top + 8),
                corner(62 + shift, top + 8),
                at(58 + shift, top + 80),
                corner(42 + shift, foot - 128),
                corner(26 + shift, foot - 128),
                at(12 + shift, top + 80),
            ]
            canvas.piece(smooth(gore), Paint(darker(look.colour.rgb, 0.4), grain="rib"), depth=0.8, rounding=6)
            canvas.line(
                stroke((shaft + 74, top + 2), (shaft + 90, top - 16), (shaft + 84, top + 22)),
                look.plain(0.25).base,
                7,
                free=True,
            )
        case "worker":
            _boot_laces(canvas, look, top, foot)
        case _:
            canvas.line(
                stroke((shaft - 84, top + 26), (shaft, top + 36), (shaft + 80, top + 22)),
                darker(look.colour.rgb, 0.35),
                2,
            )
            strap = [
                (-38, foot - 164 - rise),
                (130, foot - 148 - rise),
                (131, foot - 134 - rise),
                (-44, foot - 150 - rise),
            ]
            if look.cut.random() < 0.6:
                canvas.piece(strap, look.plain(0.12), rounding=4, lift=0.3)
                canvas.line(
                    [*box(30, foot - 168 - rise, 54, foot - 138 - rise, 3), (51, foot - 168 - rise)],
                    (212, 180, 110),
                    3.4,
                )
    base = [
        corner(-182, foot - 18), at(-60, foot - 12), at(40, foot - 18 - rise * 0.85),
        corner(146, foot - 24 - rise), corner(144, foot + 8),
        corner(66 if heel < 60 else 84, foot + 8), at(60 if heel < 60 else 80, foot - 6 - rise * 0.4),
        at(30, foot - 4 - rise * 0.55), at(-40, foot + 4), at(-150, foot + 6), at(-184, foot - 4),
    ]  # fmt: skip
    canvas.piece(smooth(base), sole, rounding=6, depth=0.9, lift=0.3)
    if cut == "worker":
        canvas.line(
            stroke((-180, foot - 14), (-60, foot - 9), (40, foot - 16), (142, foot - 22)),
            (214, 170, 92),
            1.6,
            dash=(5, 3),
        )


def _boot_laces(canvas: Canvas, look: Look, top: float, foot: float) -> None:
    lace = (230, 196, 130) if brightness(look.colour.rgb) < 120 else (70, 52, 42)
    stay = [
        corner(-52, top + 6),
        corner(-2, top + 6),
        at(10, foot - 190),
        at(-14, foot - 130),
        corner(-66, foot - 92),
        at(-60, foot - 124),
        at(-36, foot - 170),
    ]
    canvas.piece(smooth(stay), look.plain(0.08), rounding=7, lift=0.25, edge=0.65)
    for n in range(8):
        part = n / 7
        x, y = -58 + 40 * part + 16 * (part - part * part) * 3, foot - 106 - (foot - 120 - top) * part
        x = min(x, -14)
        ends = [(x - 18, y - 5), (x + 14, y + 6)]
        canvas.line([(a, b + 2.5) for a, b in ends], (0, 0, 0), 4.4, opacity=0.35)
        canvas.line(ends, lace, 4, free=True)
        canvas.piece(ellipse(x + 16, y + 7, 3, steps=12), Paint((206, 170, 96)), depth=0.4, rounding=2)
