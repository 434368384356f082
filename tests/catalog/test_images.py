"""Uploads: what is accepted, what is refused, and that nothing is half-written."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from django.test import Client

from catalog import services
from catalog.media import files
from catalog.media.files import rowless_files, sweep
from catalog.models import Product, ProductImage
from ml.pictures.codec import ImageRejected
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

NOW = timedelta(minutes=-1)


def test_a_picture_is_stored_under_a_generated_name_with_its_size_and_digest(shop: Shopkeeper) -> None:
    image = services.add_image(product=shop.product(), data=picture(size=(30, 40)))
    assert (image.width, image.height) == (30, 40)
    with default_storage.open(image.file.name) as file:
        assert hashlib.sha256(file.read()).hexdigest() == image.digest
    assert image.file.name.endswith(".jpg")


def test_pictures_keep_the_order_of_their_upload(shop: Shopkeeper) -> None:
    product = shop.product()
    made = [services.add_image(product=product, data=picture(colour)) for colour in ("red", "green", "blue")]
    assert list(product.images.all()) == made
    assert [image.position for image in made] == [0, 1, 2]


def test_the_gps_position_of_a_phone_never_reaches_the_public(shop: Shopkeeper) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010F] = "SecretPhone"
    image = services.add_image(product=shop.product(), data=picture(exif=exif))
    with default_storage.open(image.file.name) as file:
        assert b"SecretPhone" not in file.read()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"plain text", "unsupported_format"),
        (picture()[:400], "corrupt"),
        (picture(format="TIFF"), "unsupported_format"),
    ],
    ids=["empty", "text", "truncated", "wrong type"],
)
def test_a_refused_picture_leaves_neither_row_nor_file(shop: Shopkeeper, data: bytes, code: str) -> None:
    product = shop.product()
    before = set(rowless_files(older_than=NOW))
    with pytest.raises(ImageRejected) as caught:
        services.add_image(product=product, data=data)
    assert caught.value.code == code
    assert not product.images.exists()
    assert set(rowless_files(older_than=NOW)) == before


@pytest.mark.slow
def test_the_same_picture_twice_is_refused_and_its_file_removed(shop: Shopkeeper) -> None:
    product = shop.product()
    services.add_image(product=product, data=picture())
    before = set(rowless_files(older_than=NOW))
    with pytest.raises(ImageRejected, match="already"):
        services.add_image(product=product, data=picture())
    assert product.images.count() == 1
    assert set(rowless_files(older_than=NOW)) == before


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_deleting_a_product_removes_its_files_after_the_commit() -> None:
    shop = Shopkeeper()
    product = shop.product()
    name = shop.image(product).file.name
    with transaction.atomic():
        product.delete()
        assert default_storage.exists(name), "a rollback must still find it"
    assert not default_storage.exists(name)


@pytest.mark.slow
def test_the_sweep_removes_files_without_rows_and_no_others(shop: Shopkeeper, settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path  # other tests' files have no rows either
    kept = shop.image(shop.product())
    lost = shop.image(shop.product())
    ProductImage.objects.filter(pk=lost.pk)._raw_delete("default")
    assert sweep().set_aside == 0, "younger than an upload may take"
    sweep(older_than=NOW)
    assert default_storage.exists(kept.file.name)
    assert not default_storage.exists(lost.file.name)


@pytest.mark.slow
def test_the_sweep_refuses_when_the_database_seems_to_be_the_wrong_one(
    shop: Shopkeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_AT_ONCE", 0)
    lost = shop.image(shop.product())
    ProductImage.objects.all()._raw_delete("default")
    with pytest.raises(files.SuspiciousSweep, match="right database"):
        sweep(older_than=NOW)
    assert default_storage.exists(lost.file.name)


def test_a_picture_is_served_as_a_picture_and_nothing_else(shop: Shopkeeper, client: Client) -> None:
    image = shop.image(shop.product())
    response = client.get(image.file.url)
    assert response.status_code == 200
    assert response["Content-Type"] == "image/jpeg"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert "default-src 'none'" in response["Content-Security-Policy"]


@pytest.mark.django_db  # the page that says so has the menu
@pytest.mark.parametrize(
    "name", ["models/x.onnx", "products/../models/x.onnx", "products/aa/../../admin-password", "products/aa/x.html"]
)
def test_nothing_but_product_pictures_is_served(client: Client, name: str) -> None:
    assert client.get(f"/media/{name}").status_code == 404


def test_a_shown_product_survives_a_file_that_is_gone(shop: Shopkeeper, client: Client) -> None:
    product = shop.product()
    default_storage.delete(shop.image(product).file.name)
    assert client.get(product.get_absolute_url()).status_code == 200
    assert Product.objects.count() == 1
