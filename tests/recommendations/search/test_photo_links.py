"""The address of a photo's results: it works without the photo, and only as the shop signed it."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.test import Client

from catalog.models import Category
from recommendations.models import EmbeddingModel, ModelState
from recommendations.search import photo as photo_module
from recommendations.search.photo import MAX_TOKEN, SeenPhoto
from recommendations.search.photo_types import PhotoType
from recommendations.search.throttling import PhotoSearchThrottle
from tests.pictures import picture
from tests.recommendations.search.test_refining import PAGE, no_searches_yet, photo, search, shown, token, wardrobe

__all__ = ["no_searches_yet", "wardrobe"]


@pytest.fixture
def seen(wardrobe: EmbeddingModel) -> str:
    vector = np.array([1, 0, 1, 0], np.float32)
    types = (PhotoType(Category.objects.get(slug="shoes"), 0.75),)
    return SeenPhoto(wardrobe, vector / np.linalg.norm(vector), types).to_token()


def link_of(page: str) -> str:
    found = re.search(r'href="([^"]+)"[^>]*data-results-link', page)
    assert found, page
    return unescape(found[1])


@pytest.mark.slow
def test_a_link_shows_the_same_results_in_another_browser(wardrobe: EmbeddingModel, client: Client) -> None:
    response = client.post(PAGE, {"photo": photo()})
    page = response.content.decode()
    assert response["HX-Push-Url"] == link_of(page)
    assert len(link_of(page)) < 1_500
    answer = Client().get(link_of(page))
    assert answer.status_code == 200
    assert shown(answer.content.decode()) == shown(page)
    assert "the shop did not store it" in answer.content.decode()
    assert '<meta name="robots" content="noindex">' in answer.content.decode()
    assert (answer["Referrer-Policy"], "private" in answer["Cache-Control"]) == ("same-origin", True)


@pytest.mark.slow
def test_a_link_keeps_the_options(seen: str, client: Client) -> None:
    shoes = Category.objects.get(slug="shoes")
    options = {"seen": seen, "type": shoes.pk, "price_max": "75,00", "sort": "value", "colour": "0.95"}
    response = client.post(PAGE, options)
    page = response.content.decode()
    assert response["HX-Replace-Url"] == link_of(page)
    again = client.get(link_of(page)).content.decode()
    assert shown(again) == shown(page)
    assert link_of(again) == link_of(page)
    for kept in (
        'value="75,00"',
        'value="0.95"',
        'value="value" selected',
        f'value="{shoes.pk}" form="photo-search" checked',
    ):
        assert kept in again


def test_default_options_are_not_in_the_link(seen: str, client: Client) -> None:
    page = search(client, seen=seen, type="", price_max="", sort="likeness", colour="0.5")
    assert re.fullmatch(r"/search/photo/\?seen=[^&]+", link_of(page))


@pytest.mark.parametrize(
    "change", [lambda text: "x" + text, lambda text: text[:-1], lambda _: "", lambda _: "A" * MAX_TOKEN * 2]
)
def test_a_link_that_was_changed_is_refused(seen: str, client: Client, change: Any) -> None:
    response = client.get(PAGE, {"seen": change(seen)})
    assert response.status_code == 400
    assert "data-results-grid" not in response.content.decode()
    assert "hoose" in response.content.decode(), "choose a photo"


def test_an_old_link_is_refused(seen: str, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_module, "TOKEN_SECONDS", -1)
    response = client.get(PAGE, {"seen": seen})
    assert response.status_code == 400
    assert "has expired" in response.content.decode()


def test_a_link_of_another_model_is_refused(seen: str, client: Client) -> None:
    EmbeddingModel.objects.update(state=ModelState.READY)
    response = client.get(PAGE, {"seen": seen})
    assert response.status_code == 400
    assert "was just updated" in response.content.decode()


def test_a_cropped_photo_replaces_the_address(wardrobe: EmbeddingModel, client: Client) -> None:
    response = client.post(PAGE, {"photo": photo(), "cropped": "on"})
    assert response.has_header("HX-Replace-Url")
    assert not response.has_header("HX-Push-Url")


@pytest.fixture
def samples(tmp_path: Path, settings: Any) -> Path:
    (tmp_path / "red-dress.jpg").write_bytes(picture("red"))
    (tmp_path / "notes.txt").write_text("no picture")
    settings.PHOTO_SAMPLES = str(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_sample_is_searched_with_as_a_photo_is(
    wardrobe: EmbeddingModel, samples: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = client.get(PAGE).content.decode()
    assert re.findall(r'name="sample" value="([^"]+)"', page) == ["red-dress.jpg"]
    assert 'alt="Red dress"' in page
    found = search(client, sample="red-dress.jpg")
    assert shown(found)[0] == "Red dress"
    assert shown(search(client, sample="red-dress.jpg", seen=token(found))) == shown(found)
    monkeypatch.setattr(PhotoSearchThrottle, "THROTTLE_RATES", {"photo_search": "1/min"})
    assert client.post(PAGE, {"sample": "red-dress.jpg"}).status_code == 429


@pytest.mark.parametrize("name", ["notes.txt", "../red-dress.jpg", "/etc/passwd", "gone.jpg"])
def test_only_samples_can_be_named(wardrobe: EmbeddingModel, samples: Path, client: Client, name: str) -> None:
    assert client.post(PAGE, {"sample": name}).status_code == 400


@pytest.mark.slow
def test_a_link_cannot_run_the_network(
    seen: str, samples: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_module.artifacts, "embedder", lambda model: pytest.fail("it ran"))
    assert client.get(PAGE, {"seen": seen, "sample": "red-dress.jpg"}).status_code == 200


def test_a_shop_without_samples_offers_none(db: None, client: Client) -> None:
    assert 'name="sample"' not in client.get(PAGE).content.decode()
