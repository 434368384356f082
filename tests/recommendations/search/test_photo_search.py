"""Photo search on the page and in the API, with a real network."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from catalog.models import Product
from recommendations.lifecycle import artifacts
from recommendations.models import EmbeddingModel
from recommendations.pipeline import worker
from recommendations.search.throttling import PhotoSearchThrottle
from recommendations.storefront.forms import REFUSALS
from tests.pictures import REFUSED, picture
from tests.shopkeeper import Shopkeeper

API = "/api/v1/search/image/"
PAGE = "/search/photo/"


@pytest.fixture(autouse=True)
def no_searches_yet() -> None:
    cache.clear()


@pytest.fixture
def wardrobe(shop: Shopkeeper, network: EmbeddingModel) -> dict[str, Product]:
    """Three embedded products in different colours."""
    made = {}
    for price, colour in enumerate(("red", "green", "blue"), start=1):
        made[colour] = shop.product(f"{colour} thing", price=Decimal(price * 10))
        shop.image(made[colour], picture(colour))
    worker.embed_now([product.images.get().pk for product in made.values()])
    return made


def photo(data: bytes, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, "image/jpeg")


def post(data: bytes, **fields: Any) -> Any:
    return APIClient().post(API, {"photo": photo(data), **fields}, format="multipart")


@pytest.mark.slow
def test_a_photo_finds_its_own_product_first(wardrobe: dict[str, Product]) -> None:
    for colour, product in wardrobe.items():
        body = post(picture(colour), limit=3).json()
        assert body["results"][0]["sku"] == product.sku
        assert body["results"][0]["score"] == pytest.approx(1.0, abs=1e-3)
        assert len(body["results"]) == 3


@pytest.mark.slow
def test_the_photo_leaves_no_trace(wardrobe: dict[str, Product], caplog: pytest.LogCaptureFixture) -> None:
    files = sorted(Path(django_settings.MEDIA_ROOT).rglob("*"))
    post(picture("red", seed=99))
    assert sorted(Path(django_settings.MEDIA_ROOT).rglob("*")) == files
    assert "photo.jpg" not in caplog.text


@pytest.mark.slow
def test_the_budget_is_hard(wardrobe: dict[str, Product]) -> None:
    body = post(picture("blue"), price_max="20").json()
    assert {entry["title"] for entry in body["results"]} == {"red thing", "green thing"}


@pytest.mark.slow
@pytest.mark.parametrize(("data", "status", "code"), REFUSED)
def test_a_bad_photo_is_refused_with_a_code_in_api_and_page(
    wardrobe: dict[str, Product], client: Client, data: bytes, status: int, code: str
) -> None:
    response = post(data)
    assert (response.status_code, response.json()["code"]) == (status, code)
    page = client.post(PAGE, {"photo": photo(data)})
    assert page.status_code == status
    assert str(REFUSALS.get(code, response.json()["detail"])) in page.content.decode().replace("&#x27;", "'")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "where"),
    [({}, "photo"), ({"photo": "text"}, "photo"), ({"limit": "0"}, "limit"), ({"price_max": "x"}, "price_max")],
)
def test_missing_and_invalid_fields_are_named(wardrobe: dict[str, Product], fields: dict[str, str], where: str) -> None:
    body = fields if where == "photo" else {"photo": photo(picture()), **fields}
    response = APIClient().post(API, body, format="multipart")
    assert response.status_code == 400
    assert where in response.json()["errors"]


@pytest.mark.slow
def test_two_photos_are_refused(wardrobe: dict[str, Product]) -> None:
    response = APIClient().post(API, {"photo": [photo(picture()), photo(picture())]}, format="multipart")
    assert (response.status_code, response.json()["code"]) == (400, "several_photos")


def test_json_is_415_and_get_is_405(db: None) -> None:
    assert APIClient().post(API, {"photo": "x"}, format="json").status_code == 415
    assert APIClient().get(API).status_code == 405


def test_without_a_model_the_answer_is_503_with_the_reason_and_a_retry_hint(db: None, client: Client) -> None:
    response = post(picture())
    assert response.status_code == 503
    assert response.json()["code"] == "model_unavailable"
    assert response["Retry-After"]
    assert client.post(PAGE, {"photo": photo(picture())}).status_code == 503


@pytest.mark.slow
def test_a_lost_network_is_503_and_a_damaged_one_is_refused(
    wardrobe: dict[str, Product],
    network: EmbeddingModel,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(artifacts, "_loaded", {})
    path = artifacts.cache_path(network.graph_sha256)
    stored = Path(default_storage.path(artifacts.storage_name(network.graph_sha256)))
    kept = path.read_bytes()
    try:
        for copy in (path, stored):
            copy.write_bytes(kept[:1000])
        damaged = post(picture())
        assert damaged.status_code == 503
        assert damaged.json()["detail"] == artifacts.UNAVAILABLE, "where the file lies is for the log"
        assert artifacts.storage_name(network.graph_sha256) in caplog.text
    finally:
        stored.write_bytes(kept)
    # It is fetched again from the storage that all hosts share.
    assert post(picture("red"), limit=1).json()["results"][0]["title"] == "red thing"
    assert path.read_bytes() == kept


@pytest.mark.slow
def test_too_many_searches_are_429_with_a_retry_hint_in_api_and_page(
    wardrobe: dict[str, Product], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PhotoSearchThrottle, "THROTTLE_RATES", {"photo_search": "2/min"})
    statuses = [post(picture()).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    page = client.post(PAGE, {"photo": photo(picture())})
    assert page.status_code == 429
    assert post(picture())["Retry-After"]
    assert page["Retry-After"]


@pytest.mark.slow
def test_the_page_shows_the_look_alikes_within_the_budget(wardrobe: dict[str, Product], client: Client) -> None:
    page = client.post(PAGE, {"photo": photo(picture("green")), "price_max": "20"}).content.decode()
    assert page.index("green thing") < page.index("red thing")
    assert "blue thing" not in page


@pytest.mark.slow
def test_a_budget_that_nothing_meets_says_what_is_nearest_above(wardrobe: dict[str, Product], client: Client) -> None:
    page = client.post(PAGE, {"photo": photo(picture("blue")), "price_max": "5"}).content.decode()
    assert "red thing" in page, "the cheapest of the look-alikes"
    assert "$10.00" in page


def test_the_form_alone_is_a_page(db: None, client: Client) -> None:
    assert client.get(PAGE).status_code == 200


def test_a_post_without_csrf_token_is_refused(db: None) -> None:
    assert Client(enforce_csrf_checks=True).post(PAGE, {"photo": photo(picture())}).status_code == 403


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_command_finds_the_same_by_either_metric(wardrobe: dict[str, Product], tmp_path: Path, metric: str) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(picture("green", format="PNG"))
    out = io.StringIO()
    call_command("search_image", file, "-k", "2", "--metric", metric, "--json", stdout=out)
    body = json.loads(out.getvalue())
    assert body["results"][0]["title"] == "green thing"
    assert len(body["results"]) == 2


@pytest.mark.slow
def test_the_command_refuses_what_is_no_photo(wardrobe: dict[str, Product], tmp_path: Path) -> None:
    file = tmp_path / "photo.jpg"
    with pytest.raises(CommandError, match="Cannot read"):
        call_command("search_image", file)
    file.write_text("text")
    with pytest.raises(CommandError, match="unsupported_format"):
        call_command("search_image", file)
