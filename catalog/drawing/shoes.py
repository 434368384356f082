"""Sneakers, seen from the side with the toe on the left."""

from random import Random

from .canvas import Canvas
from .curves import at, corner, ellipse, smooth, stroke
from .leather import thread
from .look import Look
from .palette import darker
from .patterns import Paint
from .shading import Fold

RUBBER = (244, 243, 239)
GUM = (184, 132, 82)


def sneaker(canvas: Canvas, rng: Random, look: Look) -> None:
    """A laced sneaker: low or high, canvas with a rubber toe or leather with a mark on its side."""
    high = look.cut.random() < 0.35
    with canvas.placed(stretch=0.94 if high else 0.82):
        _sneaker(canvas, rng, look, high=high)


def _sneaker(canvas: Canvas, rng: Random, look: Look, *, high: bool) -> None:
    canvas_toe = look.cut.random() < 0.4
    emblem = look.cut.choice(("chevrons", "band", "disc", "none"))
    sole = Paint(look.cut.choice((RUBBER, RUBBER, RUBBER, GUM, (44, 44, 48))))
    thick = rng.uniform(30, 42)
    up = 76.0 if high else 0.0
    canvas.ground(0, 448, 196, 9)
    cloth = look.cloth(pitch=0.8, split=330)
    tongue = [
        corner(-10, 250),
        at(4, 205 - up * 0.9),
        corner(40, 196 - up),
        at(54, 226 - up),
        corner(70, 300),
    ]
    canvas.piece(smooth(tongue), look.trim().plain(0.04), rounding=8, lift=0.2)
    upper = [
        corner(-200, 424), at(-196, 380), at(-150, 348), at(-96, 326), at(-30, 272), corner(18, 222 - up),
        at(44, 238 - up), at(98, 262 - up) if not high else at(90, 240 - up), corner(168, 224 - up),
        at(182, 260 - up / 2),
        at(180, 340), corner(192, 424),
    ]  # fmt: skip
    folds = [
        Fold(stroke((-110, 340), (-96, 362), (-104, 392)), 6, 24),
        Fold(stroke((-84, 330), (-72, 350), (-80, 374)), 6, 16),
    ]
    canvas.piece(smooth(upper), cloth, rounding=14, depth=1.25, folds=folds)
    inside = [
        corner(24, 228 - up),
        at(58, 236 - up),
        at(100, 244 - up),
        corner(162, 226 - up),
        at(110, 268 - up if not high else 246 - up),
        at(50, 244 - up),
    ]
    canvas.piece(smooth(inside), Paint(darker(look.accent.rgb, 0.3)), depth=0.6)
    accent = look.trim() if look.pattern != "plain" else look.plain(0.12)
    heel = [
        corner(140, 232 - up),
        corner(169, 224 - up),
        at(183, 270 - up / 2),
        at(181, 340),
        corner(193, 424),
        corner(134, 424),
        at(150, 340),
    ]
    canvas.piece(smooth(heel), accent, rounding=9, lift=0.2, edge=0.6)
    stay = [
        corner(14, 226 - up),
        corner(46, 242 - up),
        at(22, 300 - up / 3),
        corner(-36, 352),
        corner(-84, 330),
        at(-34, 276),
    ]
    canvas.piece(smooth(stay), look.plain(0.04), rounding=6, lift=0.25, edge=0.65)
    _emblem(canvas, emblem if not (high and canvas_toe) else "disc", look)
    thread(canvas, look, (136, 238 - up), (144, 340), (128, 420))
    thread(canvas, look, (42, 248 - up), (16, 300 - up / 3), (-36, 346))
    _laces(canvas, up)
    if canvas_toe:
        cap = [
            corner(-201, 426),
            at(-196, 382),
            at(-156, 352),
            corner(-140, 346),
            at(-124, 384),
            corner(-122, 426),
        ]
        canvas.piece(smooth(cap), Paint(RUBBER), rounding=9, lift=0.2)
    else:
        thread(canvas, look, (-146, 350), (-126, 384), (-126, 420))
    bottom = 408 + thick
    base = [
        corner(-204, 410),
        at(-100, 416),
        at(60, 410),
        corner(197, 404),
        at(200, 424),
        corner(194, bottom),
        at(0, bottom + 2),
        at(-170, bottom),
        at(-206, bottom - 14),
    ]
    canvas.piece(smooth(base), sole, rounding=7, lift=0.3, depth=0.9)
    canvas.line(stroke((-203, bottom - 9), (0, bottom - 7), (196, bottom - 9)), darker(sole.base, 0.3), 1.6)
    if look.cut.random() < 0.4:
        canvas.line(
            stroke((-203, 419), (0, 421), (197, 414)),
            look.accent.rgb if look.pattern != "plain" else look.colour.rgb,
            3,
        )


def _emblem(canvas: Canvas, emblem: str, look: Look) -> None:
    ink = look.accent.rgb
    match emblem:
        case "chevrons":
            for x in (34, 64, 94):
                chevron = [(x, 298), (x + 15, 298), (x - 7, 348), (x + 15, 398), (x, 398), (x - 22, 348)]
                canvas.glaze(chevron, ink, 0.95)
        case "band":
            canvas.glaze(
                smooth([corner(-24, 366), at(50, 346), corner(142, 344), corner(142, 366), at(50, 370)]),
                ink,
                0.95,
            )
        case "disc":
            canvas.glaze(ellipse(100, 318, 24), (246, 246, 244), 0.95)
            canvas.line([*ellipse(100, 318, 20), (120, 318)], ink, 2.4)
            canvas.glaze(ellipse(100, 318, 9), ink, 0.95)


def _laces(canvas: Canvas, up: float) -> None:
    count = 6 if not up else 8
    for n in range(count):
        part = n / (count - 1)
        x, y = -62 + 82 * part, 322 - (94 + up) * part
        x -= 14 * (part - part * part) * 4 * (up / 76)
        ends = stroke((x - 12, y - 4), (x + 6, y - 5), (x + 24, y + 14))
        canvas.line([(a + 1, b + 2.5) for a, b in ends], (0, 0, 0), 5, opacity=0.3)
        canvas.line(ends, (250, 250, 248), 5.2, free=True)
        canvas.line([(a, b + 1.6) for a, b in ends], (196, 196, 194), 1)
    x, y = 26, 222 - up
    for loop in (
        ((x, y), (x - 34, y - 12), (x - 38, y + 14), (x, y + 4)),
        ((x, y), (x + 18, y + 12), (x + 14, y + 38), (x - 2, y + 6)),
    ):
        canvas.line(stroke(*loop), (210, 210, 208), 5.2, free=True)
        canvas.line(stroke(*loop), (250, 250, 248), 3.6, free=True)
