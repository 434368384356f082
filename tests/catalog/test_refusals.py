"""Each refused picture leaves one log line with the reason and a description, wherever it came from."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from catalog import services
from ml.pictures.codec import ImageRejected, format_of, size_of
from recommendations.models import EmbeddingModel
from tests.odd_pictures import odd_pictures
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

BROKEN = picture(size=(64, 48))[:500]


@pytest.fixture(autouse=True)
def no_requests_yet() -> None:
    cache.clear()


@pytest.fixture
def refused(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.INFO, "catalog.refusals")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "catalog.refusals"]


def line(door: str, data: bytes = BROKEN, code: str = "corrupt", format: str = "JPEG", pixels: str = "64x48") -> str:
    digest = hashlib.sha256(data).hexdigest()
    return f"Picture refused ({door}): code={code} sha256={digest} format={format} bytes={len(data)} pixels={pixels}: "


def upload(data: bytes = BROKEN, name: str = "a\r\nb.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, "image/jpeg")


@pytest.fixture
def staff(admin_user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(admin_user)
    return client


@pytest.mark.case
def test_the_api_says_in_the_log_what_it_refused(shop: Shopkeeper, staff: APIClient, refused: Any) -> None:
    address = f"/api/v1/products/{shop.product().slug}/images/"
    assert staff.post(address, {"file": upload()}, format="multipart").status_code == 400
    (logged,) = refused()
    assert logged.startswith(line("API upload"))
    assert "damaged" in logged
    assert "a\r" not in logged


def test_a_picture_that_the_product_has_is_a_refusal_too(shop: Shopkeeper, staff: APIClient, refused: Any) -> None:
    product = shop.product()
    shop.image(product, picture())
    address = f"/api/v1/products/{product.slug}/images/"
    assert staff.post(address, {"file": upload(picture())}, format="multipart").status_code == 409
    assert refused()[0].startswith(line("API upload", picture(), "duplicate", pixels="60x80"))


@pytest.mark.slow
@pytest.mark.case
def test_photo_searches_say_it_by_api_page_and_command(
    network: EmbeddingModel, client: Client, tmp_path: Path, refused: Any
) -> None:
    assert APIClient().post("/api/v1/search/image/", {"photo": upload()}, format="multipart").status_code == 400
    assert client.post("/search/photo/", {"photo": upload()}).status_code == 400
    (tmp_path / "photo.jpg").write_bytes(BROKEN)
    with pytest.raises(CommandError):
        call_command("search_image", str(tmp_path / "photo.jpg"))
    doors = ("API photo search", "photo search page", "search_image")
    assert [logged.startswith(line(door)) for door, logged in zip(doors, refused(), strict=True)] == [True] * 3


@pytest.mark.slow
def test_the_admin_says_it(shop: Shopkeeper, admin_client: Client, refused: Any) -> None:
    product = shop.product()
    page = admin_client.get(f"/admin/catalog/product/{product.pk}/change/")
    fields = {
        f"{form.prefix}-{field.name}" if form.prefix else field.name: field.value()
        for form in [
            page.context["adminform"].form,
            *(f.formset.management_form for f in page.context["inline_admin_formsets"]),
        ]
        for field in form
        if field.value() is not None and field.name != "new_pictures"
    }
    answer = admin_client.post(f"/admin/catalog/product/{product.pk}/change/", {**fields, "new_pictures": [upload()]})
    assert answer.status_code == 200
    assert refused()[0].startswith(line("admin upload"))


def test_an_import_says_it(db: None, tmp_path: Path, refused: Any) -> None:
    (tmp_path / "Shoes").mkdir()
    (tmp_path / "Shoes" / "1.jpg").write_bytes(BROKEN)
    (tmp_path / "Shoes" / "2.jpg").write_bytes(picture())
    call_command("import_catalog", str(tmp_path))
    assert [logged.startswith(line("import")) for logged in refused()] == [True]


def test_a_file_too_large_to_be_read_is_named_by_its_hash_all_the_same(settings: Any, refused: Any) -> None:
    settings.IMAGE_MAX_BYTES = 1000
    data = picture(size=(300, 300), seed=1)
    with pytest.raises(ImageRejected):
        services.read_upload(upload(data), door="API upload")
    assert refused()[0].startswith(line("API upload", data, "too_many_bytes", pixels="300x300"))


def test_nothing_in_a_file_can_write_a_line_of_its_own(refused: Any) -> None:
    forged = b"\xff\xd8\xff\xe0" + b"\nINFO forged: line\n" * 20
    with pytest.raises(ImageRejected):
        services.accept_image(forged)
    assert len(refused()) == 1
    assert "\n" not in refused()[0]


@pytest.mark.parametrize(
    ("data", "format", "size"),
    [
        *(
            (picture(format=kind, size=(61, 83)), name, (61, 83))
            for kind, name in [("JPEG", "JPEG"), ("PNG", "PNG"), ("GIF", "GIF"), ("WEBP", "WebP"), ("AVIF", "AVIF")]
        ),
        (picture(format="TIFF"), "TIFF", None),
        (picture(format="BMP"), "BMP", None),
        (b"\n<SVG xmlns='x'/>", "SVG", None),
        (b"%PDF-1.7", "PDF", None),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC", None),
        (b"hello", "unknown", None),
        (b"", "none", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_format_and_size_are_read_off_the_first_bytes(data: bytes, format: str, size: tuple[int, int] | None) -> None:
    assert format_of(data) == format
    assert size_of(data) == size


@pytest.mark.slow
def test_no_file_is_too_odd_to_be_described() -> None:
    for _, data in odd_pictures():
        assert format_of(data)
        size_of(data)
