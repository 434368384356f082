"""`python -m bench badges` on made vectors, whose figures are known."""

from __future__ import annotations

import numpy as np

from bench.badges import Asking, badges_of
from bench.match import Photos, Shop
from ml.spec import ModelSpec, Part
from ml.weights.classes import Classes
from recommendations.search.recognition import Fact

SPEC = ModelSpec("resnet50", 80, "letterbox", "avg", 4, parts=(Part("kind", 2), Part("colour", 2)))
TAUGHT = Classes(np.eye(2, dtype=np.float32), slice(0, 2))
RED_DRESS, BLUE_DRESS = np.array([1, 0, 1, 0], np.float32) / 2**0.5, np.array([1, 0, 0, 1], np.float32) / 2**0.5


def test_badges_are_counted_on_cards_and_right_by_the_labels() -> None:
    vectors = np.concatenate([np.tile(RED_DRESS, (30, 1)), np.tile(BLUE_DRESS, (10, 1))])
    shop = Shop(vectors, np.repeat(["dress"], 40), np.repeat(["red", "blue"], [30, 10]), TAUGHT, SPEC)
    photos = Photos(np.stack([RED_DRESS, RED_DRESS]), np.array([-1, -1]), [frozenset({"dress"}), frozenset({"shoe"})])
    asking = Asking(photos, np.array(["red", ""]))
    found = badges_of(shop, SPEC, {Fact.TYPE: 0.5, Fact.COLOUR: 0.5}, asking)
    assert (found["type"].photos, found["type"].told, found["type"].cards, found["type"].right) == (2, 2, 48, 24)
    assert (found["colour"].photos, found["colour"].cards, found["colour"].right) == (1, 24, 24)
    assert found["type and colour"].right == 24
    assert badges_of(shop, SPEC, {}, asking)["type"].cards == 0, "nothing is stated without a limit"
