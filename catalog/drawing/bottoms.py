"""Trousers, jeans and shorts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from .canvas import Canvas
from .curves import Point, at, box, corner, ellipse, mirror, smooth, stroke
from .look import Look
from .palette import RGB, darker, lighter
from .patterns import Paint
from .shading import Fold
from .torso import SIDES, buttons, stitched


@dataclass(frozen=True)
class Legs:
    """Measures of the right leg: outer edge at waist, hip, knee and hem, and the inner edge."""

    top: float
    crotch: float
    bottom: float
    waist: float = 84
    hip: float = 106
    knee: float = 100
    hem: float = 96
    inner_knee: float = 22
    inner: float = 26

    def outline(self, side: int) -> list[Point]:
        """One leg with its half of the seat, slightly past the middle so that both overlap."""
        knee_y = (self.crotch + self.bottom) / 2
        knots = [
            corner(0, self.top + 4), corner(self.waist, self.top), at(self.hip, self.crotch - 34),
            at(self.knee, knee_y), corner(self.hem, self.bottom), corner(self.inner, self.bottom + 5),
            at(self.inner_knee, knee_y), corner(1, self.crotch),
        ]  # fmt: skip
        return [(x * side, y) for x, y in smooth(knots)]


def _draw_legs(canvas: Canvas, legs: Legs, cloth: Paint, rng: Random, *, crease: bool, tilt: float = 3) -> None:
    knee_y = (legs.crotch + legs.bottom) / 2
    for side in SIDES:
        folds = [
            Fold(
                [
                    (x * side, y)
                    for x, y in stroke((4, legs.crotch - 4), (34, legs.crotch - 22), (64, legs.crotch - 24))
                ],
                7,
                26,
            ),
            Fold(
                [(x * side, y) for x, y in stroke((6, legs.crotch + 20), (30, legs.crotch + 4), (52, legs.crotch + 2))],
                7,
                18,
            ),
        ]
        middle = (legs.knee + legs.inner_knee) / 2
        if crease:
            line = stroke(
                (middle * side, legs.top + 70),
                (middle * side, knee_y),
                ((legs.hem + legs.inner) / 2 * side, legs.bottom),
            )
            folds += [Fold(line, 4, 26), Fold([(x - 7, y) for x, y in line], 7, -26)]
        elif legs.bottom - legs.crotch > 200:
            for n in range(4):
                y = knee_y - 20 + n * 17 + rng.uniform(-5, 5)
                line = stroke(
                    ((legs.inner_knee + 4) * side, y),
                    (middle * side, y + 9),
                    ((legs.knee - 12) * side, y - 2),
                )
                folds += [Fold(line, 7, 11), Fold([(x, v - 9) for x, v in line], 7, -9)]
            for n in range(3):
                y = legs.bottom - 14 - n * 15
                folds.append(
                    Fold(
                        stroke((legs.inner * side, y), (middle * side, y + 7), (legs.hem * side, y - 4)),
                        5,
                        15,
                    )
                )
        canvas.piece(legs.outline(side), cloth.turned(-side * tilt), folds=folds, rounding=10, depth=1.1, lift=0.2)


def _waistband(canvas: Canvas, legs: Legs, paint: Paint, *, loops: bool, back: Paint) -> None:
    w, y = legs.waist, legs.top
    canvas.piece(ellipse(0, y - 19, w - 4, 9), back.plain(0.45), depth=0.4)
    strip = smooth(mirror([at(0, y - 15), corner(w - 3, y - 23), corner(w + 1, y + 2), at(0, y + 11)]))
    canvas.piece(strip, paint, depth=0.7, rounding=4, lift=0.25, edge=0.6)
    if loops:
        for x in (-60, -26, 26, 60):
            canvas.piece(box(x - 3.5, y - 21 + 3, x + 3.5, y + 9, 1), paint, depth=0.5, rounding=2, lift=0.3, edge=0.7)


def _fly(canvas: Canvas, legs: Legs, ink: RGB, thread: RGB) -> None:
    canvas.line([(0, legs.top + 8), (0, legs.crotch)], ink, 1.6)
    flap = stroke((17, legs.top + 10), (17, legs.crotch - 40), (2, legs.crotch - 16))
    stitched(canvas, flap, Paint(thread))


def _curved_pockets(canvas: Canvas, legs: Legs, ink: RGB, thread: RGB) -> None:
    for side in SIDES:
        mouth = [
            (x * side, y) for x, y in stroke((50, legs.top + 8), (62, legs.top + 36), (legs.hip - 6, legs.top + 46))
        ]
        canvas.line(mouth, ink, 1.8)
        stitched(canvas, [(x - 4 * side, y + 4) for x, y in mouth], Paint(thread))


def trousers(canvas: Canvas, rng: Random, look: Look) -> None:
    """Dress trousers, chinos or wide ones, with a crease or turn-ups."""
    shape = look.cut.choice(("straight", "slim", "wide"))
    crease, turn_up = look.cut.random() < 0.5, look.cut.random() < 0.25
    knee, hem, inner = {"straight": (98, 92, 28), "slim": (92, 74, 30), "wide": (124, 140, 26)}[shape]
    legs = Legs(
        top=88, crotch=242, bottom=rng.uniform(570, 584), waist=rng.uniform(82, 87),
        hip=108 if shape != "wide" else 114,
        knee=knee + rng.uniform(-3, 3), hem=hem + rng.uniform(-4, 4), inner=inner, inner_knee=24,
    )  # fmt: skip
    cloth = look.cloth(split=420, pitch=0.8)
    _draw_legs(canvas, legs, cloth, rng, crease=crease)
    _waistband(canvas, legs, look.plain(0.05), loops=shape != "wide", back=cloth)
    _fly(canvas, legs, darker(cloth.base, 0.5), look.seam())
    for side in SIDES:
        canvas.line([(58 * side, legs.top + 12), (92 * side, legs.top + 66)], darker(cloth.base, 0.5), 1.8)
    if turn_up:
        _turn_ups(canvas, legs, look.plain(0.05), 22)
    buttons(canvas, [(0, legs.top - 2)], look.plain(0.3), 3.8)


def _turn_ups(canvas: Canvas, legs: Legs, paint: Paint, deep: float) -> None:
    y = legs.bottom
    for side in SIDES:
        cuff = [
            (legs.hem + 2, y - deep),
            (legs.hem + 2, y + 2),
            (legs.inner - 2, y + 7),
            (legs.inner - 2, y - deep + 5),
        ]
        canvas.piece([(x * side, v) for x, v in cuff], paint, depth=0.7, rounding=4, lift=0.3, edge=0.7)


def jeans(canvas: Canvas, rng: Random, look: Look) -> None:
    """Denim with five pockets, rivets and contrasting thread: skinny, straight or flared, worn or not."""
    shape = look.cut.choice(("skinny", "straight", "flared"))
    faded, rolled, torn = look.cut.random() < 0.55, look.cut.random() < 0.3, look.cut.random() < 0.25
    knee, hem, inner = {"skinny": (84, 66, 32), "straight": (98, 92, 24), "flared": (86, 122, 20)}[shape]
    legs = Legs(
        top=88, crotch=238, bottom=rng.uniform(566, 582), waist=rng.uniform(82, 86), hip=106,
        knee=knee + rng.uniform(-3, 3),
        hem=hem + rng.uniform(-4, 4), inner=inner, inner_knee=24 if shape != "flared" else 30,
    )  # fmt: skip
    denim = replace(look.plain(), grain="denim")
    thread, ink = (206, 148, 78), darker(denim.base, 0.5)
    _draw_legs(canvas, legs, denim, rng, crease=False)
    middle = (legs.hip + 10) / 2
    for side in SIDES:
        if faded:
            canvas.glaze(ellipse(middle * side, 320, 20, 92), lighter(denim.base, 0.7), 0.42, blur=12)
        if torn:
            y = 404 + 22 * side + rng.uniform(-8, 8)
            canvas.glaze(ellipse(56 * side, y, 22, 6), (244, 244, 240), 0.9, blur=0.8)
            for n in range(3):
                canvas.line([(36 * side, y - 4 + n * 4), (76 * side, y - 4 + n * 4)], lighter(denim.base, 0.3), 1)
        seam = stroke(
            (legs.waist * side, legs.top + 4),
            ((legs.hip - 3) * side, 204),
            ((legs.knee - 4) * side, 408),
            ((legs.hem - 5) * side, 560),
        )
        stitched(canvas, seam, Paint(thread), 0.9)
    _curved_pockets(canvas, legs, ink, thread)
    _fly(canvas, legs, ink, thread)
    _waistband(canvas, legs, denim, loops=True, back=denim)
    rivets: Sequence[Point] = [(54, 102), (-54, 102), (94, 134), (-94, 134)]
    for x, y in rivets:
        canvas.piece(ellipse(x, y, 2.4, steps=12), Paint((196, 140, 84)), depth=0.5, rounding=2)
    buttons(canvas, [(0, legs.top - 2)], Paint((196, 140, 84)), 4.6)
    if rolled:
        _turn_ups(canvas, legs, replace(denim, base=lighter(denim.base, 0.35)), 26)
    else:
        for side in SIDES:
            stitched(
                canvas,
                [(legs.inner * side, legs.bottom - 6), (legs.hem * side, legs.bottom - 11)],
                Paint(thread),
            )


def shorts(canvas: Canvas, rng: Random, look: Look) -> None:
    """Shorts: tailored, sporty with a drawstring, or with cargo pockets."""
    shape = look.cut.choice(("chino", "sport", "cargo"))
    short = look.cut.random() < 0.35
    legs = Legs(
        top=186, crotch=334, bottom=(410 if short else 456) + rng.uniform(-8, 8), waist=92, hip=122,
        knee=130 + rng.uniform(-3, 3),
        hem=136 + rng.uniform(-5, 5), inner_knee=8, inner=14,
    )  # fmt: skip
    cloth = look.cloth(split=legs.bottom - 46)
    ink = darker(cloth.base, 0.5)
    _draw_legs(canvas, legs, cloth, rng, crease=shape == "chino", tilt=6)
    for side in SIDES:
        stitched(
            canvas,
            [(legs.inner * side, legs.bottom - 5), (legs.hem * side, legs.bottom - 11)],
            Paint(look.seam()),
        )
        if shape == "cargo":
            pocket = [(x * side, y) for x, y in box(76, 338, 124, 400, 4)]
            canvas.piece(pocket, cloth, depth=0.6, rounding=5, lift=0.35, edge=0.7)
            flap = [(x * side, y) for x, y in ((72, 334), (127, 332), (128, 352), (72, 354))]
            canvas.piece(flap, cloth.plain(0.06), depth=0.6, rounding=4, lift=0.35, edge=0.7)
            buttons(canvas, [(100 * side, 347)], look.plain(0.4), 3.4)
        if shape == "sport":
            stripe = stroke((100 * side, 206), (118 * side, 320), (132 * side, legs.bottom - 4))
            canvas.line(stripe, look.accent.rgb, 8)
    if shape == "sport":
        _waistband(canvas, legs, Paint(look.plain(0.05).base, grain="rib"), loops=False, back=cloth)
        for side in SIDES:
            cord = stroke((4 * side, 190), (16 * side, 214), (10 * side, 252 + rng.uniform(-6, 6)))
            canvas.line(cord, (246, 244, 238) if sum(cloth.base) < 600 else (96, 98, 104), 3.4)
    else:
        _fly(canvas, legs, ink, look.seam())
        _curved_pockets(canvas, legs, ink, look.seam())
        _waistband(canvas, legs, look.plain(0.05), loops=True, back=cloth)
        buttons(canvas, [(0, legs.top - 2)], look.plain(0.4), 4)
