"""Measures of ranked lists, against numbers worked out by hand."""

import math

import numpy as np
import pytest

from ml.evaluation import baselines, metrics
from ml.evaluation.ranking import nearest, ranked

# One query with R = 3: relevant at ranks 1, 3 and 6. One with R = 2: at ranks 2 and 3. One with nothing to find.
HITS = np.array(
    [
        [1, 0, 1, 0, 0, 1, 0, 0, 0, 0],
        [0, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ],
    dtype=bool,
)
TOTALS = np.array([3, 2, 0])


@pytest.mark.parametrize(("k", "expected"), [(1, [1, 0]), (5, [2 / 5, 2 / 5]), (10, [3 / 10, 2 / 10])])
def test_precision(k: int, expected: list[float]) -> None:
    assert metrics.precision_at(HITS, TOTALS, k)[:2] == pytest.approx(expected)


def test_precision_of_a_list_shorter_than_k_is_divided_by_k_all_the_same() -> None:
    assert metrics.precision_at(np.array([[True, True]]), np.array([2]), 10) == pytest.approx([0.2])


@pytest.mark.parametrize(("k", "expected"), [(1, [1 / 3, 0]), (5, [2 / 3, 1]), (10, [1, 1])])
def test_recall(k: int, expected: list[float]) -> None:
    assert metrics.recall_at(HITS, TOTALS, k)[:2] == pytest.approx(expected)


@pytest.mark.parametrize(("k", "expected"), [(1, [1, 0]), (2, [1, 1])])
def test_success_is_whether_anything_relevant_was_found(k: int, expected: list[float]) -> None:
    assert metrics.success_at(HITS, TOTALS, k)[:2] == pytest.approx(expected)


def test_r_precision_looks_at_as_many_ranks_as_there_are_relevant_pictures() -> None:
    assert metrics.r_precision(HITS, TOTALS)[:2] == pytest.approx([2 / 3, 1 / 2])


def test_map_at_r() -> None:
    # (1/3)(1/1 + 2/3): rank 6 is beyond R. (1/2)(1/2): rank 3 is.
    assert metrics.map_at_r(HITS, TOTALS)[:2] == pytest.approx([5 / 9, 1 / 4])


def test_average_precision_at_ten() -> None:
    # (1/3)(1/1 + 2/3 + 3/6) and (1/2)(1/2 + 2/3)
    assert metrics.average_precision_at(HITS, TOTALS, 10)[:2] == pytest.approx([13 / 18, 7 / 12])


def test_average_precision_is_1_when_more_than_k_are_relevant_and_all_found_are() -> None:
    assert metrics.average_precision_at(np.ones((1, 10), bool), np.array([400]), 10) == pytest.approx([1])


def test_ndcg_at_ten() -> None:
    best_of_three = 1 + 1 / math.log2(3) + 1 / 2
    best_of_two = 1 + 1 / math.log2(3)
    expected = [(1 + 1 / 2 + 1 / math.log2(7)) / best_of_three, (1 / math.log2(3) + 1 / 2) / best_of_two]
    assert metrics.ndcg_at(HITS, TOTALS, 10)[:2] == pytest.approx(expected)


def test_a_query_with_nothing_to_find_counts_for_nothing_in_every_measure() -> None:
    measures = metrics.all_measures(HITS, TOTALS)
    assert len(measures) == 13
    for name, values in measures.items():
        assert np.isnan(values).tolist() == [False, False, True], name
        assert metrics.micro_mean(values) == pytest.approx(values[:2].mean()), name
    assert math.isnan(metrics.micro_mean(measures["map@r"][2:]))


def test_macro_is_the_mean_of_the_classes_and_small_classes_are_left_out_when_asked() -> None:
    values = np.array([1.0, 0.0, 0.5, 0.2, 0.4, np.nan])
    classes = np.array([7, 7, 7, 3, 3, 9])  # means .5 and .3; class 9 has no query that counts
    assert metrics.macro_mean(values, classes) == (pytest.approx(0.4), 2)
    assert metrics.macro_mean(values, classes, at_least=3) == (pytest.approx(0.5), 1)
    nothing, count = metrics.macro_mean(values, classes, at_least=4)
    assert (math.isnan(nothing), count) == (True, 0)


def test_coverage_and_hubs() -> None:
    lists = np.array([[0, 1], [0, 2], [0, 1], [3, 1]])
    assert metrics.coverage(lists, 8) == 4 / 8
    assert metrics.largest_share_of_lists(lists) == 3 / 4


def test_distance_of_tags_is_one_minus_the_cosine_of_their_one_hot_vectors() -> None:
    query = np.array([[5, 2, -1]])
    gallery = np.array([[5, 2, -1], [5, 3, 1], [4, 3, -1], [-1, 2, -1], [-1, -1, -1]])
    expected = [0, 1 - 1 / math.sqrt(2 * 3), 1, 1 - 1 / math.sqrt(2), math.nan]
    assert metrics.tag_distance(query, gallery)[0] == pytest.approx(expected, nan_ok=True)


def test_equal_values_share_the_mean_of_their_ranks() -> None:
    assert metrics.average_ranks(np.array([0.3, 0.1, 0.3, 0.2, 0.3])).tolist() == [4, 1, 4, 2, 4]


def test_spearman() -> None:
    # Without ties: 1 − 6·Σd²/(n(n² − 1)) with d = 0, 1, −1, 0 and n = 4.
    assert metrics.spearman(np.array([1, 2, 3, 4.0]), np.array([10, 30, 20, 90.0])) == pytest.approx(1 - 12 / 60)
    # With ties, ranks 1.5, 1.5, 3 against 1, 2, 3: Pearson's is 1.5 / √(1.5 · 2).
    assert metrics.spearman(np.array([0, 0, 1.0]), np.array([1, 2, 3.0])) == pytest.approx(1.5 / math.sqrt(3))
    assert metrics.spearman(np.array([1, 2, math.nan, 3]), np.array([3, 2, 0, 1.0])) == pytest.approx(-1)
    assert math.isnan(metrics.spearman(np.array([1, 1.0]), np.array([1, 2.0])))
    assert math.isnan(metrics.spearman(np.array([]), np.array([])))


def test_rank_of_the_wanted_picture_counts_its_equals_before_it() -> None:
    scores = np.array([[0.9, 0.5, 0.7], [0.2, 0.2, 0.1]])
    assert metrics.rank_of(scores, np.array([2, 0])).tolist() == [2, 2]
    assert metrics.rank_of(scores, np.array([2, 0]), np.array([1, 2])).tolist() == [1, 2], "equals count here too"
    assert metrics.rank_of(scores, np.array([2, 0]), np.array([0, 2])).tolist() == [2, 1], "none competes with itself"


def test_interval_of_equal_values_has_no_width_and_queries_that_do_not_count_are_ignored() -> None:
    drawn = metrics.resamples(4, 200)
    assert metrics.micro_interval(np.array([0.5, 0.5, np.nan, 0.5]), drawn) == pytest.approx((0.5, 0.5))
    assert all(map(math.isnan, metrics.micro_interval(np.full(4, np.nan), drawn)))


@pytest.mark.slow
def test_interval_of_a_coin_is_that_of_the_normal_approximation() -> None:
    values = np.tile([0.0, 1.0], 500)
    low, high = metrics.micro_interval(values, metrics.resamples(1000, 2000, seed=1))
    half = 1.96 * 0.5 / math.sqrt(1000)
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.003)


def test_macro_interval_resamples_within_the_same_draws() -> None:
    values = np.concatenate([np.tile([0.0, 1.0], 250), np.full(500, 0.25)])
    classes = np.repeat([0, 1], 500)
    low, high = metrics.macro_interval(values, classes, metrics.resamples(1000, 2000, seed=1))
    half = 1.96 * (0.5 / math.sqrt(500)) / 2  # one of the two class means varies, and counts half
    assert (low, high) == pytest.approx((0.375 - half, 0.375 + half), abs=0.004)
    assert all(map(math.isnan, metrics.macro_interval(values, classes, metrics.resamples(1000, 9), at_least=501)))


def test_resamples_draw_as_many_as_there_are_and_the_same_again() -> None:
    drawn = metrics.resamples(7, 50, seed=3)
    assert (drawn.shape, drawn.sum(axis=1).tolist()) == ((50, 7), [7.0] * 50)
    metrics.resamples.cache_clear()
    assert np.array_equal(drawn, metrics.resamples(7, 50, seed=3))
    assert metrics.resamples(0, 5).shape == (5, 0)


@pytest.mark.slow
def test_ranking_puts_the_query_itself_last_and_agrees_with_a_plain_sort() -> None:
    random = np.random.default_rng(0)
    gallery = random.standard_normal((300, 8)).astype(np.float32)
    own = np.arange(0, 300, 2)
    own[::5] = -1
    queries = gallery[np.maximum(own, 0)]
    blocks = list(ranked(queries, gallery, own))
    order = np.concatenate([found for _, found in blocks])
    assert [block.start for block, _ in blocks] == [0, 128]
    for row, found in enumerate(order):
        plain = sorted(range(300), key=lambda place: -float(queries[row] @ gallery[place]))
        if own[row] >= 0:
            plain.remove(own[row])
            plain.append(int(own[row]))
        assert found.tolist() == plain
    assert np.array_equal(nearest(queries, gallery, own, 10), order[:, :10])


def test_lists_are_as_long_as_the_gallery_allows() -> None:
    two = np.eye(2, dtype=np.float32)
    assert nearest(two, two, np.array([0, 1]), 10).tolist() == [[1], [0]]
    assert nearest(two[:1], two[:1], np.array([0]), 10).shape == (1, 0)


def flat(colour: tuple[int, int, int], *, half: bool = False) -> np.ndarray:
    picture = np.full((80, 80, 3), 255, np.uint8)
    picture[:, : 40 if half else 80] = colour
    return picture


def test_pixels_see_shape_and_not_overall_brightness() -> None:
    halves = np.stack([flat((200, 0, 0), half=True), flat((100, 0, 0), half=True)])
    assert baselines.pixels(halves).shape == (2, 768)
    assert np.linalg.norm(baselines.pixels(halves), axis=1) == pytest.approx([1, 1])
    assert np.abs(baselines.thumbnails(halves)[0, 0, :, 0] - ([200] * 8 + [255] * 8)).max() == 0
    assert baselines.pixels(flat((90, 90, 90))[None]).any() == np.False_


def test_hsv_histogram_sees_the_foreground_alone() -> None:
    pictures = np.stack([flat((250, 10, 10)), flat((250, 10, 10), half=True), flat((10, 10, 250))])
    vectors = baselines.hsv_histogram(pictures)
    cosines = vectors @ vectors.T
    assert vectors.shape == (3, 128)
    assert cosines[0] == pytest.approx([1, 1, 0])
    # Nothing but background: then the background is what is seen.
    assert np.linalg.norm(baselines.hsv_histogram(flat((255, 255, 255))[None])) == pytest.approx(1)


def test_cosine_of_blends_is_the_blend_of_the_cosines() -> None:
    random = np.random.default_rng(0)
    pixels, colours = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in random.random((2, 2, 5)))
    blended = baselines.blend(pixels, colours)
    expected = 0.7 * (pixels[0] @ pixels[1]) + 0.3 * (colours[0] @ colours[1])
    assert blended[0] @ blended[1] == pytest.approx(expected)
    assert blended[0] @ blended[0] == pytest.approx(1)
