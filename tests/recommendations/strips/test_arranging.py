from __future__ import annotations

import numpy as np

from recommendations.search.ranking import by_value, diverse


def test_a_saving_outweighs_as_much_likeness_as_its_weight() -> None:
    scores, prices = np.array([0.9, 0.8, 0.7, 0.95]), np.array([100.0, 50.0, 10.0, np.nan])
    assert by_value(scores, prices, 100.0, 0.0).tolist() == [3, 0, 1, 2]
    assert by_value(scores, prices, 100.0, 0.15).tolist() == [3, 0, 1, 2]
    assert by_value(scores, prices, 100.0, 0.3).tolist() == [2, 1, 3, 0]
    assert by_value(scores, prices * 3, 100.0, 0.3).tolist()[0] == 3, "what costs more saves nothing, not less"
    assert by_value(scores, prices * 0, 0.0, 0.3).tolist() == [3, 0, 1, 2], "from nothing, nothing is saved"


def test_the_next_one_is_unlike_those_before() -> None:
    vectors = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    scores = np.array([0.9, 0.89, 0.8])
    assert diverse(scores, vectors, 3, 0.0).tolist() == [0, 1, 2]
    assert diverse(scores, vectors, 2, 0.3).tolist() == [0, 2]
    assert diverse(scores[:0], vectors[:0], 5, 0.3).tolist() == []
