"""Sunglasses."""

from random import Random

from .canvas import Canvas
from .curves import Point, at, box, corner, ellipse, smooth, stroke
from .look import Look
from .palette import darker, lighter
from .patterns import Paint
from .torso import SIDES


def sunglasses(canvas: Canvas, rng: Random, look: Look) -> None:
    """Sunglasses from the front, temples folded back: round, square, aviator or cat-eye."""
    cut = look.cut.choice(("round", "square", "aviator", "cat"))
    thin = cut == "aviator" or (cut == "round" and look.cut.random() < 0.5)
    tint = (
        look.accent.rgb
        if look.pattern == "gradient"
        else look.cut.choice(((46, 48, 54), (92, 62, 44), (54, 74, 64), (54, 70, 100)))
    )
    grow = rng.uniform(0.97, 1.03)
    frame = look.plain() if look.pattern in ("gradient", "plain") else look.cloth(pitch=0.7)
    rim = 5.5 if thin else rng.uniform(11, 14)
    for side in SIDES:
        arm = [
            corner(176 * side, 286),
            corner(190 * side, 280),
            at(196 * side, 262),
            at(180 * side, 226),
            corner(150 * side, 214),
            corner(147 * side, 221),
            at(170 * side, 240),
        ]
        canvas.piece(smooth(arm), frame.plain(0.25), rounding=4)
    bar = stroke((-30, 304), (0, 288), (30, 304)) if not thin else stroke((-34, 300), (0, 290), (34, 300))
    canvas.line(bar, darker(frame.base, 0.35), rim + 2.5, free=True)
    canvas.line(bar, frame.base, rim, free=True)
    if cut == "aviator":
        canvas.line([(-48, 272), (48, 272)], darker(frame.base, 0.35), 6.5, free=True)
        canvas.line([(-48, 272), (48, 272)], frame.base, 4.5, free=True)
    for side in SIDES:
        lens = [(x * side * grow, (y - 322) * grow + 322) for x, y in _lens(cut)]
        middle_x, middle_y = 108 * side * grow, 322
        swell = 1 + rim / 76
        outer = [((x - middle_x) * swell + middle_x, (y - middle_y) * (1 + rim / 62) + middle_y) for x, y in lens]
        if cut == "cat":
            outer = [
                (
                    x + (18 * side if abs(x) > 160 and y < 310 else 0),
                    y - (14 if abs(x) > 160 and y < 310 else 0),
                )
                for x, y in outer
            ]
        canvas.piece(outer, frame, rounding=5, depth=1.4)
        canvas.piece(
            lens,
            Paint(lighter(tint, 0.04), lighter(tint, 0.62), "gradient", split=430),
            depth=0.5,
            rounding=5,
            edge=0.8,
        )
        shine = [(middle_x - 46, 350), (middle_x - 8, 280), (middle_x + 12, 280), (middle_x - 28, 352)]
        canvas.glaze(shine, (255, 255, 255), 0.2, blur=1.5)
        canvas.glaze(
            [(x + 32, y) for x, y in shine[:2]] + [(x + 22, y) for x, y in shine[2:]],
            (255, 255, 255),
            0.14,
            blur=1.5,
        )
        if not thin:
            canvas.piece(
                box(182 * side - 5, 290, 182 * side + 5, 296, 2),
                Paint((222, 214, 190)),
                depth=0.4,
                rounding=2,
            )
        else:
            pad = smooth([at(30 * side, 318), at(35 * side, 330), at(31 * side, 342), at(27 * side, 330)])
            canvas.piece(pad, Paint((226, 222, 214)), depth=0.6, rounding=3)


def _lens(cut: str) -> list[Point]:
    match cut:
        case "round":
            return ellipse(108, 322, 66, 64)
        case "square":
            return smooth(
                [
                    corner(40, 276),
                    at(108, 270),
                    corner(178, 276),
                    at(174, 336),
                    at(152, 370),
                    at(108, 376),
                    at(66, 368),
                    at(46, 338),
                ]
            )
        case "aviator":
            return smooth(
                [
                    at(44, 284),
                    at(106, 272),
                    at(172, 286),
                    at(178, 322),
                    at(150, 376),
                    at(110, 392),
                    at(68, 366),
                    at(42, 316),
                ]
            )
        case _:
            return smooth(
                [
                    at(40, 304),
                    at(96, 280),
                    corner(182, 268),
                    at(178, 318),
                    at(146, 364),
                    at(94, 366),
                    at(52, 344),
                ]
            )
