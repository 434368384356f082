"""The batch of each training step."""

from collections import Counter

import numpy as np
import pytest

from ml.training.augment import NONE


@pytest.fixture
def sources():
    """Forty pictures of class 0, eight of 1, two of 2, one of 3; each picture's pixels are its number."""
    from ml.training.sources import Source

    labels = np.repeat([0, 1, 2, 3], [40, 8, 2, 1]).astype(np.int32)
    pixels = np.arange(51, dtype=np.uint8)[:, None, None, None] * np.ones((1, 32, 32, 3), np.uint8)
    return [Source(pixels, {"type": labels, "colour": np.full(51, -1, np.int32)})]


def batches(sources, **options):
    from ml.training.batches import Batches
    from ml.training.sources import Sampling

    defaults = {"steps": 5, "size": 32, "amounts": NONE}
    return Batches(sources, Sampling(4, 3, 0.5), **(defaults | options))


@pytest.mark.slow
def test_a_batch_holds_p_draws_of_k_pictures_as_often_as_the_weights_say(sources):
    expected = 4 * np.sqrt([40, 8, 2, 1]) / np.sqrt([40, 8, 2, 1]).sum()
    for step in range(5):
        pictures, labels = batches(sources)[step]
        assert pictures.shape == (12, 32, 32, 3)
        assert (labels["colour"] == -1).all()
        drawn = np.bincount(labels["type"], minlength=4) / 3
        assert (drawn >= np.floor(expected)).all()
        assert (drawn <= np.ceil(expected)).all()


@pytest.mark.slow
def test_pictures_and_labels_belong_together(sources):
    for step in range(5):
        pictures, labels = batches(sources)[step]
        np.testing.assert_array_equal(sources[0].labels["type"][pictures[:, 0, 0, 0]], labels["type"])


def test_a_step_is_the_same_whenever_it_is_asked_for(sources):
    first, again = batches(sources, key=(3, 1))[4], batches(sources, key=(3, 1))[4]
    np.testing.assert_array_equal(first[0], again[0])
    assert (first[0] != batches(sources, key=(3, 2))[4][0]).any()
    assert (first[0] != batches(sources, key=(3, 1))[3][0]).any()


@pytest.mark.slow
def test_square_root_sampling_lies_between_the_set_and_equality(sources):
    from ml.training.batches import Batches
    from ml.training.sources import Sampling

    drawn = Batches(sources, Sampling(1, 1, 0.5), steps=2000, size=32, amounts=NONE)
    counts = Counter(int(drawn[step][1]["type"][0]) for step in range(2000))
    weights = np.sqrt([40, 8, 2, 1])
    shares = [counts[label] / 2000 for label in range(4)]
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.04)


def test_explicit_triplets_are_of_equal_and_of_other_class(sources):
    pictures, labels = batches(sources, explicit=True)[0]
    anchors, positives, negatives = np.split(labels["type"], 3)
    assert len(anchors) == 32
    assert (anchors == positives).all()
    assert (anchors != negatives).all()
    assert (pictures[:32] != pictures[32:64]).any(axis=(1, 2, 3)).all(), "no picture is its own positive"


def test_a_triplet_may_be_of_several_sources():
    from ml.training.sources import Source

    def source(first: int, labels: list[int]) -> Source:
        numbers = np.arange(first, first + len(labels), dtype=np.uint8)
        return Source(numbers[:, None, None, None] * np.ones((1, 32, 32, 3), np.uint8), {"type": np.array(labels)})

    pictures, labels = batches([source(0, [0, 1]), source(2, [1, 2])], explicit=True)[0]
    numbers = pictures[:, 0, 0, 0]
    assert set(labels["type"][:64]) == {1}, "no other class has two pictures"
    assert (np.sort([numbers[:32], numbers[32:64]], axis=0) == [[1], [2]]).all()
    assert set(numbers[64:]) == {0, 3}


@pytest.mark.slow
def test_every_source_gets_its_share(sources):
    from dataclasses import replace

    from ml.training.batches import Batches
    from ml.training.sources import Sampling

    other = replace(sources[0], labels={**sources[0].labels, "type": sources[0].labels["type"] + 10}, share=0.25)
    both = Batches([replace(sources[0], share=0.75), other], Sampling(4, 2), steps=400, size=32, amounts=NONE)
    share = np.mean([(both[step][1]["type"] >= 10).mean() for step in range(400)])
    assert share == pytest.approx(0.25, abs=0.03)
