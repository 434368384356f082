"""Pictures that one entry point accepted and another refused: now uploaded, embedded and searched with over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from catalog.models import ProductImage
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.pipeline import worker
from tests.ml.pictures.test_metadata import encode, exif
from tests.odd_pictures import odd_pictures
from tests.shopkeeper import Shopkeeper

pytestmark = [pytest.mark.case, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def no_requests_yet() -> None:
    cache.clear()


@pytest.fixture
def staff(admin_user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(admin_user)
    return client


class Doors:
    """Each method returns a status and a code."""

    def __init__(self, staff: APIClient, shop: Shopkeeper) -> None:
        self.staff, self.shop = staff, shop

    def query(self, data: bytes, name: str = "photo.jpg") -> tuple[int, str]:
        fields = {"photo": SimpleUploadedFile(name, data)}
        return self._read(self.staff.post("/api/v1/search/image/", fields, format="multipart"))

    def upload(self, data: bytes, name: str = "photo.jpg") -> tuple[int, str]:
        self.product = self.shop.product()
        address = f"/api/v1/products/{self.product.slug}/images/"
        return self._read(self.staff.post(address, {"file": SimpleUploadedFile(name, data)}, format="multipart"))

    def embed(self) -> str:
        image = self.product.images.get()
        worker.embed_now([image.pk])
        return ImageEmbedding.objects.get(image=image).state

    def stored(self) -> tuple[ProductImage, bytes]:
        image = self.product.images.get()
        with image.file.open() as file:
            return image, file.read()

    @staticmethod
    def _read(answer: Any) -> tuple[int, str]:
        return answer.status_code, answer.json().get("code", "ok")


@pytest.fixture
def doors(staff: APIClient, shop: Shopkeeper, network: EmbeddingModel) -> Doors:
    return Doors(staff, shop)


@pytest.mark.slow
@pytest.mark.casefile
@pytest.mark.parametrize("name", ["avif-exif-24mp.avif", "webp-orientation6-38mp.webp", "testimgl.jpg"])
def test_what_was_refused_or_failed_later_is_taken_everywhere(doors: Doors, case_folder: Path, name: str) -> None:
    data = (case_folder / name).read_bytes()
    assert doors.query(data) == (200, "ok")
    assert doors.upload(data) == (201, "ok")
    assert doors.embed() == "ready"
    _, stored = doors.stored()
    assert len(stored) <= len(data)


@pytest.mark.slow
@pytest.mark.casefile
def test_a_broken_png_is_refused_everywhere(doors: Doors, case_folder: Path) -> None:
    data = (case_folder / "chunk_no_fctl.png").read_bytes()
    assert doors.query(data) == doors.upload(data) == (400, "corrupt")


@pytest.mark.slow
def test_a_13_megabyte_jpeg_on_its_side_is_stored_no_larger_and_embedded(doors: Doors) -> None:
    grain = np.random.default_rng(1).integers(0, 256, (3024, 4032, 3), np.uint8)
    data = encode(Image.fromarray(grain), "JPEG", quality=94, exif=exif(6))
    assert 12e6 < len(data) < 15e6
    assert doors.query(data) == (200, "ok")
    assert doors.upload(data) == (201, "ok")
    assert doors.embed() == "ready"
    image, stored = doors.stored()
    assert (image.width, image.height) == (3024, 4032)
    assert len(stored) <= len(data)


@pytest.mark.slow
def test_a_sample_of_the_odd_pictures_is_answered_alike_over_http(doors: Doors) -> None:
    """Under a misleading name: only the content decides."""
    answers = set()
    for number, (name, data) in enumerate(odd_pictures()):
        if number % 60:
            continue
        query, upload = doors.query(data, "photo.exe"), doors.upload(data, "photo.exe")
        if query[0] == 200:
            assert upload == (201, "ok"), name
            assert doors.embed() == "ready", name
        else:
            assert upload == query, name
        answers.add(query)
    assert (200, "ok") in answers
    assert (400, "corrupt") in answers
