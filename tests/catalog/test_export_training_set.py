"""The catalog as a training set in Kaggle's layout: complete, or not written."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from catalog.models import Product
from ml.datasets import open_set
from ml.files.catalog.kaggle import COLUMNS
from tests.catalog.conftest import row
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db


def run(folder: Path, *arguments: object) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("export_training_set", folder, *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refusal(folder: Path, *arguments: object) -> str:
    with pytest.raises(CommandError) as caught:
        run(folder, *arguments)
    return str(caught.value)


def table(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "styles.csv").open(newline="", encoding="utf-8") as file:
        return {line["id"]: line for line in csv.DictReader(file)}


@pytest.mark.slow
def test_prices_stock_and_other_values_go_out_and_come_in_again(
    kaggle_folder: Callable[..., Path], tmp_path: Path
) -> None:
    more = {"price": "12.50", "compare_at_price": "20.00", "currency": "EUR", "stock": "0", "published": "no",
            "description": "Warm, and long", "brand": "Acme", "condition": "New", "size": "M", "gtin": "96385074",
            "url": "https://shop.example/1", "group": "G", "fabric": "wool"}  # fmt: skip
    folder = kaggle_folder([row("1") | more, row("2") | dict.fromkeys(more, "")], header=(*COLUMNS, *more))
    call_command("import_catalog", folder, stdout=io.StringIO(), stderr=io.StringIO())
    fields = ["sku", "price", "compare_at_price", "currency", "stock", "published", "description", "brand", "condition",
              "size", "gtin", "url", "attributes"]  # fmt: skip
    before = list(Product.objects.order_by("sku").values(*fields))
    assert (before[0]["brand"], before[0]["stock"], before[0]["attributes"]["style"]) == ("Acme", 0, "G")
    run(tmp_path / "out")
    exported = table(tmp_path / "out")
    assert {name: exported["1"][name] for name in more} == more
    assert {exported["2"][name] for name in more} == {""}
    Product.objects.all().delete()
    call_command("import_catalog", tmp_path / "out", stdout=io.StringIO(), stderr=io.StringIO())
    assert list(Product.objects.order_by("sku").values(*fields)) == before


@pytest.mark.slow
def test_an_imported_catalog_goes_out_as_it_came_in(kaggle_folder: Callable[..., Path], tmp_path: Path) -> None:
    rows = [
        row("1"),
        row("2", articleType="Watches", subCategory="Watches", masterCategory="Accessories", baseColour="Navy Blue"),
        row("3", productDisplayName='Dress, "red"', season="", usage="NA"),
        row("4", masterCategory="", subCategory="", articleType=""),
    ]
    folder, out = kaggle_folder(rows), tmp_path / "out"
    call_command("import_catalog", folder, stdout=io.StringIO(), stderr=io.StringIO())
    said, _ = run(out)
    assert f"{out}: 4 pictures of 4 products, 0 left out. Next: `python -m ml train {out} --out runs/first`." in said
    rows[2]["usage"] = ""  # a placeholder is exported as an empty cell
    assert table(out) == {line["id"]: line for line in rows}
    assert next(csv.reader((out / "styles.csv").open())) == list(COLUMNS)
    for number in range(1, 5):
        assert (out / "images" / f"{number}.jpg").read_bytes() == (folder / "images" / f"{number}.jpg").read_bytes()

    samples = {sample.name: sample for sample in open_set(out)}
    assert samples["images/2.jpg"].labels == {
        "type": "Watches", "colour": "Navy Blue", "family": samples["images/2.jpg"].labels["family"], "gender": "Women"
    }  # fmt: skip


def test_categories_become_three_levels_and_unknown_values_stay_empty(shop: Shopkeeper, tmp_path: Path) -> None:
    deep = shop.product(category="apparel/topwear/shirts/formal", title="Plain\nshirt", attributes={"colour": "Red"})
    flat = shop.product(category="bags", attributes={"gender": "", "year": 2016, "seasons": ["a"]})
    for product in (deep, flat):
        shop.image(product)
    run(tmp_path / "out")
    lines = table(tmp_path / "out")
    kinds = {sku: [line[c] for c in ("masterCategory", "subCategory", "articleType")] for sku, line in lines.items()}
    assert kinds == {deep.sku: ["Apparel", "Topwear", "Formal"], flat.sku: ["Bags", "Bags", "Bags"]}
    assert (lines[deep.sku]["productDisplayName"], lines[deep.sku]["baseColour"]) == ("Plain shirt", "Red")
    assert (lines[flat.sku]["gender"], lines[flat.sku]["year"], lines[flat.sku]["usage"]) == ("", "2016", "")


def test_every_picture_of_a_product_is_a_line_of_its_own_and_no_name_is_taken_twice(
    shop: Shopkeeper, tmp_path: Path
) -> None:
    first, other, odd = shop.product(sku="A"), shop.product(sku="A_2"), shop.product(sku="../a b/ü")
    for product in (first, first, other, odd):
        shop.image(product)
    shop.image(odd, picture(format="PNG"))
    run(tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out" / "images").iterdir())
    assert len(names) == 5
    assert {"A.jpg", "A_2.jpg"} < set(names)
    assert sorted(Path(name).suffix for name in names) == [".jpg"] * 4 + [".png"]
    assert {Path(name).stem for name in names} == set(table(tmp_path / "out"))
    assert len(open_set(tmp_path / "out")) == 5


@pytest.mark.slow
def test_one_category_or_a_few_products_are_enough(shop: Shopkeeper, tmp_path: Path) -> None:
    for number in range(6):
        shop.image(shop.product(category=["clothes/dresses", "clothes/shirts", "shoes"][number % 3], sku=f"P{number}"))
    shop.product(category="shoes", sku="bare")
    run(tmp_path / "one", "--category", "clothes/dresses/", "--category", "shoes")
    assert sorted(table(tmp_path / "one")) == ["P0", "P2", "P3", "P5"]
    run(tmp_path / "few", "--limit", "3")
    assert sorted(table(tmp_path / "few")) == ["P0", "P2", "P4"], "spread over the catalog"
    said = refusal(tmp_path / "none", "--category", "hats")
    assert said == "There is no category 'hats'. Top-level categories: clothes, shoes."
    assert "--limit" in refusal(tmp_path / "none", "--limit", "0")


def test_a_shop_without_pictures_has_nothing_to_export(shop: Shopkeeper, tmp_path: Path) -> None:
    shop.product()
    assert refusal(tmp_path / "out") == "There is no product with a picture to export."
    assert not (tmp_path / "out").exists()


def test_a_folder_with_files_is_left_alone_unless_it_is_to_be_completed(shop: Shopkeeper, tmp_path: Path) -> None:
    images = [shop.image(shop.product(sku=f"P{number}")) for number in range(4)]
    out = tmp_path / "out"
    run(out)
    assert "is not empty" in refusal(out)
    (out / "images" / "P1.jpg").unlink()
    (out / "images" / "P2.jpg").write_bytes(b"half")
    shop.image(shop.product(sku="P9"))
    said, _ = run(out, "--continue")
    assert "5 pictures of 5 products, 2 of them already exported" in said
    assert sorted(table(out)) == ["P0", "P1", "P2", "P3", "P9"]
    with images[2].file.open() as file:
        assert (out / "images" / "P2.jpg").read_bytes() == file.read()


def test_pictures_that_cannot_be_had_are_named_and_left_out(shop: Shopkeeper, tmp_path: Path) -> None:
    gone, altered, _ = (shop.image(shop.product(sku=sku)) for sku in ("gone", "altered", "good"))
    default_storage.delete(gone.file.name)
    default_storage.delete(altered.file.name)
    default_storage.save(altered.file.name, ContentFile(b"x"))
    said, err = run(tmp_path / "out")
    assert "1 picture of 3 products, 2 left out" in said
    assert f"left out: {gone.file.name} cannot be read" in err
    assert f"left out: {altered.file.name} is not the file that was uploaded" in err
    assert list(table(tmp_path / "out")) == ["good"]


def test_a_full_disk_is_said_and_leaves_no_half_file(
    shop: Shopkeeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        shop.image(shop.product(sku=f"P{number}"))
    out, replace = tmp_path / "out", os.replace

    def full(source: str, target: Path) -> None:
        if Path(target).name == "P2.jpg":
            raise OSError(28, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        said = refusal(out)
    assert f"The disk of {out} is full" in said
    assert "--continue" in said
    assert not (out / "styles.csv").exists()
    assert not list(out.rglob(".draft-*"))
    run(out, "--continue")
    assert Product.objects.count() == len(table(out)) == 4


def test_a_folder_that_cannot_be_written_is_named(shop: Shopkeeper, tmp_path: Path) -> None:
    shop.image(shop.product())
    (tmp_path / "file").write_text("")
    assert "is not a folder" in refusal(tmp_path / "file")
    assert "cannot be written" in refusal(tmp_path / "file" / "below")
