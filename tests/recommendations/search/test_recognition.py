"""Whether a photo shows what the shop sells, by what the model recognises."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from ml.weights.classes import Classes
from recommendations.models import EmbeddingModel
from recommendations.pipeline import worker
from recommendations.search.calibration import calibration_of
from recommendations.search.recognition import Recognition, least_of, recognised
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
