"""`python -m bench match` on made vectors, whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from bench.match import Photos, Shop, claims, measured, print_figures
from recommendations.search.calibration import Calibration, MatchBasis
from recommendations.search.isotonic import Curve

STRAIGHT = Calibration(MatchBasis.CHANCE, True, Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0])), {}, 25, None, 1, 1)


def test_a_claim_is_compared_with_what_is_true() -> None:
    scores, alike = np.array([0.8, 0.8, 0.8, 0.8, 0.2]), np.array([True, True, True, False, False])
    found = claims(STRAIGHT, scores, alike)
    assert found["error"] == pytest.approx((4 * 0.05 + 0.2) / 5)
    assert (found["claimed"], found["measured"]) == (pytest.approx(0.68), pytest.approx(0.6))
    assert [(step["from"], step["pairs"], step["measured"]) for step in found["steps"]] == [(10, 1, 0.0), (70, 4, 0.75)]


def test_a_photo_of_nothing_in_the_shop_finds_nothing_similar(capsys: pytest.CaptureFixture[str]) -> None:
    chance = np.random.default_rng(0)
    types, colours = np.eye(8)[[0, 0, 1, 1]], np.eye(8)[[2, 3, 2, 3]]
    corners = types + colours / 2  # two types, each in two colours; the shop does not know the other directions
    which = np.repeat(np.arange(4), 60)

    def around(rows: np.ndarray) -> np.ndarray:
        vectors = rows + chance.normal(scale=0.05, size=rows.shape)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    names = np.array(["Shirts", "Shirts", "Watches", "Watches"])
    shop = Shop(around(corners[which]), names[which], np.array(["red", "blue", "red", "blue"])[which])
    asking = np.arange(0, 240, 3)
    own = Photos(shop.vectors[asking], asking, [frozenset([name]) for name in shop.types[asking]])
    shoppers = Photos(around(corners[:2].repeat(10, axis=0)), np.full(20, -1), [frozenset(["Shirts"])] * 20)
    strange = Photos(around(np.eye(8)[[6, 7] * 10]), np.full(20, -1), [frozenset()] * 20)
    found = measured(shop, chance.permutation(np.setdiff1d(np.arange(240), asking)), own, shoppers, strange)
    said = {name: each["said"] for name, each in found["nothing"].items() if each}
    assert (said["amateur"], said["groceries"], said["watches, not sold"]) == (0, 1, 1)
    assert said["studio"] == pytest.approx(0.01, abs=0.01)
    assert found["photo type"]["amateur"]["first"] == found["photo type"]["studio"]["first"] == 1
    assert found["match"]["studio"]["error"] < 0.1
    print_figures({"model": "made", "known catalog": found, "new catalog": found})
    assert "No close matches" in capsys.readouterr().out
