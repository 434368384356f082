"""Caps and hats."""

from math import cos, sin, tau
from random import Random

from .canvas import Canvas
from .curves import at, box, corner, ellipse, mirror, smooth, stroke
from .look import Look
from .palette import darker, lighter
from .patterns import Paint
from .shading import Fold
from .torso import stitched


def cap(canvas: Canvas, rng: Random, look: Look) -> None:
    """A baseball cap turned half left: panels, a curved brim, a badge; or a mesh trucker cap."""
    mesh, badge = look.cut.random() < 0.3, look.cut.choice(("disc", "bar", "peak", "none"))
    brim = look.trim().plain(0.05) if look.cut.random() < 0.6 else look.plain(0.06)
    high = rng.uniform(196, 210)
    canvas.ground(-16, 424, 176, 7)
    inside = [at(-30, 392), at(60, 420), corner(146, 396), at(60, 386)]
    canvas.piece(smooth(inside), look.plain(0.55), depth=0.5)
    crown = [
        corner(-112, 384),
        at(-106, 300),
        at(-62, 408 - high),
        at(26, 388 - high),
        at(112, 416 - high),
        at(150, 310),
        corner(154, 396),
        at(70, 412),
        at(-20, 410),
    ]
    canvas.piece(smooth(crown), look.cloth(split=330), rounding=17, depth=1.4)
    if mesh:
        front = [
            corner(-112, 384),
            at(-106, 300),
            at(-62, 408 - high),
            at(26, 388 - high),
            at(38, 300),
            corner(30, 412),
            at(-40, 406),
        ]
        canvas.piece(smooth(front), Paint((246, 244, 238)), rounding=15, depth=1.3, edge=0.4)
        for n in range(14):
            canvas.line(stroke((44 + n * 9, 230), (50 + n * 9, 320), (40 + n * 9, 412)), (0, 0, 0), 1, opacity=0.22)
            canvas.line([(36, 216 + n * 14), (156, 222 + n * 14)], (0, 0, 0), 1, opacity=0.22)
    top = (24, 390 - high)
    for bend, foot in (((-58, 300), (-62, 396)), ((30, 300), (26, 410)), ((112, 300), (112, 404))):
        seam = stroke(
            top, ((top[0] + bend[0]) / 2 + (bend[0] - top[0]) * 0.24, (top[1] + bend[1]) / 2 - 12), bend, foot
        )
        canvas.line(seam, darker(look.colour.rgb, 0.4), 1.5, opacity=0.8)
        stitched(canvas, [(x + 4, y) for x, y in seam], Paint(look.seam()), 0.8)
    canvas.piece(ellipse(top[0], top[1] + 1, 10, 6), brim, rounding=3, lift=0.3)
    for x in (70, 128):
        canvas.piece(ellipse(x, 282, 3.6, steps=14), look.plain(0.4), depth=0.5, rounding=2)
    bill = [
        corner(-112, 370),
        at(-40, 394),
        corner(34, 412),
        at(-36, 424),
        at(-128, 432),
        at(-198, 428),
        at(-206, 412),
        at(-166, 384),
    ]
    canvas.piece(smooth(bill), brim, rounding=9, depth=1.3, lift=0.4, edge=0.65)
    for n in range(3):
        lower = n * 9
        canvas.line(
            stroke((-176 + n * 8, 404 + lower * 0.7), (-110, 394 + lower), (-30, 404 + lower * 0.8)),
            darker(brim.base, 0.35),
            0.9,
            opacity=0.6,
            dash=(4.5, 2.8),
        )
    _badge(canvas, badge, look, mesh=mesh)


def _badge(canvas: Canvas, badge: str, look: Look, *, mesh: bool) -> None:
    ink = look.colour.rgb if mesh else look.accent.rgb
    match badge:
        case "disc":
            canvas.piece(ellipse(-22, 318, 27, 30), Paint(ink), rounding=3, depth=0.5, lift=0.25)
            canvas.line([*ellipse(-22, 318, 20, 23)], lighter(ink, 0.5), 2, opacity=0.8)
        case "bar":
            canvas.piece(box(-58, 304, 16, 336, 5), Paint(ink), rounding=3, depth=0.5, lift=0.25)
            canvas.line([(-46, 320), (4, 320)], lighter(ink, 0.6), 4)
        case "peak":
            canvas.glaze([(-60, 340), (-34, 296), (-20, 318), (-8, 302), (18, 340)], ink, 0.95)


def hat(canvas: Canvas, rng: Random, look: Look) -> None:
    """A hat: a fedora, a bucket hat, a wide sun hat, or a knitted beanie."""
    cut = look.cut.choice(("fedora", "bucket", "sun", "beanie"))
    {"fedora": _fedora, "bucket": _bucket, "sun": _sun_hat, "beanie": _beanie}[cut](canvas, rng, look)


def _ribbon(canvas: Canvas, look: Look, wide: float, y: float, deep: float) -> None:
    strip = [at(0, y + 10), corner(wide, y), corner(wide + 4, y + deep), at(0, y + deep + 14)]
    canvas.piece(
        smooth(mirror(strip)),
        look.trim().plain(0.3 if look.pattern == "plain" else 0),
        rounding=5,
        depth=0.8,
        lift=0.2,
    )


def _fedora(canvas: Canvas, rng: Random, look: Look) -> None:
    brim = rng.uniform(184, 194)
    canvas.ground(0, 416, 150, 7)
    back = [at(0, 360), at(120, 366), at(brim, 352), at(150, 402), at(0, 420)]
    canvas.piece(smooth(mirror(back)), look.plain(0.2), rounding=8)
    crown = [at(0, 232), at(34, 212), at(78, 226), at(102, 290), corner(116, 384), at(0, 402)]
    folds = [
        Fold(stroke((0, 240), (-6, 270), (0, 296)), 16, 30),
        Fold(stroke((62, 250), (74, 284), (66, 310)), 14, 24),
        Fold(stroke((-62, 250), (-74, 284), (-66, 310)), 14, 24),
    ]
    canvas.piece(smooth(mirror(crown)), look.cloth(), rounding=17, depth=1.35, folds=folds)
    _ribbon(canvas, look, 112, 342, 34)
    front = [
        at(0, 388),
        at(80, 386),
        corner(116, 374),
        at(brim - 20, 358),
        corner(brim + 2, 352),
        at(156, 404),
        at(76, 424),
        at(0, 428),
    ]
    canvas.piece(smooth(mirror(front)), look.cloth(), rounding=9, depth=1.2, lift=0.4)


def _bucket(canvas: Canvas, rng: Random, look: Look) -> None:
    flare = rng.uniform(166, 178)
    canvas.ground(0, 426, 150, 7)
    crown = [at(0, 214), at(76, 220), corner(96, 232), at(112, 300), corner(122, 352), at(0, 370)]
    canvas.piece(smooth(mirror(crown)), look.cloth(pitch=0.9), rounding=15, depth=1.3)
    canvas.line(stroke((-95, 236), (0, 246), (95, 236)), darker(look.colour.rgb, 0.4), 1.6)
    stitched(canvas, stroke((-96, 241), (0, 251), (96, 241)), Paint(look.seam()))
    rim = [at(0, 354), corner(120, 336), at(146, 376), corner(flare, 410), at(0, 440)]
    canvas.piece(smooth(mirror(rim)), look.cloth(pitch=0.9).turned(4), rounding=12, depth=1.2, lift=0.4)
    for n in range(4):
        part = 0.25 + n * 0.2
        half, low = 120 + (flare - 120) * part, 336 + 74 * part
        stitched(
            canvas,
            stroke((-half + 1, low), (0, low + 20 + 8 * part), (half - 1, low)),
            Paint(look.seam()),
            0.9,
        )
    for x in (-62, -46):
        canvas.piece(ellipse(x, 300, 4, steps=14), Paint((196, 188, 168)), depth=0.5, rounding=2)


def _sun_hat(canvas: Canvas, rng: Random, look: Look) -> None:
    tilt = rng.uniform(62, 74)
    canvas.ground(0, 418 + tilt * 0.3, 170, 7)
    brim = ellipse(0, 378, 200, tilt, steps=72)
    canvas.piece(brim, look.cloth(pitch=0.9), rounding=10, depth=1.2)
    for n in range(1, 5):
        canvas.line([*ellipse(0, 376, 200 - n * 17, tilt - n * 6.6)], darker(look.colour.rgb, 0.4), 1, opacity=0.4)
    crown = [at(0, 224), at(66, 240), at(96, 300), corner(106, 372), at(0, 398)]
    canvas.piece(smooth(mirror(crown)), look.cloth(), rounding=17, depth=1.35, lift=0.5)
    for n in range(6):
        y = 256 + n * 16
        half = 74 + n * 5.4
        canvas.line(stroke((-half, y), (0, y + 14), (half, y)), darker(look.colour.rgb, 0.4), 1, opacity=0.35)
    _ribbon(canvas, look, 100, 336, 30)
    for x, y in ((118, 402), (92, 424)):
        tail = [corner(84, 360), at(108, 374), corner(x + 8, y), corner(x - 12, y + 4), at(86, 380)]
        canvas.piece(smooth(tail), look.trim().plain(0.34 if look.pattern == "plain" else 0.06), rounding=4, lift=0.3)


def _beanie(canvas: Canvas, rng: Random, look: Look) -> None:
    knit = Paint(
        look.colour.rgb,
        look.accent.rgb,
        look.pattern if look.pattern != "checks" else "across",
        grain="knit",
        split=300,
        pitch=26,
    )
    canvas.ground(0, 446, 112, 7)
    if look.cut.random() < 0.6:
        ball = look.trim()
        canvas.piece(ellipse(0, 184, 42), Paint(ball.base), rounding=12, depth=1.5, edge=0.2)
        for n in range(90):
            turn, reach = rng.uniform(0, tau), rng.uniform(8, 37)
            x, y = cos(turn), sin(turn)
            tone = lighter(ball.base, 0.22) if n % 2 else darker(ball.base, 0.16)
            strand = [(x * reach, 184 + y * reach), (x * (reach + 10), 184 + y * (reach + 10))]
            canvas.line(strand, tone, 2.4, free=True, opacity=0.75)
    dome = [at(0, 204), at(76, 226), at(118, 312), corner(124, 400), at(0, 416)]
    canvas.piece(smooth(mirror(dome)), knit, rounding=18, depth=1.4, lift=0.4)
    cuff = [at(0, 372), corner(126, 358), at(132, 400), corner(124, 440), at(0, 454)]
    canvas.piece(smooth(mirror(cuff)), Paint(look.plain(0.06).base, grain="rib"), rounding=12, depth=1.3, lift=0.4)
