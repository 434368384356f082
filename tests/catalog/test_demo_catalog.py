"""The photos that ship with the shop: complete, described, and imported like any other table."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import call_command
from PIL import Image

from catalog.models import Product, ProductImage

DEMO = Path(__file__).resolve().parents[2] / "demo"
MOST_BYTES = 9_000_000


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (DEMO / "catalog.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def test_every_line_names_a_photo_of_its_own_and_every_photo_has_a_line(rows: list[dict[str, str]]) -> None:
    named = [row["image"] for row in rows]
    assert sorted(named) == sorted(f"photos/{path.name}" for path in (DEMO / "photos").iterdir())
    assert len({row["sku"] for row in rows}) == len(rows)
    assert {row["stock"] for row in rows} == {"1"}, "each piece is one of a kind"
    assert all(20 <= len(row["image alt"]) <= 160 for row in rows)
    assert min(Counter(row["type"] for row in rows).values()) >= 3, "a look-alike for everything"


def test_the_source_of_every_file_is_known(rows: list[dict[str, str]]) -> None:
    with (DEMO / "sources.csv").open(encoding="utf-8", newline="") as table:
        sources = {row["file"]: row["original"] for row in csv.DictReader(table)}
    files = {path.relative_to(DEMO).as_posix() for path in DEMO.rglob("*.webp")}
    assert sources.keys() == files
    assert len(set(sources.values())) == len(files), "no photo twice"


def test_photos_are_small_and_have_no_metadata() -> None:
    files = list(DEMO.rglob("*.webp"))
    assert len(list((DEMO / "queries").iterdir())) == 8
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    for path in files:
        with Image.open(path, formats=["WEBP"]) as image:
            assert min(image.size) >= 300, path
            assert not {"exif", "xmp"} & image.info.keys(), path


@pytest.mark.django_db(transaction=True)
def test_the_whole_catalog_is_imported(rows: list[dict[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_catalog", DEMO)
    told = capsys.readouterr().out
    assert f"{len(rows)} products created" in told
    assert "0 row errors" in told
    first = Product.objects.select_related("category").get(sku="SH-0001")
    assert (first.title, str(first.price), first.currency, first.stock) == (
        rows[0]["title"], rows[0]["price"], "EUR", 1,
    )  # fmt: skip
    assert " > ".join(category.name for category in first.category.trail) == rows[0]["type"]
    assert first.attributes["condition"] == rows[0]["condition"]
    assert set(ProductImage.objects.values_list("alt", flat=True)) >= {rows[0]["image alt"], rows[-1]["image alt"]}
    call_command("import_catalog", DEMO)
    assert "0 products created" in capsys.readouterr().out
