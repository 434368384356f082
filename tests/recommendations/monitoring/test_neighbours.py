"""Lists of everything against everything, against a plain loop; measures of hubness, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.monitoring import hubness
from recommendations.monitoring.hubness import lower_fence, nearest_of_all, occurrences, skewness


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_hand(vectors: np.ndarray, owners: np.ndarray, k: int) -> list[list[int]]:
    products = np.unique(owners)
    found = []
    for product in products:
        query = vectors[np.flatnonzero(owners == product)[0]]
        scores = [-np.inf if other == product else (vectors[owners == other] @ query).max() for other in products]
        order = np.argsort(-np.array(scores), kind="stable")
        found.append([int(place) for place in order[:k] if np.isfinite(scores[place])])
    return found


@pytest.mark.slow
@given(
    pictures=st.lists(st.integers(1, 4), min_size=1, max_size=40),
    k=st.integers(1, 12),
    rows=st.integers(1, 20),
    queries=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_lists_are_those_of_a_plain_loop_however_the_work_is_cut(
    pictures: list[int], k: int, rows: int, queries: int, seed: int
) -> None:
    owners = np.repeat(np.arange(len(pictures)) * 7 + 3, pictures)
    vectors = unit(np.random.default_rng(seed).normal(size=(len(owners), 5))).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hubness, "_ROWS", rows)
        patch.setattr(hubness, "_QUERIES", queries)
        told: list[int] = []
        lists = nearest_of_all(vectors, owners, k, advance=told.append)
    assert sum(told) == len(pictures)
    found = [[int(place) for place in row if place >= 0] for row in lists.positions]
    assert found == by_hand(vectors, owners, k)
    assert (np.diff(lists.scores[:, : len(pictures) - 1], axis=1) <= 0).all()


def test_a_sample_has_the_lists_that_all_have() -> None:
    vectors = unit(np.random.default_rng(1).normal(size=(50, 6))).astype(np.float16)
    owners, some = np.arange(50), np.array([3, 17, 49])
    everyone = nearest_of_all(vectors, owners, 4)
    sample = nearest_of_all(vectors, owners, 4, asking=some)
    assert (sample.positions == everyone.positions[some]).all()


def test_an_empty_catalog_has_no_lists() -> None:
    lists = nearest_of_all(np.zeros((0, 5), np.float16), np.zeros(0, int), 3)
    assert lists.positions.shape == (0, 3)


def test_occurrences_count_lists_and_not_empty_places() -> None:
    assert occurrences(np.array([[1, 2], [2, -1], [1, -1]]), 4).tolist() == [0, 2, 2, 0]


def test_skewness_is_the_third_standardised_moment() -> None:
    # 0, 0, 3: mean 1, deviations -1, -1, 2; third moment (−1 − 1 + 8) / 3 = 2; variance 2.
    assert skewness(np.array([0, 0, 3])) == pytest.approx(2 / 2**1.5)
    assert skewness(np.array([4, 4, 4])) == 0.0
    assert skewness(np.array([])) == 0.0


def test_the_fence_is_one_and_a_half_quartile_ranges_below_the_first_quartile() -> None:
    assert lower_fence(np.array([1, 2, 3, 4, 5])) == pytest.approx(2 - 1.5 * 2)
    assert lower_fence(np.array([])) == -np.inf
