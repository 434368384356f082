"""A scratch shop. It keeps the rows of the last run until it is emptied."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import django
from django.core.management import call_command

RATES = ("PAGE_RATE", "API_RATE", "SEARCH_RATE", "PHOTO_SEARCH_RATE")  # empty: no limits


@dataclass(frozen=True)
class ScratchShop:
    root: Path
    var: Path
    photos: Path | None  # a zip in the Kaggle layout, or None: the photos of the demo
    weights: str

    def catalog(self) -> Path:
        """A catalog to import: the data set's, or else the demo's."""
        if self.photos is None:
            print("LOOKALIKE_DATA is not set: using the 482 photos of the demo.")
        return self.photos or self.root / "demo"

    def describe(self) -> str:
        return f"{'photos of the data set' if self.photos else 'photos of the demo'}, weights {Path(self.weights).name}"


def open_scratch_shop(root: Path, weights: str | None = None, name: str = "") -> ScratchShop:
    """Point the settings at the scratch shop and set Django up; the database is as the last run left it.

    Args:
        weights: for EMBEDDING_WEIGHTS; by default those in the folder LOOKALIKE_DATA.
        name: of a separate scratch shop.
    """
    var = Path(os.environ.get("BENCH_VAR_DIR", str(root / "var" / "bench"))).absolute() / name
    data = os.environ.get("LOOKALIKE_DATA")
    photos = Path(data) / "fashion-small.zip" if data else None
    weights = weights or (str(Path(data) / "resnet50-fashion-start.npz") if data else "untrained")
    # Set explicitly: unset settings would come from `.env`, and this shop is emptied.
    os.environ.update(
        VAR_DIR=str(var), MEDIA_ROOT=str(var / "media"), MEDIA_S3_BUCKET="", DATABASE_URL="", REDIS_URL="",
        EMBEDDING_WEIGHTS=weights, DJANGO_SETTINGS_MODULE="shop.settings",
    )  # fmt: skip
    django.setup()
    call_command("migrate", verbosity=0)
    return ScratchShop(root, var, photos, weights)
