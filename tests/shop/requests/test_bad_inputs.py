"""Bad uploads to every address that accepts pictures: the API's upload and search, and the page's search."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.authtoken.models import Token

from catalog.models import Product
from recommendations.models import EmbeddingModel
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

DOORS = {"upload": ("/api/v1/products/red-dress/images/", "file"), "search": ("/api/v1/search/image/", "photo")}
DOORS["page"] = ("/search/photo/", "photo")
NAMES = ["../../x.jpg", "a\0b.jpg", "x" * 300 + ".jpg", "\u202egpj.exe", "👗.jpg", "", "..", "/etc/passwd"]


@pytest.fixture
def client(shop: Shopkeeper, network: EmbeddingModel) -> Client:
    shop.product("Red dress", sku="RED", slug="red-dress")
    token = Token.objects.create(user=User.objects.create_superuser("inputs-keeper"))
    return Client(raise_request_exception=False, headers={"Authorization": f"Token {token.key}"})


def send(client: Client, door: str, file: Any, **more: Any) -> Any:
    address, field = DOORS[door]
    return client.post(address, {**({} if file is None else {field: file}), **more})


def jpeg(data: bytes | None = None, name: str = "a.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture() if data is None else data, "image/jpeg")


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("what", "file"),
    [("no file", None), ("an empty file", b""), ("text named .jpg", b"hello " * 50), ("a string", "a.jpg")],
)
def test_what_is_no_picture_is_400(client: Client, door: str, what: str, file: Any) -> None:
    response = send(client, door, jpeg(file) if isinstance(file, bytes) else file)
    assert response.status_code == 400, what
    if door != "page":
        assert response.json()["code"] in {"invalid", "empty", "unsupported_format"}


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
def test_a_hundred_and_one_files_are_400(client: Client, door: str) -> None:
    address, _ = DOORS[door]
    files = {f"f{number}": SimpleUploadedFile("a", b"x") for number in range(101)}
    assert client.post(address, files).status_code == 400


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
def test_a_file_or_a_body_over_the_cap_is_413(client: Client, door: str, settings: Any) -> None:
    settings.IMAGE_MAX_BYTES = 1000
    assert send(client, door, jpeg(b"x" * 2000)).status_code == 413
    assert send(client, door, jpeg(b"x" * 6000)).status_code == 413


@pytest.mark.parametrize("door", ["upload", "search"])
def test_json_where_a_form_is_due_is_415(client: Client, door: str) -> None:
    response = client.post(DOORS[door][0], "{}", content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_whatever_a_file_is_called_its_stored_name_is_the_shops(client: Client, door: str, name: str) -> None:
    file = jpeg()
    file.__dict__["_name"] = name
    response = send(client, door, file)
    assert response.status_code in {200, 201, 400}
    for image in Product.objects.get().images.all():
        assert image.file.name.startswith("products/")
        assert image.file.name.endswith(".jpg")


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
def test_the_content_decides_and_not_the_name_or_the_stated_type(client: Client, door: str) -> None:
    file = SimpleUploadedFile("a.gif", picture(format="PNG"), "text/html")
    assert send(client, door, file).status_code in {200, 201}
    assert all(image.file.name.endswith(".png") for image in Product.objects.get().images.all())


@pytest.mark.slow
def test_a_search_where_nothing_is_embedded_is_an_empty_list(client: Client) -> None:
    response = send(client, "search", jpeg())
    assert (response.status_code, response.json()["results"]) == (200, [])
    similar = client.get("/api/v1/products/red-dress/similar/")
    assert (similar.status_code, similar.json()["results"]) == (200, [])


def test_an_unknown_or_hidden_product_is_404(shop: Shopkeeper) -> None:
    shop.product("Secret", slug="secret", published=False)
    for slug in ("nothing", "secret"):
        for rest in ("", "similar/", "strip/"):
            assert Client().get(f"/api/v1/products/{slug}/{rest}").json()["code"] == "not_found"


def test_a_search_without_a_model_is_503(shop: Shopkeeper) -> None:
    response = Client().post("/api/v1/search/image/", {"photo": jpeg()})
    assert (response.status_code, response.json()["code"]) == (503, "model_unavailable")
