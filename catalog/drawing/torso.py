"""The parts that upper garments share: a body with a neckline, sleeves, and the inside of the back."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from .canvas import Canvas
from .curves import Knot, Point, at, corner, flip, mirror, smooth, stroke
from .patterns import Paint
from .shading import Fold

SIDES = (1, -1)


@dataclass(frozen=True)
class Torso:
    """Measures of the right half of a garment on an invisible body, in logical units."""

    neck: float = 46
    neck_y: float = 112
    drop: float = 44
    shoulder: float = 122
    shoulder_y: float = 142
    armpit: float = 108
    armpit_y: float = 246
    waist: float = 102
    hem: float = 110
    hem_y: float = 530
    neckline: str = "crew"

    @property
    def neck_front(self) -> float:
        """Height of the lowest point of the neckline."""
        return self.neck_y + self.drop

    def neck_knots(self, grow: float = 0.0) -> list[Knot]:
        """The front neckline from the middle to the right shoulder, widened by `grow`."""
        low, side, top = self.neck_front + grow, self.neck + grow, self.neck_y + grow * 0.28
        match self.neckline:
            case "v":
                return [corner(0, low), corner(side, top)]
            case "square":
                return [corner(0, low), corner(side - 4, low), corner(side, top)]
            case "heart":
                return [
                    corner(0, low + 8),
                    at(side * 0.5, low - 12),
                    corner(side - 2, low),
                    corner(side, top),
                ]
            case _:
                return [at(0, low), at(side * 0.72, low - self.drop * 0.36), corner(side, top)]

    def outline(self) -> list[Point]:
        """The whole body, without sleeves."""
        waist_y = (self.armpit_y + self.hem_y) / 2
        half = [
            *self.neck_knots(),
            corner(self.shoulder, self.shoulder_y),
            at(self.shoulder - 12, (self.shoulder_y + self.armpit_y) / 2),
            corner(self.armpit, self.armpit_y),
            at(self.waist, waist_y),
            corner(self.hem, self.hem_y - 3),
            at(0, self.hem_y + 4),
        ]
        return smooth(mirror(half))

    def neck_line(self, grow: float = 0.0) -> list[Point]:
        """The neckline from shoulder to shoulder, open."""
        half = self.neck_knots(grow)
        left = [knot for knot in flip(reversed(half)) if knot.x < -0.01]
        return smooth([*left, *half], closed=False)

    def inside(self, canvas: Canvas, paint: Paint, rise: float = 12) -> None:
        """The inner back, seen through the neckline."""
        front = [Knot(knot.x, knot.y + 4, knot.sharp) for knot in self.neck_knots()]
        half = [*front, at(0, self.neck_y - rise + 10)]
        canvas.piece(smooth(mirror(half)), paint.plain(0.34), depth=0.6)
        back = stroke((-self.neck + 4, self.neck_y + 6), (0, self.neck_y + 20), (self.neck - 4, self.neck_y + 6))
        canvas.line(back, paint.plain(0.5).base, 1.2)


def folds_of(torso: Torso, rng: Random, amount: int = 15) -> list[Fold]:
    """Soft creases: drawn from the armpits, at the waist and above the hem."""
    creases: list[Fold] = []
    for side in SIDES:
        x, y = torso.armpit * side, torso.armpit_y
        reach = rng.uniform(0.45, 0.7)
        line = stroke((x * 0.96, y + 4), (x * 0.8, y + rng.uniform(18, 40)), (x * reach, y + rng.uniform(50, 90)))
        creases.append(Fold(line, 7, amount))
        creases.append(Fold([(px - 8, py + 2) for px, py in line], 6, -amount // 2))
    for _ in range(3):
        x = rng.uniform(-0.75, 0.75) * torso.waist
        top = rng.uniform(0.5, 0.72) * torso.hem_y
        line = stroke((x, top), (x + rng.uniform(-12, 12), top + 60), (x + rng.uniform(-8, 8), torso.hem_y - 14))
        creases.append(Fold(line, 9, round(amount * 0.7)))
        creases.append(Fold([(px - 12, py) for px, py in line], 8, -round(amount * 0.6)))
    return creases


def sleeves(canvas: Canvas, torso: Torso, paint: Paint, *, length: float, width: float = 1.0) -> None:
    """Both sleeves, hanging; length 0 is a cap and 1 reaches the wrist."""
    for side in SIDES:
        outline, folds = _sleeve(torso, length, width)
        points = [(x * side, y) for x, y in outline]
        mirrored = [Fold([(x * side, y) for x, y in fold.points], fold.width, fold.amount) for fold in folds]
        tilt = -side * (14 if length > 0.5 else 22)
        canvas.piece(points, paint.turned(tilt), folds=mirrored)


def cuff_line(torso: Torso, length: float, width: float = 1.0, back: float = 0.0) -> tuple[Point, Point]:
    """Outer and inner end of the right sleeve's opening, `back` units up the sleeve."""
    s, y = torso.shoulder, torso.shoulder_y
    if length <= 0.5:
        reach = 70 + 150 * length
        outer = (s + 22 + reach * 0.36, y + reach)
        inner = (outer[0] - 44 * width, outer[1] + 17)
        return (outer[0] - back * 0.3, outer[1] - back), (inner[0] - back * 0.1, inner[1] - back)
    reach = 340 * length
    outer = (s + 22 + reach * 0.14, y + reach)
    inner = (outer[0] - 35 * width, outer[1] + 6)
    return (outer[0] - back * 0.12, outer[1] - back), (inner[0] - back * 0.1, inner[1] - back)


def _sleeve(torso: Torso, length: float, width: float) -> tuple[list[Point], list[Fold]]:
    s, y = torso.shoulder, torso.shoulder_y
    outer, inner = cuff_line(torso, length, width)
    knots = [corner(s - 26, y - 10), at(s + 6, y + 8)]
    if length > 0.5:
        middle = (y + outer[1]) / 2
        knots += [at(s + 30 * width, middle - 40), at((s + outer[0]) / 2 + 18 * width, middle + 30)]
    knots += [corner(*outer), corner(*inner)]
    if length > 0.5:
        knots.append(at(torso.armpit + 22, (torso.armpit_y + inner[1]) / 2))
    knots += [corner(torso.armpit - 4, torso.armpit_y + 2), corner(s - 40, y + 40)]
    elbow = (y + outer[1]) / 2 + 14
    folds = [Fold(stroke((torso.armpit + 2, torso.armpit_y - 14), (s + 4, y + 60)), 7, 18)]
    if length > 0.5:
        for shift, amount in ((0, 20), (13, -12), (34, 14), (-44, 12)):
            folds.append(
                Fold(
                    stroke((s + 6, elbow + shift), (s + 30, elbow + shift + 10), (s + 44, elbow + shift)),
                    6,
                    amount,
                )
            )
    return smooth(knots), folds


def cuffs(canvas: Canvas, torso: Torso, paint: Paint, *, length: float, width: float = 1.0, deep: float = 22) -> None:
    """A band at the end of both sleeves."""
    low_outer, low_inner = cuff_line(torso, length, width)
    top_outer, top_inner = cuff_line(torso, length, width, back=deep)
    band = [top_outer, (low_outer[0] + 1, low_outer[1] + 1), (low_inner[0] - 2, low_inner[1] + 2), top_inner]
    for side in SIDES:
        canvas.piece([(x * side, y) for x, y in band], paint, depth=0.8, rounding=4)


def band(canvas: Canvas, torso: Torso, paint: Paint, *, top: float, bottom: float, tuck: float = 4) -> None:
    """A ribbed band around the hem."""
    half = [at(0, top + 6), corner(torso.hem + 1, top), corner(torso.hem - tuck, bottom), at(0, bottom + 6)]
    canvas.piece(smooth(mirror(half)), paint, depth=0.9, rounding=5)


def stitched(canvas: Canvas, points: Sequence[Point], paint: Paint, width: float = 1.0) -> None:
    """A dashed seam."""
    canvas.line(points, paint.base, width, opacity=0.75, dash=(4.5, 2.8))


def buttons(canvas: Canvas, spots: Sequence[Point], paint: Paint, radius: float = 4.2) -> None:
    """Round buttons with two holes."""
    for x, y in spots:
        disc = smooth([at(x, y - radius), at(x + radius, y), at(x, y + radius), at(x - radius, y)], steps=6)
        canvas.piece(disc, paint, depth=0.7, rounding=2, lift=0.35, edge=0.7)
        for dx in (-1.3, 1.3):
            canvas.line([(x + dx, y - 0.5), (x + dx, y + 0.5)], paint.plain(0.6).base, 1.1)
