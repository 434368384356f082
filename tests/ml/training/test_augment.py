"""Random changes to training pictures."""

import numpy as np
import pytest

from ml.training.augment import NONE, Augmentation, augment

ALWAYS_PASTE = Augmentation(flip=0, crop=0, brightness=0, erase=0, paste=1)


@pytest.fixture
def on_white():
    picture = np.full((40, 40, 3), 255, np.uint8)
    picture[10:30, 10:30] = (200, 30, 30)
    return picture


def test_nothing_asked_for_changes_nothing(on_white):
    np.testing.assert_array_equal(augment(on_white, 40, np.random.default_rng(0), NONE), on_white)


def test_the_same_seed_gives_the_same_picture(on_white):
    first, second = (augment(on_white, 32, np.random.default_rng(7), Augmentation()) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (32, 32, 3)
    assert first.dtype == np.uint8


def test_a_flip_mirrors():
    picture = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    flipped = augment(picture, 4, np.random.default_rng(0), Augmentation(1, 0, 0.7, 0, 0, 0))
    np.testing.assert_array_equal(flipped, picture[:, ::-1])


def test_a_crop_keeps_at_least_its_share_of_the_product(on_white):
    for seed in range(50):
        cropped = augment(on_white, 40, np.random.default_rng(seed), Augmentation(0, 1, 0.7, 0, 0, 0))
        red = (cropped[..., 0] > 150) & (cropped[..., 1] < 100)
        # 400 red pixels, magnified by at most 1/.7, and at most clipped at an edge.
        assert 250 < red.sum() < 400 / 0.7 * 1.1


def test_pasting_replaces_the_white_and_keeps_the_garment(on_white):
    photo = np.full((64, 64, 3), (20, 120, 40), np.uint8)
    pasted = augment(on_white, 40, np.random.default_rng(0), ALWAYS_PASTE, [photo])
    np.testing.assert_array_equal(pasted[10:30, 10:30], on_white[10:30, 10:30])
    assert (pasted[:5] == (20, 120, 40)).all()


def test_a_picture_with_a_background_keeps_it():
    photo = np.random.default_rng(0).integers(0, 200, (40, 40, 3), dtype=np.uint8)
    kept = augment(photo, 40, np.random.default_rng(0), ALWAYS_PASTE, [np.zeros((8, 8, 3), np.uint8)])
    np.testing.assert_array_equal(kept, photo)


def test_pictures_on_disk_are_not_written_to(on_white):
    on_white.setflags(write=False)
    before = on_white.copy()
    for seed in range(20):
        augment(on_white, 40, np.random.default_rng(seed), Augmentation(erase=1), [before])
    np.testing.assert_array_equal(on_white, before)
