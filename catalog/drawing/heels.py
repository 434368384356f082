"""High-heeled shoes, seen from the side with the toe on the left."""

from random import Random

from .canvas import Canvas
from .curves import at, box, corner, ellipse, smooth, stroke
from .leather import gloss
from .look import Look
from .palette import darker
from .patterns import Paint


def heel(canvas: Canvas, rng: Random, look: Look) -> None:
    """A pump or a sandal on a stiletto, a block, a kitten heel or a wedge."""
    kind = look.cut.choice(("stiletto", "stiletto", "block", "kitten", "wedge"))
    strap, peep = look.cut.random() < 0.45, look.cut.random() < 0.3
    high = {"stiletto": 158, "block": 128, "kitten": 84, "wedge": 122}[kind] + rng.uniform(-8, 8)
    floor = 470
    seat = floor - high
    canvas.ground(-116, floor + 3, 84, 5)
    canvas.ground(150 if kind != "wedge" else 60, floor + 3, 24 if kind != "wedge" else 110, 5)
    tip = -196 + (10 if peep else 0)
    _heel_base(canvas, look, kind, seat, floor)
    inside = [
        corner(-84, 396),
        at(-30, 412),
        at(50, seat + 44),
        at(120, seat - 14),
        corner(160, seat - 62),
        at(150, seat - 10),
        at(60, seat + 62),
        at(-20, 434),
    ]
    canvas.piece(smooth(inside), Paint((216, 188, 152)), depth=0.7)
    middle = (seat + floor) / 2
    upper = [
        corner(tip, floor - 16), at(-178, floor - 42), at(-130, floor - 68), corner(-82, floor - 80),
        at(-62, floor - 48), at(-16, floor - 46),
        at(50, middle - 36), at(112, seat - 26), corner(158, seat - 66), at(180, seat - 34), at(183, seat),
        corner(172, seat + 26),
        at(110, seat + 42), at(40, middle + 26), at(-40, floor - 14), at(-110, floor - 2),
        at(-176, floor - 2),
    ]  # fmt: skip
    canvas.piece(smooth(upper), look.cloth(pitch=0.7, split=400), rounding=12, depth=1.35)
    canvas.line(smooth(upper[3:9], closed=False), darker(look.colour.rgb, 0.3), 2.2, opacity=0.7)
    sole = stroke(
        (tip + 4, floor - 6),
        (-110, floor + 2),
        (-40, floor - 10),
        (40, middle + 28),
        (110, seat + 44),
        (172, seat + 27),
    )
    canvas.line(sole, (58, 46, 40), 4.5, free=True)
    gloss(canvas, stroke((-168, floor - 40), (-130, floor - 58), (-94, floor - 66)), 11, 0.5)
    gloss(canvas, stroke((150, seat - 42), (164, seat - 14), (162, seat + 8)), 10, 0.3)
    if peep:
        canvas.piece(ellipse(tip + 6, floor - 20, 13, 10), Paint((216, 188, 152)), depth=0.6)
    if strap:
        _ankle_strap(canvas, look, seat)
    elif look.cut.random() < 0.35:
        for side in (-1, 1):
            bow = [
                corner(-88, floor - 74),
                at(-88 + 26 * side, floor - 96),
                at(-88 + 34 * side, floor - 74),
                at(-88 + 24 * side, floor - 58),
            ]
            canvas.piece(smooth(bow), look.trim().plain(0.06), rounding=6, lift=0.3)
        canvas.piece(ellipse(-88, floor - 75, 7, 9), look.trim().plain(0.14), rounding=4, lift=0.3)


def _heel_base(canvas: Canvas, look: Look, kind: str, seat: float, floor: float) -> None:
    paint = look.plain(0.12)
    match kind:
        case "wedge":
            knots = [
                corner(174, seat + 10),
                corner(178, floor),
                corner(-60, floor + 1),
                at(-20, floor - 22),
                at(60, (seat + floor) / 2 + 4),
                at(110, seat + 30),
            ]
            paint = Paint((206, 172, 124), grain="rib") if look.cut.random() < 0.6 else paint
        case "block":
            knots = [
                corner(178, seat + 6),
                corner(176, floor),
                corner(116, floor),
                at(112, seat + 84),
                corner(90, seat + 44),
            ]
        case "kitten":
            knots = [
                corner(178, seat + 6),
                at(160, seat + 48),
                corner(158, floor),
                corner(142, floor),
                at(138, seat + 56),
                corner(100, seat + 40),
            ]
        case _:
            knots = [
                corner(180, seat + 4),
                at(166, seat + 62),
                corner(160, floor),
                corner(149, floor),
                at(148, seat + 74),
                corner(106, seat + 40),
            ]
    canvas.piece(smooth(knots), paint, rounding=7, depth=1.2)
    if kind != "wedge":
        left, right = {"block": (116, 176), "kitten": (142, 158)}.get(kind, (149, 160))
        canvas.piece(box(left, floor - 4, right, floor + 2, 1), Paint((40, 36, 36)), depth=0.3)


def _ankle_strap(canvas: Canvas, look: Look, seat: float) -> None:
    paint = look.plain(0.06)
    for lower, points in (
        (4, ((90, seat - 78), (124, seat - 62), (166, seat - 84))),
        (-4, ((90, seat - 78), (128, seat - 98), (166, seat - 84))),
    ):
        line = stroke(*points)
        shade = paint.base if lower > 0 else darker(paint.base, 0.35)
        canvas.line(line, darker(shade, 0.4), 12.5, free=True)
        canvas.line(line, shade, 10.5, free=True)
    canvas.line([(164, seat - 84), (166, seat - 40)], darker(paint.base, 0.4), 12.5, free=True)
    canvas.line([(164, seat - 84), (166, seat - 40)], paint.base, 10.5, free=True)
    canvas.line([*box(112, seat - 76, 132, seat - 56, 3), (129, seat - 76)], (216, 186, 116), 3)
