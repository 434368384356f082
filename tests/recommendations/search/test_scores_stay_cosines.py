"""A score is a cosine and never above 1, although vectors stored as half floats are not exactly of length 1."""

from __future__ import annotations

import numpy as np
import pytest

from ml.files import features
from ml.files.features import Features
from recommendations.models import EmbeddingModel
from recommendations.monitoring.hubness import nearest_of_all
from recommendations.querysets import similarity
from recommendations.search.filters import Filters
from recommendations.search.photo import SeenPhoto
from recommendations.search.request import SearchRequest
from recommendations.search.service import find_similar, search_photo
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.case


def too_long(dimension: int) -> np.ndarray:
    """A unit vector, float32, that is longer than 1 in half floats."""
    chance = np.random.default_rng(0)
    for _ in range(1000):
        vector = chance.normal(size=dimension)
        rounded = (vector / np.linalg.norm(vector)).astype(np.float16).astype(np.float32)
        if np.linalg.norm(rounded) > 1.0001:
            return rounded
    raise AssertionError("none found")


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_no_rounding_gives_more_than_a_cosine(metric: str) -> None:
    assert similarity(0.0, metric, 1.00002) == 1.0
    assert -1.0 <= similarity(2.0, metric, 1.00002) < -0.9999
    assert similarity(2.0001, metric) == -1.0
    assert similarity(0.0, metric) == 1.0


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_photo_of_what_the_shop_has_scores_1_and_not_more(
    shop: Shopkeeper, plane: EmbeddingModel, metric: str
) -> None:
    plane.metric = metric
    plane.save(update_fields=["metric"])
    vector = too_long(3)
    shop.embedded(plane, "same", vector.tolist())
    shop.embedded(plane, "opposite", (-vector).tolist())
    found = search_photo(SeenPhoto(plane, vector), SearchRequest(2, Filters())).matches
    assert [match.product.title for match in found] == ["same", "opposite"]
    same, opposite = (match.to_json()["score"] for match in found)
    assert 0.999 < same <= 1
    assert -1 <= opposite < -0.999


def test_weighted_parts_keep_within_1(shop: Shopkeeper, coloured: EmbeddingModel) -> None:
    vector = too_long(4)
    asked = shop.embedded(coloured, "asked", vector.tolist())
    shop.embedded(coloured, "twin", vector.tolist())
    for weight in (None, 0.0, 0.3, 0.5, 1.0):
        (twin,) = find_similar(asked, SearchRequest(1, Filters(), colour_weight=weight)).matches
        assert twin.score is not None
        assert -1 <= twin.score <= 1, weight


def test_lists_of_neighbours_and_of_files_keep_within_1() -> None:
    vector = too_long(64)
    lists = nearest_of_all(np.stack([vector, vector, -vector]).astype(np.float16), np.arange(3), k=2)
    assert lists.scores[:2, 0].tolist() == [1.0, 1.0]
    assert lists.scores[:2, 1].tolist() == [-1.0, -1.0]
    two = Features(["a.jpg", "b.jpg"], np.stack([vector, -vector]), {}, ["", ""], {})
    assert [match.score for match in features.nearest(two, vector, 2)] == [1.0, -1.0]
