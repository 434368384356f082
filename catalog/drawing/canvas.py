"""A supersampled page on which a product is put together from lit pieces, then photographed in the studio."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from . import shading
from .curves import Point, dashes
from .palette import RGB, brightness, darker
from .patterns import Paint
from .shading import Fold

WIDTH, HEIGHT = 480, 640
SCALE = 2  # 3 cost twice the time per picture, and the edges looked the same after LANCZOS
FRAME = (404, 540)  # the product fills one of these, unless that would enlarge it beyond MAX_ZOOM
MAX_ZOOM = 1.16
_PAD = 12 * SCALE

Box = tuple[int, int, int, int]


class Canvas:
    """Colour premultiplied by coverage, at SCALE pixels a unit; pieces drawn later lie on top."""

    def __init__(self) -> None:
        self._size = (WIDTH * SCALE, HEIGHT * SCALE)
        self._image = Image.new("RGB", self._size)
        self._alpha = Image.new("L", self._size)
        self._ground: list[tuple[float, float, float, float]] = []
        self._origin: Point = (0.0, 0.0)
        self._zoom: Point = (1.0, 1.0)

    @contextmanager
    def placed(
        self,
        x: float = 0.0,
        y: float = 0.0,
        *,
        zoom: float = 1.0,
        stretch: float = 1.0,
        mirrored: bool = False,
    ) -> Iterator[None]:
        """Draw what follows moved by (x, y) and enlarged around the middle of the page.

        `stretch` scales heights only; `mirrored` swaps left and right.
        """
        kept = self._origin, self._zoom
        self._origin = (x, y + HEIGHT / 2 * (1 - zoom * stretch))
        self._zoom = (-zoom if mirrored else zoom, zoom * stretch)
        yield
        self._origin, self._zoom = kept

    def _to_pixels(self, points: Sequence[Point]) -> list[Point]:
        (left, top), (zx, zy) = self._origin, self._zoom
        return [((x * zx + left + WIDTH / 2) * SCALE, (y * zy + top) * SCALE) for x, y in points]

    def _box_around(self, points: Sequence[Point], pad: int) -> Box:
        xs, ys = [x for x, _ in points], [y for _, y in points]
        left, top = max(0, math.floor(min(xs)) - pad), max(0, math.floor(min(ys)) - pad)
        right = min(self._size[0], math.ceil(max(xs)) + pad)
        bottom = min(self._size[1], math.ceil(max(ys)) + pad)
        return left, top, max(right, left + 1), max(bottom, top + 1)

    def piece(
        self,
        outline: Sequence[Point],
        paint: Paint,
        *,
        depth: float = 1.0,
        rounding: float = 7.0,
        folds: Sequence[Fold] = (),
        edge: float = 0.5,
        lift: float = 0.0,
    ) -> None:
        """Fill a closed outline with a paint and light it.

        Args:
            outline: closed polygon, logical units.
            depth: how strongly light and shade model the shape; 0 keeps it flat.
            rounding: width of the lit rim.
            folds: soft lines in it, logical units.
            edge: opacity of the contour, which is what parts a white shirt from a white wall.
            lift: opacity of the shadow it throws on the pieces below.
        """
        points = self._to_pixels(outline)
        box = self._box_around(points, _PAD)
        size = box[2] - box[0], box[3] - box[1]
        local = [(x - box[0], y - box[1]) for x, y in points]
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon(local, fill=255)
        texture = paint.texture(size, (box[0] / SCALE - WIDTH / 2, box[1] / SCALE), SCALE)
        if brightness(paint.base) > 225:
            depth *= 0.66  # or white would look grey
        if depth > 0:
            texture = shading.lit(texture, self._light(mask, box, depth, rounding, folds))
        if edge > 0:
            ink = (*darker(paint.base, 0.45), round(255 * edge))
            ImageDraw.Draw(texture, "RGBA").line([*local, *local[:2]], fill=ink, width=3, joint="curve")
        if lift > 0:
            self._throw_shadow(mask, box, lift)
        self._image.paste(texture, box, mask)
        self._alpha.paste(255, box, mask)

    def _light(self, mask: Image.Image, box: Box, depth: float, rounding: float, folds: Sequence[Fold]) -> Image.Image:
        factor = shading.REDUCTION
        unit = SCALE / factor
        light = shading.relief(mask.reduce(factor), depth=depth, radius=rounding * unit)
        if folds:
            moved = [
                Fold(
                    [((x - box[0]) / factor, (y - box[1]) / factor) for x, y in self._to_pixels(fold.points)],
                    fold.width,
                    fold.amount,
                )
                for fold in folds
            ]
            light = shading.add_folds(light, moved, unit, blur=2.6 * unit)
        return light.resize(mask.size, Image.Resampling.BILINEAR)

    def _throw_shadow(self, mask: Image.Image, box: Box, opacity: float) -> None:
        small = mask.reduce(shading.REDUCTION).filter(ImageFilter.GaussianBlur(2))
        shadow = ImageChops.offset(small, 1, 2).resize(mask.size, Image.Resampling.BILINEAR)
        shadow = ImageChops.multiply(shadow, self._alpha.crop(box))
        self._image.paste((0, 0, 0), box, shadow.point([round(value * opacity) for value in range(256)]))

    def line(
        self,
        points: Sequence[Point],
        colour: RGB,
        width: float = 1.5,
        *,
        opacity: float = 1.0,
        dash: tuple[float, float] | None = None,
        free: bool = False,
    ) -> None:
        """Draw a line; one that is not `free` stays on what is already drawn."""
        strokes = [self._to_pixels(part) for part in (dashes(points, *dash) if dash else [list(points)])]
        pixels = max(1, round(width * SCALE * self._zoom[1]))
        box = self._box_around([point for part in strokes for point in part], pixels + 2)
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        draw = ImageDraw.Draw(mask)
        for part in strokes:
            local = [(x - box[0], y - box[1]) for x, y in part]
            draw.line(local, fill=round(255 * opacity), width=pixels, joint="curve")
            if free and pixels > 3:
                for x, y in (local[0], local[-1]):
                    radius = pixels / 2 - 0.5
                    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=round(255 * opacity))
        self._lay(mask, box, colour, free=free)

    def glaze(
        self,
        outline: Sequence[Point],
        colour: RGB,
        opacity: float,
        *,
        blur: float = 0.0,
        free: bool = False,
    ) -> None:
        """Lay a translucent, perhaps blurred patch over what is drawn: gloss, a fade, a lens, a print."""
        points = self._to_pixels(outline)
        box = self._box_around(points, round(blur * 2.5 * SCALE) + 2)
        mask = Image.new("L", (box[2] - box[0], box[3] - box[1]))
        local = [(x - box[0], y - box[1]) for x, y in points]
        ImageDraw.Draw(mask).polygon(local, fill=round(255 * opacity))
        if blur > 0:
            small = mask.reduce(shading.REDUCTION)
            small = small.filter(ImageFilter.GaussianBlur(blur * SCALE / shading.REDUCTION))
            mask = small.resize(mask.size, Image.Resampling.BILINEAR)
        self._lay(mask, box, colour, free=free)

    def _lay(self, mask: Image.Image, box: Box, colour: RGB, *, free: bool) -> None:
        if not free:
            mask = ImageChops.multiply(mask, self._alpha.crop(box))
        self._image.paste(colour, box, mask)
        if free:
            self._alpha.paste(255, box, mask)

    def ground(self, x: float, y: float, rx: float, ry: float) -> None:
        """Note where the product stands on the table: a contact shadow falls there."""
        [(px, py)] = self._to_pixels([(x, y)])
        self._ground.append((px, py, rx * SCALE * self._zoom[1], ry * SCALE))

    def photograph(self) -> Image.Image:
        """The finished 480 x 640 picture on a light studio background."""
        product, alpha = Image.new("RGB", (WIDTH, HEIGHT)), Image.new("L", (WIDTH, HEIGHT))
        left, top, right, bottom = bounds = self._alpha.getbbox() or (0, 0, *self._size)
        zoom = min(FRAME[0] / (right - left), FRAME[1] / (bottom - top), MAX_ZOOM / SCALE)
        size = round((right - left) * zoom), round((bottom - top) * zoom)
        corner = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2 - 4
        # LANCZOS is the dearest step, so it runs only where something was drawn.
        product.paste(self._image.crop(bounds).resize(size, Image.Resampling.LANCZOS), corner)
        alpha.paste(self._alpha.crop(bounds).resize(size, Image.Resampling.LANCZOS), corner)
        tables = [
            (corner[0] + (x - left) * zoom, corner[1] + (y - top) * zoom, rx * zoom, ry * zoom)
            for x, y, rx, ry in self._ground
        ]
        wall = ImageChops.multiply(_studio(), _shadow(alpha, tables))
        see_through = ImageChops.invert(alpha)
        behind = ImageChops.multiply(wall, Image.merge("RGB", (see_through,) * 3))
        return ImageChops.add(product, behind)


def _shadow(alpha: Image.Image, tables: Sequence[tuple[float, float, float, float]]) -> Image.Image:
    """What to multiply the wall with: contact shadows on the table, or a soft one behind what hangs."""
    quarter = alpha.reduce(4)
    if tables:
        soft, strength = Image.new("L", quarter.size), 0.36
        draw = ImageDraw.Draw(soft)
        for table in tables:
            x, y, rx, ry = (measure / 4 for measure in table)
            draw.ellipse((x - rx, y - max(1, ry), x + rx, y + max(1, ry)), fill=255)
        soft = soft.filter(ImageFilter.GaussianBlur(2))
    else:
        soft, strength = ImageChops.offset(quarter.filter(ImageFilter.GaussianBlur(4)), 1, 3), 0.2
    shade = soft.point([round(255 - value * strength) for value in range(256)])
    wide = shade.resize(alpha.size, Image.Resampling.BICUBIC)
    return Image.merge("RGB", (wide, wide, wide))


@cache
def _studio() -> Image.Image:
    """The wall behind: near white above, a little cooler and greyer towards the table."""
    fade = Image.linear_gradient("L").resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    channels = [
        fade.point([round(top + (bottom - top) * value / 255) for value in range(256)])
        for top, bottom in ((250, 238), (250, 239), (249, 241))
    ]
    return Image.merge("RGB", channels)
