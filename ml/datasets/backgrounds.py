"""Photos taken before the same background, found by their borders.

A seller photographs many garments on one floor. If some of those photos are trained on and others tested on, a model
that recognises the floor scores as well as one that recognises the garment.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ml.datasets.joining import joined

_CELLS = 16  # along a side: a floor's grain, a slight shift and JPEG noise change the mean of a cell very little
# Chosen on 4,327 photos of second-hand sellers, by looking at 60 random pairs for each choice: with a share of .6,
# photos of different grey walls are linked through a chain of others.
_SHARE = 0.65
_TOLERANCE = 10  # of 255, in every channel
_WHITE_FROM = 243  # as in `ml.training.views`: studio white says nothing about who took a photo
_OWN_BACKDROP = 0.5
_SAMPLED = 12  # cells compared first, by brightness only: most pairs differ there
_AT_A_TIME = 64

Advance = Callable[[int], None]


def backgrounds_of(pixels: Sequence[np.ndarray] | np.ndarray, *, advance: Advance = lambda _: None) -> np.ndarray:
    """int [n]: equal numbers for pictures with a near-identical background, directly or through others.

    At least 65 % of the border must have the same colours. White does not count, and neither does a background that
    more than half of the pictures share: that is the backdrop of the whole set. 4,327 pictures take 3 s.

    Args:
        pixels: uint8 [n, S, S, 3], as `ml.datasets.prepare` makes them; white margins on two sides are ignored.
        advance: called with the number of steps since the last call; there are two a picture.
    """
    borders = np.zeros((len(pixels), 4 * _CELLS - 4, 3), np.int16)
    for index, picture in enumerate(pixels):
        borders[index] = _border(picture)
        advance(1)
    groups = joined(len(pixels), _alike(borders, advance))
    counts = np.bincount(groups, minlength=len(pixels))[groups]
    return np.where(counts > _OWN_BACKDROP * len(pixels), np.arange(len(pixels)), groups)


def _alike(borders: np.ndarray, advance: Advance) -> Iterator[tuple[int, int]]:
    """Pairs of pictures whose borders match."""
    coloured = borders.min(axis=2) < _WHITE_FROM
    rows = np.flatnonzero(coloured.mean(axis=1) >= _SHARE)
    advance(len(borders) - len(rows))
    borders, coloured = borders[rows], coloured[rows]
    some = np.linspace(0, borders.shape[1] - 1, _SAMPLED).astype(int)
    bright = np.ascontiguousarray(borders[:, some].mean(axis=2).T.astype(np.int16))
    for start in range(0, len(rows), _AT_A_TIME):
        block = slice(start, min(start + _AT_A_TIME, len(rows)))
        close = np.zeros((block.stop - start, len(rows) - start), np.uint8)
        for cell in bright:
            close += np.abs(cell[block, None] - cell[None, start:]) <= _TOLERANCE
        first, second = np.nonzero(close >= _SAMPLED * _SHARE - 2)
        first, second = first + start, second + start
        first, second = first[second > first], second[second > first]
        same = np.abs(borders[first] - borders[second]).max(axis=2) <= _TOLERANCE
        same &= coloured[first] & coloured[second]
        for found in np.flatnonzero(same.mean(axis=1) >= _SHARE):
            yield int(rows[first[found]]), int(rows[second[found]])
        advance(block.stop - start)


def _border(picture: np.ndarray) -> np.ndarray:
    """int16 [60, 3]: mean colours of the cells along the border of uint8 [S, S, 3]; white if it is too small."""
    shown = _without_margins(picture)
    if min(shown.shape[:2]) < _CELLS:
        return np.full((4 * _CELLS - 4, 3), 255, np.int16)
    down, across = ((np.arange(_CELLS) * side) // _CELLS for side in shown.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(shown, down, axis=0, dtype=np.int32), across, axis=1)
    area = np.multiply.outer(np.diff([*down, shown.shape[0]]), np.diff([*across, shown.shape[1]]))
    cells = sums // area[..., None]
    inner = cells[1:-1]
    return np.concatenate([cells[0], cells[-1], inner[:, 0], inner[:, -1]]).astype(np.int16)


def _without_margins(picture: np.ndarray) -> np.ndarray:
    """The picture without the white that fitted it into a square: equal margins on two opposite sides."""
    white = (picture == 255).all(axis=2)
    margins = []
    for lines in (white.all(axis=1), white.all(axis=0)):
        coloured = np.flatnonzero(~lines)
        margins.append(min(coloured[0], len(lines) - 1 - coloured[-1]) if coloured.size else 0)
    top, left = margins
    if top >= left:
        return picture[top : len(picture) - top]
    return picture[:, left : picture.shape[1] - left]
