"""What a photo shows is put to a vote; results are restricted to one type only when that is requested."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from rest_framework.test import APIClient

from catalog.models import Product
from recommendations.management.arguments import write_results
from recommendations.models import EmbeddingModel
from recommendations.pipeline import worker
from recommendations.search.calibration import Calibration, MatchBasis
from recommendations.search.isotonic import Curve
from recommendations.search.photo_types import PhotoColour, PhotoType, shown_by, vote
from recommendations.search.results import Match, Results, Source
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

API = "/api/v1/search/image/"


def test_a_neighbour_votes_by_how_much_it_is_alike() -> None:
    # e^0, e^-1 and e^-1 with a temperature of .1: "bags" has 1 / (1 + 2/e), "shoes" the rest.
    shares = vote(["bags", "shoes", "shoes"], np.array([0.9, 0.8, 0.8]), temperature=0.1)
    assert list(shares) == ["bags", "shoes"]
    assert shares["bags"] == pytest.approx(1 / (1 + 2 / np.e))
    assert sum(shares.values()) == pytest.approx(1)


def test_many_a_little_less_alike_outvote_one() -> None:
    shares = vote(["bags", "shoes", "shoes", "shoes"], np.array([0.9, 0.88, 0.88, 0.88]), temperature=0.1)
    assert list(shares) == ["shoes", "bags"]


def test_nobody_votes_for_nothing() -> None:
    assert vote([], np.array([])) == {}


@pytest.mark.slow
def test_the_three_likeliest_are_offered_and_chance_hits_are_not(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    for name, vector, count in (
        ("dresses", [1, 0, 0], 6), ("skirts", [1, 0.2, 0], 3), ("tops", [1, 0.4, 0], 3), ("coats", [1, 0.5, 0], 2),
        ("shoes", [-1, 0, 0], 9),
    ):  # fmt: skip
        for number in range(count):
            shop.embedded(plane, f"{name} {number}", vector, category=f"clothes/{name}")
    types = shown_by(np.array([1, 0, 0], np.float32), plane).types
    assert [each.category.slug for each in types] == ["dresses", "skirts", "tops"]
    assert types[0].share > 0.4
    assert shown_by(np.array([-1, 0, 0], np.float32), plane).types[0].category.slug == "shoes"


def test_neighbours_vote_for_families_of_colours_and_some_have_none(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    for number, colour in enumerate(("Navy Blue", "Teal", "Red", "Multi", None)):
        attributes = {} if colour is None else {"colour": colour}
        shop.embedded(plane, f"dress {number}", [1, 0, 0], attributes=attributes)
    found = shown_by(np.array([1, 0, 0], np.float32), plane).colour
    assert found == PhotoColour("blue", pytest.approx(2 / 3))


def test_without_labels_no_colour_is_seen(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    shop.embedded(plane, "dress", [1, 0, 0])
    assert shown_by(np.array([1, 0, 0], np.float32), plane).colour is None


@pytest.fixture
def wardrobe(shop: Shopkeeper, network: EmbeddingModel) -> None:
    cache.clear()
    for colour in ("red", "green", "blue"):
        thing = shop.product(f"{colour} thing", category=f"{colour}-things", price=Decimal(10))
        shop.image(thing, picture(colour))
        worker.embed_now([thing.images.get().pk])


@pytest.mark.slow
def test_the_api_names_the_types_and_searches_all_of_them(wardrobe: None) -> None:
    photo = SimpleUploadedFile("photo.jpg", picture("red"), "image/jpeg")
    body = APIClient().post(API, {"photo": photo, "limit": 2}, format="multipart").json()
    assert body["photo_types"][0]["category"] == "red-things"
    assert body["photo_types"][0]["name"] == "Red things"
    assert sum(each["share"] for each in body["photo_types"]) <= 1.001
    assert body["kinds"] == body["photo_types"], "the former name, until 1.0"
    assert body["match_kind"] == body["match_basis"], "likewise"
    assert {entry["title"] for entry in body["results"]} > {"red thing"}
    photo = SimpleUploadedFile("photo.jpg", picture("red"), "image/jpeg")
    more = APIClient().post(API, {"photo": photo, "limit": 2, "cursor": body["next"]}, format="multipart").json()
    assert {"photo_types", "kinds"} & set(more) == set(), "on the first page only"


@pytest.mark.slow
def test_the_command_names_the_types(wardrobe: None, tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    file.write_bytes(picture("green"))
    out = io.StringIO()
    call_command("search_image", file, stdout=out)
    assert out.getvalue().startswith("Seems to show: green-things ")


@pytest.mark.slow
def test_the_command_names_no_type_when_nothing_is_similar(wardrobe: None, network: EmbeddingModel) -> None:
    meaning = Calibration(
        MatchBasis.CHANCE, True, Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0])), {}, 25, None, 1, 1
    )
    network.calibration = meaning.to_json()
    shown = [Match(product, None, 0.2, Source.VISUAL, match=20) for product in Product.objects.all()]
    types = [PhotoType(shown[0].product.category, 0.98)]
    out = io.StringIO()
    write_results(OutputWrapper(out), Results(network, shown, types=types), as_json=False)
    assert "No close matches" in out.getvalue()
    assert "Seems to show" not in out.getvalue()
