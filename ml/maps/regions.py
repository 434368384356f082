"""Regions of a picture that a network finds worth looking at: proposals for crops, and for dots to tap.

Tried on products cut out of studio photos and pasted on floors, walls and white: 48 scenes with one small product, 40
with two or three, and 32 with one that fills the picture. A region is right if it overlaps a product by an intersection
over union of more than .3; its type is compared with the catalog's; a dot is right if it is in the box of a product:

                                         found   right   mean overlap   type of those found   dots
  lookalike-general   one small           .92     .92        .50               .91            .96
   7 × 7 places       two or three        .51     .75        .29               .84            .88
                      filling             .97     .94        .65               .87           1.00
  lookalike-fashion   one small           .44     .42        .30               .38            .52
   3 × 3 places       two or three        .02     .05        .15               .00            .55
                      filling            1.00     .97        .58               .47           1.00

A place of a map sees much more of the picture than its own square: boxes are larger than small products, and products
near each other are often found as one. Three places from edge to edge say little more than "in the middle". Embedding
the crops of lookalike-general names .87 to .91 of the types, no more than the map does, and maps of crops give no
better boxes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ml.maps.outputs import Maps, mapped_task
from ml.pictures.codec import inside
from ml.spec import ModelSpec

_GRID = 28  # cells of the enlarged map, from edge to edge of the input
# Two hills of the attention are two regions if the pass between them is below this share of the lower top. Of two or
# three products, .44 are found at .85, .49 at .95; single products that fall apart are joined again, see _SAME.
_PASS = 0.95
_SAME = 0.9  # two regions of the same type are one if the extent between them is this share of the lower one's
_LOWEST = 0.4  # of the picture's highest top: lower ones are mostly backgrounds
# A region is the part of a hill whose extent is at least this share of its largest. Maps are blurred, which adds more
# to a small product than to one that fills the picture, so the share falls with the size at a share of _SIZED_AT.
# (.6 for all: .49, .29 and .57 mean overlap, instead of .50, .30 and .66.)
_SIZED_AT = 0.6
_SIZES, _SLOPES = (0.15, 0.3), (0.75, 0.4)  # of the whole input
_COARSE, _COARSE_SLOPE = 5, 0.2  # maps with fewer places from edge to edge: one place is a third of the picture


@dataclass(frozen=True)
class Region:
    """A part of a picture, in pixels of the original.

    Attributes:
        box: left, top, right, bottom; right and bottom are outside.
        dot: x, y of its centre, weighted by attention.
        score: 1 for the strongest region of the picture, less for others.
        label: the likeliest class of `mapped_task` if the whole picture were like this region; None without classes.
        confidence: its probability, 0 to 1; None without classes.
    """

    box: tuple[int, int, int, int]
    dot: tuple[int, int]
    score: float
    label: str | None = None
    confidence: float | None = None


def regions(maps: Maps, index: int, size: tuple[int, int], spec: ModelSpec, *, most: int = 5) -> list[Region]:
    """The regions of one picture, the strongest first; never empty unless the map is.

    Args:
        index: of the picture in `maps`.
        size: width and height of the original picture, upright, in pixels.
        most: return at most this many.
    """
    left, top, width, height = (side * _GRID / spec.input_size for side in inside(size, spec))
    frame = _Frame(left, top, width, height, size)
    strength, extent = (
        np.where(frame.mask(), enlarged(values[index], (_GRID, _GRID)), 0) for values in (maps.attention, maps.extent)
    )
    found: list[tuple[Region, np.ndarray]] = []
    for hill in sorted(_hills(strength), key=lambda hill: -strength[hill].max()):
        if not extent[hill].any():
            continue
        covered = _covered(np.where(hill, extent, 0), maps.extent.shape[1])
        label, confidence = _label(maps, index, covered, spec)
        score = float(strength[hill].max() / strength.max())
        for number, (other, also_covered) in enumerate(found):
            if other.label == label and _pass_between(extent, covered, also_covered) >= _SAME:
                label, confidence, score = other.label, other.confidence, other.score
                covered = covered | also_covered
                del found[number]
                break
        found.append((Region(frame.box(covered), frame.centre(covered, strength), score, label, confidence), covered))
    return sorted((region for region, _ in found), key=lambda region: -region.score)[:most]


@dataclass(frozen=True)
class _Frame:
    """Where a picture of `size` pixels, (width, height), lies in the grid; its other numbers are in cells."""

    left: float
    top: float
    width: float
    height: float
    size: tuple[int, int]

    def mask(self) -> np.ndarray:
        """bool [_GRID, _GRID]: the cells that the picture reaches into."""
        cells = np.arange(_GRID)
        down = (self.top < cells + 1) & (cells < self.top + self.height)
        across = (self.left < cells + 1) & (cells < self.left + self.width)
        return down[:, None] & across

    def box(self, covered: np.ndarray) -> tuple[int, int, int, int]:
        ys, xs = np.nonzero(covered)
        (left, top), (right, bottom) = self._pixel(xs.min(), ys.min()), self._pixel(xs.max() + 1, ys.max() + 1)
        return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)

    def centre(self, covered: np.ndarray, weights: np.ndarray) -> tuple[int, int]:
        ys, xs = np.nonzero(covered)
        x, y = (float(np.average(cells + 0.5, weights=weights[covered])) for cells in (xs, ys))
        across, down = self._pixel(x, y)
        return min(int(across), self.size[0] - 1), min(int(down), self.size[1] - 1)

    def _pixel(self, x: float, y: float) -> tuple[float, float]:
        across, down = (x - self.left) / self.width, (y - self.top) / self.height
        return min(max(across, 0), 1) * self.size[0], min(max(down, 0), 1) * self.size[1]


def enlarged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map, float32 [h, w], with `size` (width, height) places, interpolated and not negative."""
    image = Image.fromarray(values.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    return np.maximum(np.asarray(image), 0)


def _covered(extent: np.ndarray, places: int) -> np.ndarray:
    """The part of a hill, bool [h, w], that its product covers; `places` are those of the map from edge to edge."""
    shares = extent / max(float(extent.max()), 1e-12)
    size = float((shares >= _SIZED_AT).mean())
    return shares >= (_COARSE_SLOPE if places < _COARSE else np.interp(size, _SIZES, _SLOPES))


def _pass_between(extent: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    """The highest pass between two regions, as a share of the lower top; 0 if they do not touch."""
    grown = np.pad(one, 1)
    touching = other & np.logical_or.reduce(
        [grown[y : y + one.shape[0], x : x + one.shape[1]] for y in range(3) for x in range(3)]
    )
    lower = min(extent[one].max(), extent[other].max())
    return float(extent[touching].max(initial=0) / max(lower, 1e-12))


def _hills(strength: np.ndarray) -> Iterator[np.ndarray]:
    """Masks, bool [h, w], of the hills of a map, found as by water that sinks from the highest top: a cell without
    neighbours above the water begins a hill, others join the highest one next to them."""
    values = strength.ravel()
    hill_of = np.full(values.shape, -1)
    tops: list[float] = []
    joined: list[int] = []  # the hill that each hill is part of, itself if none

    def hill(cell: int) -> int:
        found = hill_of[cell]
        while joined[found] != found:
            found = joined[found]
        return int(found)

    for cell in np.argsort(-values, kind="stable"):
        if values[cell] <= 0:
            break
        around = _around(int(cell), strength.shape)
        near = sorted({hill(other) for other in around if hill_of[other] >= 0}, key=lambda number: -tops[number])
        if not near:
            near = [len(tops)]
            joined.append(len(tops))
            tops.append(float(values[cell]))
        hill_of[cell] = near[0]
        for lower in near[1:]:
            if values[cell] >= _PASS * tops[lower]:
                joined[lower] = near[0]
    whole = np.array([hill(cell) if hill_of[cell] >= 0 else -1 for cell in range(len(values))])
    for number, peak in enumerate(tops):
        if joined[number] == number and peak >= _LOWEST * max(tops):
            yield (whole == number).reshape(strength.shape)


def _around(cell: int, shape: tuple[int, ...]) -> Iterator[int]:
    y, x = divmod(cell, shape[1])
    for row in range(max(0, y - 1), min(shape[0], y + 2)):
        for column in range(max(0, x - 1), min(shape[1], x + 2)):
            yield row * shape[1] + column


def _label(maps: Maps, index: int, region: np.ndarray, spec: ModelSpec) -> tuple[str | None, float | None]:
    task = mapped_task(spec)
    if task is None or maps.activation is None:
        return None, None
    activation = maps.activation[index]
    _, h, w = activation.shape
    shares = _shares(region, (w, h))
    inside_it = (activation * shares).sum(axis=(1, 2)) / shares.sum()
    scores = np.log(np.maximum(maps.probabilities[task.name][index], 1e-12)) + inside_it - activation.mean(axis=(1, 2))
    chances = np.exp(scores - scores.max())
    best = int(chances.argmax())
    return task.names[best], float(chances[best] / chances.sum())


def _shares(region: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The share of each place, of `size` (width, height), that a mask of cells covers."""
    return np.asarray(Image.fromarray(region.astype(np.float32)).resize(size, Image.Resampling.BOX))
