from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from ml.files.catalog.kaggle import COLUMNS
from tests.pictures import picture

Rows = list[dict[str, str]]


def row(id: str, **fields: str) -> dict[str, str]:
    """A line of styles.csv."""
    return {
        "id": id, "gender": "Women", "masterCategory": "Apparel", "subCategory": "Topwear", "articleType": "Shirts",
        "baseColour": "Red", "season": "Summer", "year": "2016", "usage": "Casual",
        "productDisplayName": f"Shirt {id}",
    } | fields  # fmt: skip


@pytest.fixture
def kaggle_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a catalog in the Kaggle layout; `images` maps an id to bytes, by default every row has a picture."""

    def write(rows: Rows, images: dict[str, bytes] | None = None, header: tuple[str, ...] = COLUMNS) -> Path:
        folder = tmp_path / "kaggle"
        (folder / "images").mkdir(parents=True, exist_ok=True)
        with (folder / "styles.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, header, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        if images is None:
            images = {line["id"]: picture(seed=number) for number, line in enumerate(rows)}
        for sku, data in images.items():
            (folder / "images" / f"{sku}.jpg").write_bytes(data)
        return folder

    return write


@pytest.fixture
def zipped(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    def write(files: dict[str, bytes], **options: Any) -> Path:
        path = tmp_path / "catalog.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return path

    return write


@pytest.fixture
def staff_api(db: None) -> APIClient:
    """An API client with the token of a superuser."""
    client = APIClient()
    token = Token.objects.create(user=User.objects.create_superuser("api-keeper"))
    client.credentials(HTTP_AUTHORIZATION=f"Token {token.key}")
    return client
