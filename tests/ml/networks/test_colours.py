"""The histogram of a product's colours."""

import numpy as np
import pytest

from ml.networks import colours
from ml.networks.colours import lab_histogram
from tests.ml.conftest import draw


def picture(background: tuple[int, int, int], product: tuple[int, int, int], *, share: float = 0.5) -> np.ndarray:
    """A square in the middle of a square, uint8 [64, 64, 3]."""
    pixels = np.full((64, 64, 3), background, np.uint8)
    side = round(64 * share**0.5)
    start = (64 - side) // 2
    pixels[start : start + side, start : start + side] = product
    return pixels


def likeness(*pictures: np.ndarray) -> np.ndarray:
    histograms = lab_histogram(np.stack(pictures))
    return histograms @ histograms.T


def test_a_histogram_is_64_numbers_of_length_1() -> None:
    histograms = lab_histogram(np.stack([np.asarray(draw(64, 64, seed=seed)) for seed in range(4)]))
    assert (histograms.shape, histograms.dtype) == ((4, 64), np.float32)
    assert (histograms >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(histograms, axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_keras_computes_the_same() -> None:
    from ml.networks.backbones import lab_histogram as keras_histogram

    batch = np.stack([np.asarray(draw(49, 49, seed=seed)) for seed in range(4)])
    np.testing.assert_allclose(np.asarray(keras_histogram(batch)), lab_histogram(batch), atol=1e-4)


def test_the_white_around_a_product_hardly_counts() -> None:
    white, red = (255, 255, 255), (190, 20, 30)
    on_white, alone = picture(white, red, share=0.3), picture(red, red)
    assert likeness(on_white, alone)[0, 1] > 0.95


def test_a_white_product_is_white() -> None:
    white, shaded, red = (255, 255, 255), (238, 238, 240), (190, 20, 30)
    product, blank, other = picture(white, shaded), picture(white, white), picture(white, red)
    similar = likeness(product, blank, other)
    assert similar[0, 1] > 0.6
    assert similar[0, 2] < 0.2
    lightness = lab_histogram(product[None])[0] ** 2 @ colours.PALETTE[:, 0]
    assert lightness > 90


@pytest.mark.parametrize("other", [(20, 40, 190), (20, 120, 40), (15, 15, 15), (230, 220, 40)])
def test_different_colours_are_told_apart(other: tuple[int, int, int]) -> None:
    white, red = (255, 255, 255), (190, 20, 30)
    dark_red = (165, 15, 30)
    similar = likeness(picture(white, red), picture(white, dark_red), picture(white, other))
    assert similar[0, 1] > 0.5
    assert similar[0, 2] < 0.3
