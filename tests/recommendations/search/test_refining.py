"""Refining a photo search after the shop has discarded the photo."""

from __future__ import annotations

import re
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.signing import TimestampSigner
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Category, Product
from recommendations.lifecycle import artifacts
from recommendations.models import EmbeddingModel, ModelState
from recommendations.search import photo as photo_module
from recommendations.search.photo import PhotoForgotten, SeenPhoto, from_token
from recommendations.search.photo_types import PhotoColour, PhotoType
from recommendations.search.throttling import PhotoSearchThrottle
from tests.models import stated
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

PAGE = "/search/photo/"


@pytest.fixture(autouse=True)
def no_searches_yet() -> None:
    cache.clear()


class Eye:
    """A network that returns the same vector for every photo."""

    def __init__(self, vector: list[float]) -> None:
        self.vector = np.array(vector, np.float32) / np.linalg.norm(vector)

    def embed(self, pictures: list[np.ndarray]) -> np.ndarray:
        return np.stack([self.vector] * len(pictures))


@pytest.fixture
def wardrobe(shop: Shopkeeper, coloured: EmbeddingModel, monkeypatch: pytest.MonkeyPatch) -> EmbeddingModel:
    """Red and blue dresses and shoes; every photo is embedded as a red dress."""
    monkeypatch.setattr(artifacts, "embedder", lambda model: Eye([1, 0, 1, 0]))
    for title, kind, vector, price in (
        ("Red dress", "dresses", [1, 0, 1, 0], 90),
        ("Blue dress", "dresses", [1, 0, 0.2, 1], 80),
        ("Red shoe", "shoes", [0.8, 1, 1, 0], 70),
        ("Blue shoe", "shoes", [0.6, 1, 0.3, 1], 10),
    ):
        shop.embedded(coloured, title, vector, category=kind, price=Decimal(price))
    return coloured


def search(client: Client, **fields: Any) -> str:
    response = client.post(PAGE, fields)
    assert response.status_code == 200, response.content.decode()
    return response.content.decode()


def photo() -> SimpleUploadedFile:
    return SimpleUploadedFile("photo.jpg", picture(), "image/jpeg")


def token(page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found, page
    return found[1]


def shown(page: str) -> list[str]:
    return re.findall(r'class="card__title"><a[^>]*>([^<]+)', page)


# The token


@pytest.mark.parametrize("dimension", [4, 256, 2048])
def test_a_token_keeps_vector_types_and_colour(shop: Shopkeeper, plane: EmbeddingModel, dimension: int) -> None:
    EmbeddingModel.objects.update(dimension=dimension)
    plane.refresh_from_db()
    vector = np.random.default_rng(1).normal(size=dimension).astype(np.float32)
    vector = (vector / np.linalg.norm(vector)).astype(np.float16).astype(np.float32)
    Category.objects.add_root(instance=Category(pk=70_000, name="Shoes"))
    types = PhotoType(shop.category(), 0.75), PhotoType(Category.objects.get(pk=70_000), 0.25)
    for colour in (None, PhotoColour("grey", 0.75)):
        text = SeenPhoto(plane, vector, types, colour).to_token()
        found = from_token(text)
        assert (found.model, found.types, found.vector.tolist()) == (plane, types, vector.tolist())
        assert found.colour == colour
        assert len(text) < 2.7 * dimension + 100


def test_a_changed_token_is_refused(plane: EmbeddingModel) -> None:
    text = SeenPhoto(plane, np.array([1, 0, 0], np.float32)).to_token()
    for changed in ("x" + text, text[:-1], "", "é", text.replace(":", ";")):
        with pytest.raises(PhotoForgotten, match="cannot be continued"):
            from_token(changed)


def test_a_token_signed_for_another_purpose_is_refused(plane: EmbeddingModel) -> None:
    with pytest.raises(PhotoForgotten, match="cannot be continued"):
        from_token(TimestampSigner(salt="another").sign("AAAA"))


def test_a_token_expires_after_an_hour(plane: EmbeddingModel, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SeenPhoto(plane, np.array([1, 0, 0], np.float32)).to_token()
    monkeypatch.setattr(photo_module, "TOKEN_SECONDS", -1)
    with pytest.raises(PhotoForgotten, match="Choose your photo again"):
        from_token(text)


def test_a_token_of_another_model_is_refused(plane: EmbeddingModel) -> None:
    text = SeenPhoto(plane, np.array([1, 0, 0], np.float32)).to_token()
    EmbeddingModel.objects.update(state=ModelState.READY)
    with pytest.raises(PhotoForgotten, match="was just updated"):
        from_token(text)


# The page


@pytest.mark.slow
def test_the_budget_is_changed_without_the_photo(wardrobe: EmbeddingModel, client: Client) -> None:
    page = search(client, photo=photo())
    assert shown(page)[0] == "Red dress"
    page = search(client, seen=token(page), price_max="75")
    assert shown(page) == ["Red shoe", "Blue shoe"]
    assert shown(search(client, seen=token(page), price_max="5"))[0] == "Red dress", "the most similar above the budget"


def test_a_type_that_is_gone_is_not_offered(plane: EmbeddingModel) -> None:
    gone = PhotoType(Category(pk=7, name="Hats"), 0.75)
    assert from_token(SeenPhoto(plane, np.array([1, 0, 0], np.float32), (gone,)).to_token()).types == ()


@pytest.mark.slow
def test_a_type_is_chosen_and_there_is_a_way_back(wardrobe: EmbeddingModel, client: Client) -> None:
    page = search(client, photo=photo())
    dresses, shoes = (Category.objects.get(slug=slug) for slug in ("dresses", "shoes"))
    assert re.findall(r'name="type" value="(\d*)"', page)[:2] == ["", str(dresses.pk)]
    assert len(shown(page)) == 4, "restricted only when requested"
    only = search(client, seen=token(page), type=shoes.pk)
    assert set(shown(only)) == {"Red shoe", "Blue shoe"}
    assert token(only) == token(page)
    assert re.search(rf'value="{shoes.pk}"[^>]* checked', only)
    assert len(shown(search(client, seen=token(only), type=""))) == 4
    assert shown(search(client, seen=token(page), kind=shoes.pk)) == shown(only), "the field's former name, until 1.0"


@pytest.mark.slow
def test_a_new_photo_forgets_the_type_of_the_one_before(wardrobe: EmbeddingModel, client: Client) -> None:
    page = search(client, photo=photo())
    shoes = Category.objects.get(slug="shoes")
    again = search(client, photo=photo(), seen=token(page), type=shoes.pk)
    assert len(shown(again)) == 4


@pytest.mark.slow
def test_the_slider_weights_colour_against_shape(wardrobe: EmbeddingModel, client: Client) -> None:
    page = search(client, photo=photo())
    assert 'name="colour"' in page
    assert shown(search(client, seen=token(page), colour="0"))[:2] == ["Red dress", "Blue dress"]
    assert shown(search(client, seen=token(page), colour="0.95"))[:2] == ["Red dress", "Red shoe"]
    assert 'value="0.95"' in search(client, seen=token(page), colour="0.95")


def test_a_model_without_colours_has_no_slider(
    shop: Shopkeeper, plane: EmbeddingModel, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "embedder", lambda model: Eye([1, 0, 0]))
    shop.embedded(plane, "red", [1, 0, 0])
    page = search(client, photo=photo(), colour="0.9")
    assert 'name="colour"' not in page
    assert shown(page) == ["red"]


@pytest.mark.slow
def test_cheaper_look_alikes_come_first_when_asked(wardrobe: EmbeddingModel, client: Client) -> None:
    page = search(client, photo=photo())
    cheaper = search(client, seen=token(page), sort="value")
    assert shown(page) == ["Red dress", "Red shoe", "Blue dress", "Blue shoe"]
    assert shown(cheaper) == ["Red dress", "Red shoe", "Blue shoe", "Blue dress"]
    assert "Cheaper look-alikes first" in cheaper


@pytest.mark.slow
def test_more_are_shown_page_by_page(wardrobe: EmbeddingModel, client: Client, settings: Any) -> None:
    settings.SIMILAR_PRODUCTS = 1
    page = search(client, photo=photo())
    cursor = re.search(r'name="cursor" value="([^"]+)"', page)
    assert cursor
    more = search(client, seen=token(page), cursor=cursor[1])
    assert len(shown(page)) == len(shown(more)) == 2
    assert set(shown(page)) | set(shown(more)) == {"Red dress", "Blue dress", "Red shoe", "Blue shoe"}
    assert 'name="cursor"' not in more
    assert shown(search(client, seen=token(page), cursor="%")) == shown(page)


@pytest.mark.slow
def test_a_page_reads_the_model_once(wardrobe: EmbeddingModel, client: Client) -> None:
    page = search(client, photo=photo())
    for fields in ({"photo": photo()}, {"seen": token(page)}):
        with CaptureQueriesContext(connection) as sent:
            search(client, **fields)
        assert sum("FROM recommendations_embeddingmodel" in query["sql"] for query in sent) == 1


@pytest.mark.slow
def test_a_wrong_budget_costs_no_photo(wardrobe: EmbeddingModel, client: Client) -> None:
    response = client.post(PAGE, {"photo": photo(), "price_max": "much"})
    page = response.content.decode()
    assert response.status_code == 400
    assert "Enter the budget as an amount of money" in page
    assert len(shown(search(client, seen=token(page), price_max=""))) == 4


@pytest.mark.slow
@pytest.mark.parametrize("fields", [{"colour": "2"}, {"colour": "NaN"}, {"sort": "x"}, {"type": "x"}, {"kind": "0"}])
def test_invalid_options_are_refused_and_the_photo_is_kept(
    wardrobe: EmbeddingModel, client: Client, fields: dict[str, str]
) -> None:
    seen = token(search(client, photo=photo()))
    response = client.post(PAGE, {"seen": seen, **fields})
    assert response.status_code == 400
    assert token(response.content.decode()) == seen


@pytest.mark.slow
def test_an_old_page_asks_for_the_photo_again(
    wardrobe: EmbeddingModel, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = token(search(client, photo=photo()))
    monkeypatch.setattr(photo_module, "TOKEN_SECONDS", -1)
    response = client.post(PAGE, {"seen": seen})
    page = response.content.decode()
    assert response.status_code == 400
    assert "Choose your photo again" in page
    assert "data-photo-again" in page
    assert 'name="seen"' not in page


def test_without_photo_and_token_a_photo_is_asked_for(db: None, client: Client) -> None:
    response = client.post(PAGE, {"price_max": "5"})
    assert response.status_code == 400
    assert "Choose a photo first." in response.content.decode()


@pytest.mark.slow
def test_refining_is_not_counted_as_a_photo_search(
    wardrobe: EmbeddingModel, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PhotoSearchThrottle, "THROTTLE_RATES", {"photo_search": "1/min"})
    seen = token(search(client, photo=photo()))
    for _ in range(3):
        search(client, seen=seen)
    assert client.post(PAGE, {"photo": photo()}).status_code == 429


@pytest.mark.slow
def test_without_close_matches_the_nearest_are_shown_and_where_to_go(
    wardrobe: EmbeddingModel, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stated(wardrobe)
    assert "No close matches" not in search(client, photo=photo())
    monkeypatch.setattr(artifacts, "embedder", lambda model: Eye([-1, 0.1, 0.1, -1]))
    page = search(client, photo=photo())
    assert "No close matches" in page
    assert len(shown(page)) == 4, "still offered"
    assert f'href="{Category.objects.get(slug="shoes").get_absolute_url()}"' in page
    file, out = tmp_path / "photo.jpg", StringIO()
    file.write_bytes(picture("red"))
    call_command("search_image", file, stdout=out)
    assert out.getvalue().startswith("No close matches. These are the nearest products:")
    assert "Seems to show" not in out.getvalue(), "the nearest products say nothing about the photo"


def test_cards_show_badges_and_no_scores(wardrobe: EmbeddingModel, client: Client) -> None:
    Product.objects.filter(title__startswith="Red").update(attributes={"colour": "Red"})
    stated(wardrobe)
    page = search(client, photo=photo())
    assert page.index("Red dress") < page.index("Same colour") < page.index("Blue shoe")
    assert "1.00" not in page
