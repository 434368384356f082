"""Losses and mining, on numbers worked out by hand."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # loads TensorFlow


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    from ml.runtimes.quiet import quiet_tensorflow

    quiet_tensorflow()


def number(tensor):
    return float(np.asarray(tensor))


# Four unit vectors of the plane; squared distances: 0-1 .4, 0-2 2, 0-3 4, 1-2 .8, 1-3 3.6, 2-3 2.
PLANE = np.array([[1, 0], [0.8, 0.6], [0, 1], [-1, 0]], np.float32)


def test_squared_distances():
    from ml.training.losses import squared_distances

    expected = [[0, 0.4, 2, 4], [0.4, 0, 0.8, 3.6], [2, 0.8, 0, 2], [4, 3.6, 2, 0]]
    np.testing.assert_allclose(np.asarray(squared_distances(PLANE)), expected, atol=1e-6)


def test_explicit_triplets_lose_only_what_the_margin_lacks():
    from ml.training.losses import explicit_triplet_loss, triplet_accuracy

    anchors, positives, negatives = PLANE[[0, 0]], PLANE[[1, 2]], PLANE[[2, 1]]
    # .4 − 2 + .2 < 0 loses nothing; 2 − .4 + .2 = 1.8.
    assert number(explicit_triplet_loss(anchors, positives, negatives, 0.2)) == pytest.approx(0.9)
    assert number(triplet_accuracy(anchors, positives, negatives)) == 0.5


def test_batch_hard_takes_the_farthest_positive_and_the_nearest_negative():
    from ml.training.losses import mined_triplet_loss

    labels = np.array([0, 0, 1, 1], np.int32)
    # Anchors: 0: .4 − 2 + .2 → 0. 1: .4 − .8 + .2 → 0. 2: 2 − .8 + .2 = 1.4. 3: 2 − 3.6 + .2 → 0.
    assert number(mined_triplet_loss(PLANE, labels, 0.2, "batch-hard")) == pytest.approx(1.4 / 4)


def test_semi_hard_takes_the_nearest_negative_beyond_the_positive():
    from ml.training.losses import mined_triplet_loss

    labels = np.array([0, 1, 0, 1], np.int32)
    # (a, p), its negatives, the chosen one, the loss at margin .2:
    # (0, 2) at 2: .4 and 4 → 4, 0.  (2, 0) at 2: .8 and 2, none beyond → farthest 2, .2.
    # (1, 3) at 3.6: .4 and .8, none beyond → .8, 3.  (3, 1) at 3.6: 4 and 2 → 4, 0.
    assert number(mined_triplet_loss(PLANE, labels, 0.2, "semi-hard")) == pytest.approx(3.2 / 4)


@pytest.mark.parametrize("mining", ["semi-hard", "batch-hard"])
@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3], [-1, -1, -1, -1], [-1, -1, 0, 1]])
def test_a_batch_without_triplets_loses_nothing(mining, labels):
    from ml.training.losses import mined_triplet_loss

    assert number(mined_triplet_loss(PLANE, np.array(labels, np.int32), 0.2, mining)) == 0.0


@pytest.mark.parametrize("mining", ["semi-hard", "batch-hard"])
def test_an_unknown_label_is_neither_positive_nor_negative(mining):
    from ml.training.losses import mined_triplet_loss

    known = number(mined_triplet_loss(PLANE[[0, 2, 3]], np.array([0, 0, 1], np.int32), 0.2, mining))
    with_unknown = number(mined_triplet_loss(PLANE, np.array([0, -1, 0, 1], np.int32), 0.2, mining))
    assert with_unknown == pytest.approx(known)


def test_cross_entropy_leaves_unknown_labels_out():
    from ml.training.losses import accuracy, cross_entropy

    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]], np.float32))
    labels = np.array([0, 2, -1], np.int32)
    assert number(cross_entropy(logits, labels)) == pytest.approx(-(np.log(0.7) + np.log(0.1)) / 2)
    assert number(accuracy(logits, labels)) == 0.5
    assert number(cross_entropy(logits, np.full(3, -1, np.int32))) == 0.0


def test_label_smoothing_spreads_a_share_over_all_classes():
    from ml.training.losses import cross_entropy

    logits = np.log(np.array([[0.5, 0.25, 0.25]], np.float32))
    # Target .9 + .1/3, .1/3, .1/3.
    expected = -((0.9 + 0.1 / 3) * np.log(0.5) + 2 * 0.1 / 3 * np.log(0.25))
    assert number(cross_entropy(logits, np.array([0], np.int32), 0.1)) == pytest.approx(expected, rel=1e-5)


def test_a_teacher_is_followed_in_direction_and_in_likenesses():
    from ml.training.losses import cosine_loss, relational_loss

    vectors = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    turned = vectors @ np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0].astype(np.float32)
    assert number(cosine_loss(3 * vectors, vectors)) == pytest.approx(0, abs=1e-6)
    assert number(cosine_loss(-vectors, vectors)) == pytest.approx(2, abs=1e-6)
    assert number(relational_loss(turned, vectors)) == pytest.approx(0, abs=1e-5)  # a rotation keeps all likenesses
    assert number(relational_loss(vectors[::-1].copy(), vectors)) > 0.1


def test_any_acceptable_class_is_right():
    from ml.training.losses import set_cross_entropy

    logits = np.log(np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], np.float32))
    acceptable = np.array([[1, 1, 0], [0, 0, 0]], np.float32)  # of the second row nothing is known
    assert number(set_cross_entropy(logits, acceptable)) == pytest.approx(-np.log(0.8), rel=1e-5)
    assert number(set_cross_entropy(logits, 0 * acceptable)) == 0
