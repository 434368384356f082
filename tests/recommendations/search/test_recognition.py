"""What the model recognises: whether a photo shows what the shop sells, and how certain its type and colour are."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from ml.spec import ModelSpec, Part
from ml.weights.classes import Classes
from recommendations.models import EmbeddingModel
from recommendations.pipeline import worker
from recommendations.search.calibration import calibration_of
from recommendations.search.recognition import (
    Fact,
    Guess,
    Labels,
    Recognition,
    guesses_of,
    least_certainty,
    least_of,
    limits,
    may_state,
    recognised,
    type_certainty,
)
from recommendations.search.request import SearchRequest
from recommendations.search.service import search_photo
from shop.settings import BASE_DIR
from tests.shopkeeper import Shopkeeper

DEMO = BASE_DIR / "demo"
PLANE = Classes(np.eye(3, dtype=np.float32), slice(0, 3))


def test_neighbours_of_another_type_do_not_agree() -> None:
    shoe, shirts = np.array([1, 0, 0], np.float32), np.array([[0.6, 0.8, 0], [0.6, 0.8, 0]], np.float32)
    shoes = np.array([[1, 0, 0], [0.8, 0.6, 0]], np.float32)
    assert recognised(PLANE, shoe, shoes).agreement > 0.8 > 0.2 > recognised(PLANE, shoe, shirts).agreement
    assert recognised(PLANE, shoe, shirts).certainty == pytest.approx(1)


def test_what_is_of_no_type_is_not_certain() -> None:
    between = np.ones(3, np.float32) / np.sqrt(np.float32(3))
    assert recognised(PLANE, between, between[None]).certainty == pytest.approx(3**-0.5)


def test_what_is_little_is_measured_in_the_catalog() -> None:
    found = [Recognition(agreement / 100, 0.5 + agreement / 1000) for agreement in range(101)]
    least = least_of(found)
    assert least == Recognition(pytest.approx(0.02), pytest.approx(0.5005))  # type: ignore[arg-type]
    assert found[1].is_below(least)
    assert not found[50].is_below(least)
    assert Recognition(0.9, 0.1).is_below(least)
    assert Recognition.from_json(least.to_json()) == least
    assert least_of([]) is None


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_shop_without_shoes_has_no_close_match_for_a_shoe(shop: Shopkeeper, settings: object) -> None:
    settings.EMBEDDING_WEIGHTS = "bundled"  # type: ignore[attr-defined]
    with (DEMO / "catalog.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if not row["type"].startswith("Shoes")]
    for row in rows[::3]:
        product = shop.product(row["title"], category=row["type"].split(" > ")[-1].lower().replace(" ", "-"))
        shop.image(product, (DEMO / row["image"]).read_bytes())
    worker.drain()
    calibration = calibration_of(EmbeddingModel.objects.active())
    assert calibration is not None
    assert calibration.recognition is not None

    def is_nothing(name: str) -> bool:
        return search_photo((DEMO / "queries" / name).read_bytes(), SearchRequest(limit=24)).nothing_similar

    assert is_nothing("black-low-heeled-shoes.webp")
    assert not is_nothing("dark-blue-jeans.webp")
    assert not is_nothing("khaki-skirt.webp")


# How certain a type or a colour must be to be stated


def guesses(certainties: np.ndarray, right: np.ndarray) -> list[Guess]:
    return [Guess(float(certainty), bool(each)) for certainty, each in zip(certainties, right, strict=True)]


def test_the_limit_is_the_lowest_certainty_from_which_on_enough_are_right() -> None:
    # Of 40 with .9, all are right; of 10 more with .5, 5 (45 of 50); of 10 more with .2, none (45 of 60).
    made = guesses(np.repeat([0.9, 0.5, 0.2], [40, 10, 10]), np.repeat([True, True, False, False], [40, 5, 5, 10]))
    assert least_certainty(made, 0.9) == 0.5
    assert least_certainty(made, 0.95) == 0.9
    assert least_certainty(made, 0.7) == 0.2
    assert least_certainty(made[:20], 0.7) is None, "too few"
    assert least_certainty([Guess(-1.0, True)] * 99, 0.7) is None, "what is not certain at all"
    assert least_certainty([], 0.5) is None


def test_a_guess_counts_as_often_as_it_would_be_shown() -> None:
    seldom, often = Guess(0.9, True, cards=1), Guess(0.5, False, cards=10)
    assert least_certainty([seldom] * 90 + [often] * 10, 0.9) == 0.9
    assert least_certainty([seldom] * 90 + [replace(often, cards=1)] * 10, 0.9) == 0.5


def test_a_fact_that_is_seldom_right_is_never_stated() -> None:
    shares, chance = np.linspace(0, 1, 300), np.random.default_rng(1)
    found = limits({Fact.TYPE: guesses(shares, shares > 0.4),
                    Fact.COLOUR: guesses(1 - shares / 50, chance.uniform(size=300) < 0.8)}, 3)  # fmt: skip
    assert list(found) == [Fact.TYPE]
    assert found[Fact.TYPE] == pytest.approx(0.37, abs=0.02)
    chosen_only = np.arange(300) % 3 != 0  # right only where the limit is chosen
    assert limits({Fact.TYPE: guesses(np.ones(300), chosen_only)}, 3) == {}
    assert limits({Fact.TYPE: []}, 3) == {}


def test_colours_are_stated_only_with_models_that_proved_it() -> None:
    assert may_state(Fact.COLOUR, "lookalike-fashion")
    assert not may_state(Fact.COLOUR, "lookalike-general")
    assert not may_state(Fact.COLOUR, "a model of one's own")
    assert may_state(Fact.TYPE, "lookalike-general")


def test_a_colour_needs_nearly_all_votes() -> None:
    right = guesses(np.linspace(0.5, 1, 600), np.ones(600, bool))
    assert limits({Fact.COLOUR: right}, 3)[Fact.COLOUR] == pytest.approx(0.95, abs=0.002)
    assert limits({Fact.TYPE: right}, 3)[Fact.TYPE] == pytest.approx(0.5, abs=0.002)


def test_a_type_without_a_majority_or_without_classes_is_not_certain() -> None:
    clear = np.array([1, 0, 0], np.float32)
    assert type_certainty(PLANE, clear, 0.51) == 1
    assert type_certainty(PLANE, clear, 0.5) == -1
    assert type_certainty(None, clear, 1.0) == -1


def test_what_neighbours_say_is_compared_with_what_is_known() -> None:
    spec = ModelSpec("resnet50", 80, "letterbox", "avg", 4, parts=(Part("kind", 2), Part("colour", 2)))
    classes = Classes(np.eye(2, dtype=np.float32), slice(0, 2))
    red_dress, red_shoe, blue_dress, unknown = (
        Labels("dress", "red"), Labels("shoe", "red"), Labels("dress", "blue"), Labels("dress", None),
    )  # fmt: skip
    vector = np.array([1, 0, 1, 0], np.float32) * np.float32(2**-0.5)
    other = np.array([1, 0, 0, 1], np.float32) * np.float32(2**-0.5)
    near = [(blue_dress, 0.9, other), (red_shoe, 0.89, vector), (unknown, 0.9, vector)]
    found = guesses_of(vector, red_dress, near, classes, spec)
    assert found[Fact.TYPE] == Guess(pytest.approx(1), True, cards=2)  # type: ignore[arg-type]
    assert found[Fact.COLOUR] == Guess(pytest.approx(1, abs=1e-4), True, cards=1)  # type: ignore[arg-type]
    assert guesses_of(vector, blue_dress, near, classes, spec)[Fact.COLOUR].right is False
    assert list(guesses_of(vector, unknown, near, None, spec)) == [], "neither classes nor a colour"
