"""Plane geometry of the drawings: smooth outlines through knots, mirrored halves, ellipses, dashes.

Logical units: the page is 480 wide and 640 high; x runs from -240 to 240 around its middle, y down from 0.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

Point = tuple[float, float]


class Knot(NamedTuple):
    """A point an outline runs through; at a sharp one it may change direction."""

    x: float
    y: float
    sharp: bool = False


def at(x: float, y: float) -> Knot:
    """A knot the curve passes smoothly."""
    return Knot(x, y)


def corner(x: float, y: float) -> Knot:
    """A knot where the curve may turn; two neighbours of this sort are joined by a straight line."""
    return Knot(x, y, sharp=True)


def mirror(half: Iterable[Knot]) -> list[Knot]:
    """Close a right half that runs from the middle line back to it with its reflection."""
    right = list(half)
    left = [Knot(-knot.x, knot.y, knot.sharp) for knot in reversed(right) if abs(knot.x) > 0.01]
    return right + left


def flip(knots: Iterable[Knot]) -> list[Knot]:
    """Reflect knots at the middle line, running in the same order."""
    return [Knot(-knot.x, knot.y, knot.sharp) for knot in knots]


def _direction(start: Knot, end: Knot) -> Point:
    length = math.dist(start[:2], end[:2]) or 1.0
    return (end.x - start.x) / length, (end.y - start.y) / length


def smooth(knots: Sequence[Knot], *, closed: bool = True, steps: int = 10) -> list[Point]:
    """Points of the Hermite spline through `knots`.

    The tangent at a smooth knot is parallel to the chord of its neighbours and as long as the segment it
    serves, so that uneven spacing does not overshoot.
    """
    count = len(knots)
    points: list[Point] = []
    for index in range(count if closed else count - 1):
        start, end = knots[index], knots[(index + 1) % count]
        if start.sharp and end.sharp:
            points.append((start.x, start.y))
            continue
        before = knots[index - 1] if closed or index > 0 else start
        after = knots[(index + 2) % count] if closed or index + 2 < count else end
        leave = _direction(start if start.sharp else before, end)
        arrive = _direction(start, end if end.sharp else after)
        length = math.dist(start[:2], end[:2])
        for step in range(steps):
            t = step / steps
            h01 = t * t * (3 - 2 * t)
            h10, h11 = t * (1 - t) ** 2 * length, t * t * (t - 1) * length
            points.append(
                (
                    start.x * (1 - h01) + end.x * h01 + leave[0] * h10 + arrive[0] * h11,
                    start.y * (1 - h01) + end.y * h01 + leave[1] * h10 + arrive[1] * h11,
                )
            )
    if not closed:
        points.append((knots[-1].x, knots[-1].y))
    return points


def stroke(*points: Point) -> list[Point]:
    """An open smooth line through points."""
    return smooth([Knot(x, y) for x, y in points], closed=False)


def ellipse(x: float, y: float, rx: float, ry: float | None = None, steps: int = 48) -> list[Point]:
    """A closed ellipse around (x, y); a circle when `ry` is left out."""
    ry = rx if ry is None else ry
    turns = [2 * math.pi * step / steps for step in range(steps)]
    return [(x + rx * math.cos(turn), y + ry * math.sin(turn)) for turn in turns]


def box(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> list[Point]:
    """A closed rectangle, its corners rounded by `radius`."""
    if radius <= 0:
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    points: list[Point] = []
    centres = ((x1 - radius, y0 + radius), (x1 - radius, y1 - radius), (x0 + radius, y1 - radius))
    for quarter, (x, y) in enumerate((*centres, (x0 + radius, y0 + radius))):
        for step in range(7):
            turn = math.pi / 2 * (quarter - 1 + step / 6)
            points.append((x + radius * math.cos(turn), y + radius * math.sin(turn)))
    return points


def dashes(points: Sequence[Point], length: float, gap: float) -> list[list[Point]]:
    """Cut a line into dashes of `length` with `gap` between them."""
    pieces: list[list[Point]] = []
    walked, current = 0.0, [points[0]]
    drawing = True
    for start, end in pairwise(points):
        total = math.dist(start, end)
        done = 0.0
        while total - done > 1e-6:
            wanted = (length if drawing else gap) - walked
            step = min(wanted, total - done)
            done += step
            walked += step
            here = (
                start[0] + (end[0] - start[0]) * done / total,
                start[1] + (end[1] - start[1]) * done / total,
            )
            if drawing:
                current.append(here)
            if walked >= (length if drawing else gap) - 1e-6:
                if drawing:
                    pieces.append(current)
                drawing, walked, current = not drawing, 0.0, [here]
    if drawing and len(current) > 1:
        pieces.append(current)
    return pieces
