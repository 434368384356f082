"""No public response contains a file, a folder or a setting of this machine; only the log does."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from catalog import decoding
from ml.pictures.decoding import DecoderBusy, Decoders, DecoderUnavailable
from recommendations.lifecycle import artifacts
from recommendations.models import EmbeddingModel
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

API, PAGE = "/api/v1/search/image/", "/search/photo/"


def photo_file(data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("photo.jpg", data, "image/jpeg")


@pytest.fixture(autouse=True)
def nobody_asked_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def assert_nothing_of_this_machine(answer: Any) -> None:
    text = answer.content.decode()
    for secret in (
        str(settings.VAR_DIR), str(settings.BASE_DIR), str(settings.MEDIA_ROOT), "models/", ".onnx", ".npz", ".py",
        "site-packages", "EMBEDDING_", "manage.py", "Errno", "requirements/", "Traceback", "/tmp/", "/usr/",
    ):  # fmt: skip
        assert secret not in text, (secret, text[:400])


def search_both_ways(client: Client) -> list[Any]:
    return [
        APIClient().post(API, {"photo": photo_file(picture())}, format="multipart"),
        client.post(PAGE, {"photo": photo_file(picture())}),
    ]


@pytest.mark.slow
def test_a_lost_or_damaged_network_is_named_in_the_log_only(
    shop: Shopkeeper,
    network: EmbeddingModel,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop.product("Red dress")
    monkeypatch.setattr(artifacts, "_loaded", {})
    path = artifacts.cache_path(network.graph_sha256)
    stored = Path(default_storage.path(artifacts.storage_name(network.graph_sha256)))
    kept = path.read_bytes()
    try:
        for damage in (lambda copy: copy.write_bytes(kept[:1000]), lambda copy: copy.unlink(missing_ok=True)):
            for copy in (path, stored):
                damage(copy)
            for answer in search_both_ways(client):
                assert answer.status_code == 503
                assert answer["Retry-After"]
                assert_nothing_of_this_machine(answer)
            ready = client.get("/readyz")
            assert ready.status_code in {200, 503}
            assert_nothing_of_this_machine(ready)
    finally:
        for copy in (path, stored):
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(kept)
    assert ".onnx" in caplog.text


@pytest.mark.slow
def test_a_decoder_that_cannot_start_is_no_busy_one_and_shows_nothing(
    shop: Shopkeeper,
    network: EmbeddingModel,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = Decoders(1)

    def refuse(*_: Any) -> None:
        raise DecoderUnavailable("Pictures cannot be decoded just now.", "[Errno 2] /usr/bin/python: not found")

    monkeypatch.setattr(broken, "_in_turn", lambda *_, **__: refuse())
    monkeypatch.setattr(decoding, "decoders", lambda: broken)
    api, page = search_both_ways(client)
    assert (api.status_code, api.json()["code"], page.status_code) == (503, "unavailable", 503)
    for answer in (api, page):
        assert_nothing_of_this_machine(answer)
    assert "/usr/bin/python" in caplog.text


@pytest.mark.slow
@pytest.mark.case
def test_a_busy_decoder_is_503_busy_with_a_time_to_come_back_at_every_door(
    shop: Shopkeeper,
    network: EmbeddingModel,
    client: Client,
    admin_client: Client,
    admin_user: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product = shop.product("Red dress")
    crowded = Decoders(1)

    def refuse(*_: Any, **__: Any) -> None:
        raise DecoderBusy(7)

    monkeypatch.setattr(crowded, "_in_turn", refuse)
    monkeypatch.setattr(decoding, "decoders", lambda: crowded)
    api, page = search_both_ways(client)
    staff = APIClient()
    staff.force_authenticate(admin_user)
    upload = staff.post(f"/api/v1/products/{product.slug}/images/", {"file": photo_file(picture())}, format="multipart")
    for answer in (api, upload):
        assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "busy", "7")
        assert "Try again in 7 seconds." in answer.json()["detail"]
    assert (page.status_code, page["Retry-After"]) == (503, "7")
    assert "Many photos are being searched right now. Try again in 7 seconds." in page.content.decode()
    form = {
        "title": "Red dress", "sku": product.sku, "category": product.category_id, "currency": "USD", "stock": 1,
        "attributes": "{}", "images-TOTAL_FORMS": 0, "images-INITIAL_FORMS": 0,
        "new_pictures": photo_file(picture()),
    }  # fmt: skip
    admin = admin_client.post(f"/admin/catalog/product/{product.pk}/change/", form)
    assert "Try again in 7 seconds." in admin.content.decode()


def test_what_nobody_planned_for_shows_nothing_either(
    shop: Shopkeeper, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    client.raise_request_exception = False

    def slip(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"{settings.VAR_DIR}/secret.py")

    monkeypatch.setattr("catalog.querysets.ProductQuerySet.published", slip)
    for path in (
        "/",
        "/api/v1/products/",
        "/c/nothing/",
        "/p/nothing/",
        "/search/?q=red",
        "/api/v1/products/x/similar/",
    ):
        assert_nothing_of_this_machine(client.get(path))
