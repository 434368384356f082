"""The bundled demo photos: complete, described, and imported like any other table."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from django.core.management import call_command
from PIL import Image, ImageStat

from catalog.models import Product, ProductImage
from shop.management.commands.demo import shop_currency
from tests.shopkeeper import Shopkeeper

DEMO = Path(__file__).resolve().parents[3] / "demo"
MOST_BYTES = 9_000_000


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (DEMO / "catalog.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def test_every_line_names_a_photo_of_its_own_and_every_photo_has_a_line(rows: list[dict[str, str]]) -> None:
    named = [row["image"] for row in rows]
    assert sorted(named) == sorted(f"photos/{path.name}" for path in (DEMO / "photos").iterdir())
    assert len({row["sku"] for row in rows}) == len(rows) == 482
    assert {row["stock"] for row in rows} == {"1"}, "each piece is one of a kind"
    assert all(20 <= len(row["image alt"]) <= 160 for row in rows)
    types = Counter(row["type"] for row in rows)
    assert len(types) == 28
    assert min(types.values()) >= 3, "a look-alike for everything"


def test_the_table_has_the_header_that_its_readme_names(rows: list[dict[str, str]]) -> None:
    header = "sku,title,type,colour,pattern,size,condition,price,currency,stock,image,image alt"
    assert ",".join(rows[0]) == header


@pytest.mark.slow
def test_red_things_are_redder_than_blue_ones(rows: list[dict[str, str]]) -> None:
    """Measured in the middle of the photo, where the item is."""

    def redness(row: dict[str, str]) -> float:
        with Image.open(DEMO / row["image"], formats=["WEBP"]) as image:
            width, height = image.size
            red, _, blue = ImageStat.Stat(image.crop((width // 3, height // 3, width * 2 // 3, height * 2 // 3))).mean
            return red - blue

    by_colour: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        by_colour[row["colour"]].append(redness(row))
    assert min(by_colour["Red"]) > mean(by_colour["Blue"])
    assert mean(by_colour["Red"]) > mean(by_colour["Blue"]) + 60


def test_the_source_of_every_file_is_known(rows: list[dict[str, str]]) -> None:
    with (DEMO / "sources.csv").open(encoding="utf-8", newline="") as table:
        sources = {row["file"]: row["original"] for row in csv.DictReader(table)}
    files = {path.relative_to(DEMO).as_posix() for path in DEMO.rglob("*.webp")}
    assert sources.keys() == files
    assert len(set(sources.values())) == len(files), "no photo twice"


@pytest.mark.slow
def test_photos_are_small_and_have_no_metadata() -> None:
    files = list(DEMO.rglob("*.webp"))
    assert len(list((DEMO / "queries").iterdir())) == 8
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    for path in files:
        with Image.open(path, formats=["WEBP"]) as image:
            image.load()
            assert image.mode == "RGB", path
            assert min(image.size) >= 300, path
            assert not {"exif", "xmp"} & image.info.keys(), path


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_whole_catalog_is_imported(rows: list[dict[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_catalog", DEMO)
    told = capsys.readouterr().out
    assert f"{len(rows)} products created" in told
    assert "0 row errors" in told
    first = Product.objects.select_related("category").get(sku=rows[0]["sku"])
    assert (first.title, str(first.price), first.currency, first.stock) == (
        rows[0]["title"], rows[0]["price"], "EUR", 1,
    )  # fmt: skip
    assert " > ".join(category.name for category in first.category.trail) == rows[0]["type"]
    assert (first.condition, first.size) == (rows[0]["condition"], rows[0]["size"])
    assert set(ProductImage.objects.values_list("alt", flat=True)) >= {rows[0]["image alt"], rows[-1]["image alt"]}
    call_command("import_catalog", DEMO)
    assert "0 products created" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("of_products", "set_to", "shown"),
    [([], "", "USD"), (["EUR", "EUR"], "", "EUR"), (["USD", "EUR", "EUR"], "", "EUR"), (["EUR"], "CHF", "CHF")],
)
def test_budgets_are_in_the_currency_of_the_products(
    shop: Shopkeeper,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    of_products: list[str],
    set_to: str,
    shown: str,
) -> None:
    settings.SHOP_CURRENCY = set_to or "USD"
    monkeypatch.setenv("SHOP_CURRENCY", set_to)
    for number, currency in enumerate(of_products):
        shop.product(f"piece {number}", currency=currency)
    assert shop_currency() == shown
