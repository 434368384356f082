"""The table that compares models: what its lines count, on numbers worked out by hand."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.models.backgrounds import SIDE, first_hits, on_white, pasted
from bench.models.lines import Line
from bench.models.material import _at_most
from ml.datasets import Sample
from ml.pictures.codec import decode


def sample(pixels: np.ndarray, name: str = "images/1.png") -> Sample:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return Sample(name, {"type": "Hats"}, file.getvalue, stamp=name[-5])


def product(colour: tuple[int, int, int] = (200, 0, 0)) -> np.ndarray:
    """A square in the middle of a white page, 80 wide and 120 high."""
    page = np.full((120, 80, 3), 255)
    page[50:70, 30:50] = colour
    return page


def unit(*directions: tuple[float, ...]) -> np.ndarray:
    vectors = np.array(directions, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_first_hit_is_right_only_if_it_is_the_product_itself() -> None:
    plain = unit((1, 0, 0), (0, 1, 0), (0.9, 0.1, 0))
    by_product = unit((0.9, 0, 0.2), (0, 0.9, 0.2), (0.8, 0.9, 0.2))  # the third is most like the second
    by_background = unit((0.3, 0, 1), (0, 0.3, 1), (0.2, 0.1, 1))
    itself, misled = first_hits(plain, np.stack([by_product, by_background]), [0, 1, 2])
    assert itself.tolist() == [[True, True, False], [False, False, False]]
    assert misled.tolist() == [[False, False, True], [True, True, True]]


def test_a_query_is_not_its_own_hit() -> None:
    plain = unit((1, 0), (0, 1))
    itself, misled = first_hits(plain, plain[None], [0, 1])
    assert itself.all()
    assert not misled.any()


@pytest.mark.slow
def test_a_product_is_cut_out_and_pasted_and_the_file_is_kept(tmp_path: Path) -> None:
    ground = np.full((SIDE, SIDE, 3), (30, 60, 160), np.uint8)
    [shown] = pasted([sample(product())], [ground], tmp_path)
    pixels = decode(shown.read()).astype(int)
    assert pixels.shape == (SIDE, SIDE, 3)
    assert np.abs(pixels[5, 5] - (30, 60, 160)).max() < 12
    assert np.abs(pixels[SIDE // 2, SIDE // 2] - (200, 0, 0)).max() < 12
    [kept] = tmp_path.rglob("*.jpg")
    assert kept.read_bytes() == shown.read()


def test_only_products_on_white_are_cut_out() -> None:
    assert on_white(sample(product()))
    assert not on_white(sample(product() // 2))


@pytest.mark.parametrize(("side", "size"), [(60, (60, 40)), (200, (120, 80))])
def test_pictures_are_scaled_down_and_never_up(side: int, size: tuple[int, int]) -> None:
    assert decode(_at_most(sample(product()), side)).shape == (*size, 3)


@pytest.mark.parametrize(
    ("line", "cell"),
    [
        (Line("", 0.797, 0.786, 0.808), ".797 ±.011"),
        (Line("", 1.0, 1.0, 1.0), "1.000 ±.000"),
        (Line("", -0.062, -0.07, -0.05, signed=True), "−.062 ±.010"),
        (Line("", float("nan"), 0.0, 0.0), "–"),
    ],
)
def test_a_cell_says_the_mean_and_half_of_its_interval(line: Line, cell: str) -> None:
    assert line.cell == cell
