"""Accuracy and F-score, on a confusion matrix worked out by hand."""

import numpy as np
import pytest

from ml.training.scores import classification_scores

#                 a  a  a  b  b  c  unknown
TRUTH = np.array([0, 0, 0, 1, 1, 2, -1])
NAMED = np.array([0, 0, 1, 1, 0, 0, 1])


def test_scores_of_three_classes():
    scores = classification_scores(TRUTH, NAMED, 4)
    assert scores.count == 6
    assert scores.accuracy == pytest.approx(3 / 6)
    assert scores.confusion.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert scores.precision.tolist() == pytest.approx([2 / 4, 1 / 2, 0, 0])
    assert scores.recall.tolist() == pytest.approx([2 / 3, 1 / 2, 0, 0])
    # F: a 2·(1/2)(2/3)/(7/6) = 4/7, b 1/2, c 0; the fourth class is not there and does not count.
    assert scores.f_score.tolist() == pytest.approx([4 / 7, 1 / 2, 0, 0])
    assert scores.macro_f == pytest.approx((4 / 7 + 1 / 2) / 3)
    assert scores.weighted_f == pytest.approx((3 * 4 / 7 + 2 * 1 / 2) / 6)


def test_no_known_label_gives_zeros():
    scores = classification_scores(np.array([-1]), np.array([0]), 2)
    assert (scores.count, scores.accuracy, scores.macro_f, scores.weighted_f) == (0, 0.0, 0.0, 0.0)
