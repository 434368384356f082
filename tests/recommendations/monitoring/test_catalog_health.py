"""Which products look-alikes leave out, and which they show everywhere."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.monitoring.catalog_health import catalog_health, current_vectors
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db


def report(*arguments: str, **options: Any) -> dict[str, Any]:
    out = io.StringIO()
    call_command("catalog_health", *arguments, "--json", stdout=out, stderr=io.StringIO(), **options)
    return json.loads(out.getvalue())


def skus(part: dict[str, Any]) -> list[str]:
    return [product["sku"] for product in part["products"]]


@pytest.fixture
def reds(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    """Four red things around one that all of them are nearest to, and a blue one that looks like nothing."""
    shop.embedded(plane, "middle", [1, 0, 0], sku="MIDDLE")
    shop.embedded(plane, "up", [1, 0.2, 0], sku="UP")
    shop.embedded(plane, "down", [1, -0.21, 0], sku="DOWN")
    shop.embedded(plane, "left", [1, 0, 0.22], sku="LEFT")
    shop.embedded(plane, "right", [1, 0, -0.23], sku="RIGHT")
    shop.embedded(plane, "blue", [-1, 0.1, 0.1], sku="BLUE")


@pytest.mark.slow
def test_with_one_place_a_list_the_middle_is_shown_by_all_and_the_rest_are_orphans(reds: None) -> None:
    found = report("-k", "1")
    assert (found["published"], found["with_vector"], found["lists"]) == (6, 6, 6)
    # The middle's own list shows UP; all others show the middle, BLUE's nearest excepted.
    assert found["orphans"]["count"] == 6 - round(found["coverage"] * 6)
    assert {"DOWN", "RIGHT", "BLUE"} <= set(skus(found["orphans"]))
    assert not {"MIDDLE", "UP"} & set(skus(found["orphans"]))
    assert [product["nearest"] for product in found["lonely"]["products"]] != []
    assert skus(found["lonely"]) == ["BLUE"]


def test_a_hub_stands_in_many_lists(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    shop.embedded(plane, "middle", [1, 0, 0], sku="MIDDLE")
    for turn in np.linspace(0, 2 * np.pi, 5, endpoint=False):
        shop.embedded(plane, "around", [1, np.cos(turn), np.sin(turn)])
    found = report("-k", "1")
    assert skus(found["hubs"]) == ["MIDDLE"]
    assert found["hubs"]["products"][0]["lists"] == 5
    assert found["hubs"]["skewness"] > 1.4


@pytest.mark.slow
def test_what_is_not_on_show_is_in_no_list_and_no_orphan(reds: None, shop: Shopkeeper, plane: EmbeddingModel) -> None:
    shop.embedded(plane, "hidden", [1, 0.01, 0], sku="HIDDEN", published=False)
    stale = shop.embedded(plane, "stale", [1, 0.02, 0], sku="STALE")
    stale.images.update(digest="a" * 64)
    shop.product("no picture yet", sku="BARE")
    found = report("-k", "5")
    assert (found["published"], found["with_vector"]) == (8, 6)
    assert found["coverage"] == pytest.approx(6 / 8)
    assert found["orphans"]["count"] == 0


def test_several_pictures_are_one_product_and_the_first_one_asks(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    shop.embedded(plane, "two sides", [1, 0, 0], [0, 1, 0], sku="BOTH")
    shop.embedded(plane, "front", [1, 0.1, 0], sku="FRONT")
    shop.embedded(plane, "back", [0.1, 1, 0], sku="BACK")
    owners, vectors = current_vectors(plane)
    found = catalog_health(plane, owners, vectors, 1)
    nearest = {product.sku: product.nearest_sku for product in found.named(np.arange(3))}
    assert nearest == {"BOTH": "FRONT", "FRONT": "BOTH", "BACK": "BOTH"}
    assert found.lists.tolist() == [2, 1, 0]


def test_vectors_are_read_as_they_are_stored_in_order_of_product_and_picture(
    shop: Shopkeeper, plane: EmbeddingModel
) -> None:
    first = shop.embedded(plane, "first", [1, 2, 3], [3, 2, 1])
    shop.embedded(plane, "second", [0, 1, 0])
    one, two = first.images.order_by("pk")
    first.images.filter(pk=one.pk).update(position=9)
    owners, vectors = current_vectors(plane)
    expected = [ImageEmbedding.objects.get(image=image).vector for image in (two, one)]
    assert owners[:2].tolist() == [first.pk, first.pk]
    assert (vectors[:2] == np.array(expected, np.float16)).all()
    assert (len(vectors), vectors.dtype) == (3, np.float16)


@pytest.mark.slow
def test_the_csv_has_every_product_and_marks_it(reds: None, tmp_path: Path) -> None:
    file = tmp_path / "health.csv"
    found = report("-k", "1", "--csv", str(file))
    with file.open(newline="") as stream:
        rows = {row["sku"]: row for row in csv.DictReader(stream)}
    assert len(rows) == 6
    assert {sku for sku, row in rows.items() if row["orphan"] == "1"} == set(skus(found["orphans"]))
    assert [sku for sku, row in rows.items() if row["lonely"] == "1"] == ["BLUE"]
    assert rows["LEFT"]["nearest"] == "MIDDLE"
    with pytest.raises(CommandError, match="Cannot write"):
        report("--csv", str(tmp_path / "nowhere" / "x.csv"))


def test_a_sample_says_nothing_of_orphans(reds: None, capsys: pytest.CaptureFixture[str]) -> None:
    found = report("--sample", "2")
    assert (found["lists"], found["orphans"], found["coverage"]) == (2, None, None)
    call_command("catalog_health", "--sample", "2")
    assert "omit --sample" in capsys.readouterr().out


def test_the_report_names_products_in_a_terminal(reds: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("catalog_health", "-k", "1", "--close", "0.5")
    shown = capsys.readouterr().out
    assert "6 products, 6 with a vector" in shown
    assert "1 of these have no look-alike with a cosine of 0.500" in shown
    assert "BLUE" in shown


def test_an_empty_shop_and_a_shop_without_a_model(plane: EmbeddingModel, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("catalog_health")
    assert "0 products" in capsys.readouterr().out
    assert report()["orphans"] == {"count": 0, "products": []}
    EmbeddingModel.objects.all().delete()
    with pytest.raises(CommandError, match="no embedding model"):
        call_command("catalog_health")


@pytest.mark.slow
def test_reading_sends_no_vector_through_text(reds: None, plane: EmbeddingModel) -> None:
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        current_vectors(plane)
    assert len(queries) == 0, "it goes beside Django's cursor, in binary"
