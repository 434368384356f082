"""Pictures as shops have them: drawn on the host, rendered by Keras."""

import numpy as np
import pytest
from PIL import Image

from ml.training.views.drawing import Reality, draw, unchanged


def on_white(size: int = 40) -> np.ndarray:
    """A red garment with a white print, on white."""
    picture = np.full((size, size, 3), 255, np.uint8)
    picture[10:30, 12:28] = (200, 30, 40)
    picture[18:22, 18:22] = 255
    return picture


def render(pictures: np.ndarray, size: int, changes: dict[str, np.ndarray], photos: np.ndarray | None = None):
    from ml.training.views import rendering

    return np.asarray(rendering.render(pictures, size, changes, photos))


def with_(count: int = 1, **changes: object) -> dict[str, np.ndarray]:
    return unchanged(count) | {name: np.array([value] * count, np.float32) for name, value in changes.items()}


def test_the_same_generator_gives_the_same_changes_within_their_limits() -> None:
    reality = Reality()
    first, again = (draw(500, np.random.default_rng(3), reality) for _ in range(2))
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])
        assert values.dtype == np.float32
        assert len(values) == 500
    left, _, width, _ = first["box"].T
    assert width.min() >= reality.closest / reality.stretch
    assert width.max() <= reality.widest * reality.stretch
    tight, wide = width <= 1, width > 1
    assert (left[tight] >= 0).all()
    assert ((left + width)[tight] <= 1 + 1e-6).all()  # a tight crop shows nothing but the picture
    assert (left[wide] <= 0).all()
    assert ((left + width)[wide] >= 1 - 1e-6).all()  # a wide framing shows all of it
    assert first["quality"].max() < 95
    ground = first["ground"]
    assert ground[:, :2].min() >= 0
    assert (ground[:, :2] + ground[:, 2:]).max() <= 1 + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("size", [24, 40, 64])
def test_unchanged_pictures_are_scaled_as_pillow_scales(size: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(noise // 2 + 64).resize((40, 40), Image.Resampling.BILINEAR))
    expected = np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC), np.int16)
    found = render(picture[None], size, unchanged(1))[0]
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= 1


@pytest.mark.slow
def test_each_change_does_what_it_says() -> None:
    picture = on_white()
    plain = render(picture[None], 40, unchanged(1))[0]
    np.testing.assert_array_equal(plain, picture)
    np.testing.assert_array_equal(render(picture[None], 40, with_(flip=1))[0], picture[:, ::-1])
    wide = render(picture[None], 40, with_(box=(-0.5, -0.5, 2, 2)))[0]
    assert (wide[:9] == 255).all()
    assert (wide[15:25, 16:24] != 255).any()
    tight = render(picture[None], 40, with_(box=(0.3, 0.25, 0.4, 0.5)))[0]
    assert (tight[0, 0] != 255).any()
    erased = render(picture[None], 40, with_(erase=(0, 0, 0.5, 0.25), grey=0.2))[0]
    assert (erased[:10, :20] == 51).all()
    np.testing.assert_array_equal(erased[10:], picture[10:])
    blurred = render(picture[None], 40, with_(blur=3))[0].astype(int)
    assert 30 < blurred[20, 11, 1] < 255  # the edge has spread
    coarse = render(picture[None], 40, with_(quality=10))[0].astype(int)
    assert 1 < np.abs(coarse - picture).mean() < 20
    assert np.abs(render(picture[None], 40, with_(quality=94))[0].astype(int) - picture).mean() < 3


@pytest.mark.slow
def test_a_garment_on_white_gets_a_background_and_keeps_its_white_print() -> None:
    photo = np.full((1, 50, 50, 3), (20, 120, 60), np.uint8)
    shown = render(on_white()[None], 40, with_(paste=1), photo)[0]
    assert (shown[:9] == (20, 120, 60)).all()
    np.testing.assert_array_equal(shown[12:28, 14:26], on_white()[12:28, 14:26])
    framed = render(on_white()[None], 40, with_(paste=1, box=(-0.5, -0.5, 2, 2)), photo)[0]
    assert (framed[:9] == (20, 120, 60)).all()  # what is outside the picture too
    street = np.random.default_rng(0).integers(0, 200, (1, 40, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(render(street, 40, with_(paste=1), photo), street)
