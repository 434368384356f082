"""Calibration: isotonic regression on hand-worked numbers, and on a small labelled shop."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from catalog.models import Product
from recommendations.models import EmbeddingModel
from recommendations.pipeline import worker
from recommendations.search import calibration
from recommendations.search.calibration import (
    LEAST_PICTURES,
    Calibration,
    MatchBasis,
    Pairs,
    calibrated,
    calibration_of,
)
from recommendations.search.isotonic import Curve, calibration_error, fit, pool_adjacent_violators
from recommendations.search.request import SearchRequest
from recommendations.search.service import find_similar
from tests.models import stated
from tests.shopkeeper import Shopkeeper
from tests.strips import strip_of


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        ([1, 2, 3], [1, 1, 1], [1, 2, 3]),
        ([1, 3, 2, 4], [1, 1, 1, 1], [1, 2.5, 2.5, 4]),
        ([3, 2, 1], [1, 1, 1], [2, 2, 2]),
        ([0, 1, 0], [1, 1, 3], [0, 0.25, 0.25]),
        ([1, 5, 4, 0], [1, 1, 1, 1], [1, 3, 3, 3]),
        ([], [], []),
    ],
)
def test_neighbours_in_the_wrong_order_become_their_mean(
    values: list[float], weights: list[float], expected: list[float]
) -> None:
    found = pool_adjacent_violators(np.array(values, float), np.array(weights, float))
    assert found.tolist() == pytest.approx(expected)


@pytest.mark.slow
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 5)), min_size=1, max_size=30))
def test_the_regression_never_falls_and_keeps_the_mean(seen: list[tuple[float, float]]) -> None:
    values, weights = np.array(seen).T
    found = pool_adjacent_violators(values, weights)
    assert (np.diff(found) >= 0).all()
    assert np.average(found, weights=weights) == pytest.approx(np.average(values, weights=weights))


def test_a_curve_goes_straight_from_one_step_to_the_next() -> None:
    # By score: 0, 1 | 0, 1 → means 0, .5 with pools (0, .2) and (.4, .6): one bin per pair.
    curve = fit(np.array([0.0, 0.4, 0.2, 0.6]), np.array([0, 1, 0, 1]), bins=4)
    assert curve.scores.tolist() == pytest.approx([0.1, 0.5])
    assert curve.values.tolist() == [0, 1]
    assert [curve(score) for score in (-1, 0.1, 0.3, 0.5, 1)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert curve.first_score_of(0.25) == pytest.approx(0.2)
    assert curve.first_score_of(1.5) is None
    assert curve.first_score_of(0) == pytest.approx(0.1)
    assert Curve.from_json(curve.to_json())(0.3) == pytest.approx(0.5)


def test_the_calibration_error_is_the_mean_distance_in_ten_bins() -> None:
    # .75 was said of four, three of which were: no error. .15 of one that was: .85. All five: .85 / 5.
    predicted = np.array([0.75, 0.75, 0.75, 0.75, 0.15])
    assert calibration_error(predicted, np.array([1, 1, 1, 0, 1])) == pytest.approx(0.17)
    assert calibration_error(np.array([1.0]), np.array([1])) == 0


def pairs(count: int, chance: np.random.Generator, **changes: Any) -> Pairs:
    """Pairs whose chance of the same type is their score, and of the same type and colour its square."""
    scores = chance.uniform(size=count)
    same_type = chance.uniform(size=count) < scores
    colour = (chance.uniform(size=count) < scores).astype(np.int8)
    fields = {"near": np.ones(count, bool), "query": np.arange(count), "same_type": same_type, "same_colour": colour}
    return Pairs(scores, **fields | changes)


def test_match_is_the_chance_of_type_and_colour() -> None:
    made = calibrated(pairs(30_000, np.random.default_rng(1)), 1000)
    assert (made.basis, made.colours) == (MatchBasis.CHANCE, True)
    for score in (0.2, 0.5, 0.9):
        assert made.match(score) == pytest.approx(100 * score**2, abs=4)
    assert made.error is not None
    assert made.error <= 0.02
    assert made.floor == pytest.approx(6, abs=3), "nothing is similar below a chance of one quarter"
    assert made.certain == {}, "nobody voted"


def test_without_colours_it_is_the_chance_of_the_type() -> None:
    made = calibrated(pairs(30_000, np.random.default_rng(2), same_colour=None), 1000)
    assert (made.basis, made.colours) == (MatchBasis.CHANCE, False)
    assert made.match(0.6) == pytest.approx(60, abs=4)


def test_pairs_of_unknown_colour_say_nothing() -> None:
    chance = np.random.default_rng(3)
    known = pairs(20_000, chance)
    assert known.same_colour is not None
    blind = np.where(np.arange(20_000) % 2, known.same_colour, -1).astype(np.int8)
    made = calibrated(Pairs(known.scores, known.near, known.query, known.same_type, blind), 1000)
    assert made.pairs == pytest.approx(20_000 / 2 * 2 / 3, rel=0.02)
    assert made.match(0.5) == pytest.approx(25, abs=5)


def test_without_labels_it_is_a_rank_between_strangers_and_neighbours() -> None:
    near = np.repeat([True, False], 1000)
    scores = np.concatenate([np.linspace(0.6, 1, 1000), np.linspace(-0.5, 0.5, 1000)])
    made = calibrated(Pairs(scores, near, np.arange(2000), None, None), 1000)
    assert (made.basis, made.error) == (MatchBasis.RANK, None)
    assert [made.match(score) for score in (-1, 0, 0.55, 0.8, 1)] == [0, 25, 50, 75, 100]
    assert Calibration.from_json(made.to_json()).match(0.8) == 75


def test_without_a_pair_of_known_colours_it_is_a_rank_too() -> None:
    known = pairs(300, np.random.default_rng(5), same_colour=np.full(300, -1, np.int8))
    made = calibrated(known, 300)
    assert (made.basis, made.error, made.pairs) == (MatchBasis.RANK, None, 300)


def test_nothing_is_similar_below_what_the_catalog_has_in_common_with_itself() -> None:
    # Half of all strangers share their type, so the chance of the type alone would call everything similar.
    chance = np.random.default_rng(6)
    near = np.tile([True, True, False, False], 1000)
    scores = np.where(near, chance.uniform(0.6, 0.8, 4000), chance.uniform(-0.2, 0.3, 4000))
    scores[::4] = np.linspace(0.8, 1, 1000)  # the nearest of each query
    alike = np.where(near, True, chance.uniform(size=4000) < 0.5)
    for same_type in (alike, None):
        made = calibrated(Pairs(scores, near, np.repeat(np.arange(1000), 4), same_type, None), 1000)
        assert made.floor == made.match(0.802)


@pytest.mark.slow
def test_a_calibration_of_an_earlier_version_is_used_until_it_is_replaced(rails: EmbeddingModel) -> None:
    calibration.calibrate(rails)
    assert not calibration.is_due(rails)
    del rails.calibration["version"]
    assert calibration_of(rails) is not None
    assert calibration.is_due(rails)


@pytest.fixture
def rails(shop: Shopkeeper, plane: EmbeddingModel) -> EmbeddingModel:
    """120 products around four directions: two types, each in two colours."""
    chance = np.random.default_rng(4)
    corners = {("dresses", "Red"): [1, 1, 0], ("dresses", "Blue"): [1, 0.4, 0],
               ("shoes", "Red"): [-1, 1, 0], ("shoes", "Navy Blue"): [-1, 0.4, 0]}  # fmt: skip
    for (name, colour), corner in corners.items():
        for number in range(30):
            vector = np.array(corner) + chance.normal(scale=0.12, size=3)
            shop.embedded(plane, f"{colour} {number}", list(vector), category=name, attributes={"colour": colour})
    return plane


@pytest.mark.slow
def test_a_model_is_calibrated_with_the_shops_own_catalog(rails: EmbeddingModel) -> None:
    out = io.StringIO()
    call_command("embedding_models", "calibrate", stdout=out)
    assert "the chance of the same type and colour" in out.getvalue()
    rails.refresh_from_db()
    made = calibration_of(rails)
    assert made is not None
    assert (made.basis, made.colours, made.pictures) == (MatchBasis.CHANCE, True, 120)
    assert made.match(0.999) > 60
    assert made.match(-0.5) == 0


@pytest.mark.slow
def test_it_is_made_by_the_pipeline_and_again_when_the_catalog_has_doubled(
    rails: EmbeddingModel, shop: Shopkeeper
) -> None:
    assert calibration.is_due(rails)
    calibration.calibrate_if_due(rails)
    assert not calibration.is_due(rails)
    rails.calibration["pictures"] = 60
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE recommendations_imageembedding")
    assert calibration.is_due(rails)


@pytest.mark.slow
def test_a_drain_leaves_no_model_without(rails: EmbeddingModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "ensure_active_model", lambda: rails)
    worker.drain()
    assert EmbeddingModel.objects.get(pk=rails.pk).calibration["kind"] == "chance"


def test_few_pictures_say_nothing(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    shop.embedded(plane, "red", [1, 0, 0])
    with pytest.raises(CommandError, match=f"fewer than {LEAST_PICTURES} pictures"):
        call_command("embedding_models", "calibrate")
    with pytest.raises(CommandError, match="no model 'nope'"):
        call_command("embedding_models", "calibrate", "--model", "nope")


@pytest.mark.slow
def test_a_catalog_of_one_type_gives_ranks(rails: EmbeddingModel, shop: Shopkeeper) -> None:
    Product.objects.update(category=shop.category("dresses"))
    out = io.StringIO()
    call_command("embedding_models", "calibrate", "--model", rails.name, stdout=out)
    assert "rank among" in out.getvalue()
    rails.refresh_from_db()
    assert rails.calibration["kind"] == "rank"


def test_api_and_command_return_the_match_and_its_basis(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "scarlet", [3, 4, 0])
    body = APIClient().get(f"/api/v1/products/{red.slug}/similar/").json()
    assert (body["match_kind"], body["results"][0]["match"]) == (None, None)
    stated(plane)
    body = APIClient().get(f"/api/v1/products/{red.slug}/similar/").json()
    assert (body["match_kind"], body["results"][0]["match"]) == ("chance", 60)
    assert body["results"][0]["score"] == pytest.approx(0.6, abs=1e-3)
    out = io.StringIO()
    call_command("similar", red.sku, stdout=out)
    assert [line.split()[1] for line in out.getvalue().splitlines()] == ["chance", "60"]


@pytest.mark.slow
def test_product_pages_show_badges_not_scores(shop: Shopkeeper, plane: EmbeddingModel, client: Client) -> None:
    stated(plane)
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "twin", [1, 0.1, 0])
    shop.embedded(plane, "stranger", [1, 10, 0], category="elsewhere")
    page = strip_of(client, red)
    assert page.index("twin") < page.index("Same type") < page.index("stranger")
    assert "Same type" not in page[page.index("stranger") :]
    assert "0.99" not in page


def test_a_match_of_type_and_colour_does_not_follow_the_slider(shop: Shopkeeper, coloured: EmbeddingModel) -> None:
    stated(coloured)
    red = shop.embedded(coloured, "red dress", [1, 0, 1, 0])
    shop.embedded(coloured, "red shoe", [0, 1, 1, 0])
    (found,) = find_similar(red, SearchRequest(1, colour_weight=1.0)).matches
    assert (found.score, found.match) == (pytest.approx(1.0, abs=2e-3), 50)
