"""What shoes and bags share: gloss, thread, handles and metal."""

from collections.abc import Sequence

from .canvas import Canvas
from .curves import Point, stroke
from .look import Look
from .palette import RGB, darker, lighter

GOLD = (208, 174, 104)
STEEL = (188, 192, 198)


def gloss(canvas: Canvas, points: Sequence[Point], width: float, opacity: float) -> None:
    """A soft highlight along a line."""
    thick = [(x, y - width / 2) for x, y in points] + [(x, y + width / 2) for x, y in reversed(points)]
    canvas.glaze(thick, (255, 255, 255), opacity, blur=width * 0.45)


def thread(canvas: Canvas, look: Look, *points: Point) -> None:
    canvas.line(stroke(*points), look.seam(), 1.1, opacity=0.75, dash=(4.5, 2.8))


def handle(canvas: Canvas, points: Sequence[Point], colour: RGB, width: float) -> None:
    """A rolled strap: dark edge, body, and a highlight along it."""
    canvas.line(points, darker(colour, 0.5), width + 2.4, free=True)
    canvas.line(points, colour, width, free=True)
    canvas.line(
        [(x - width * 0.16, y - width * 0.1) for x, y in points],
        lighter(colour, 0.4),
        width * 0.24,
        opacity=0.6,
    )
