"""Every row of a file is created, changed, unchanged or refused, and what a file says is never replaced."""

from __future__ import annotations

import io
import random
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.importing import loader
from catalog.models import Category, Product, ProductImage
from ml.files.catalog.kaggle import COLUMNS
from tests.catalog.conftest import row
from tests.pictures import picture

pytestmark = [pytest.mark.django_db, pytest.mark.case]

ROWS = re.compile(r"([0-9]+) (?:row|picture)s?: ([0-9]+) created, ([0-9]+) changed, ([0-9]+) unchanged, ([0-9]+) ")
Folder = Callable[..., Path]


def run(path: Path, **options: object) -> tuple[list[int], str]:
    """The counts of rows: all, created, changed, unchanged, refused; and everything that the command prints."""
    out = io.StringIO()
    try:
        call_command("import_catalog", path, stdout=out, stderr=out, **options)
    except CommandError as error:
        out.write(f"error {error.returncode}: {error}")
    counts = ROWS.search(out.getvalue())
    assert counts, out.getvalue()
    return [int(count) for count in counts.groups()], out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_rows_of_a_damaged_file_are_all_accounted_for(
    kaggle_folder: Folder, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole rows survive, whatever is done to the others, also on a second import and in small transactions."""
    monkeypatch.setattr(loader, "CHUNK", 4)
    chance = random.Random(seed)
    rows = [row(str(number)) for number in range(1, 25)] + [row("7")]
    folder = kaggle_folder(rows, images={str(number): picture(seed=number) for number in range(1, 20)})
    lines = (folder / "styles.csv").read_bytes().splitlines(keepends=True)
    spoiled = set(chance.sample(range(1, 26), 8))
    for number in spoiled:
        line, place = lines[number], chance.randrange(len(lines[number]) - 2)
        lines[number] = line[:place] + chance.choice([b'"', b"\0", b",,,", b'"x"y', b"\xff", b'\n"']) + line[place:]
    (folder / "styles.csv").write_bytes(b"".join(lines))
    (counted, created, changed, unchanged, refused), text = run(folder)
    assert counted == created + changed + unchanged + refused, text
    assert created == Product.objects.count()
    assert {str(number) for number in range(1, 25) if number not in spoiled} <= set(
        Product.objects.values_list("sku", flat=True)
    )
    (folder / "images" / "20.jpg").write_bytes(picture(seed=20))
    again, text = run(folder)
    assert again == [counted, 0, int(Product.objects.filter(sku="20").exists()), created - again[2], refused], text


@pytest.mark.slow
def test_known_columns_of_kaggles_layout_are_used_and_others_named(kaggle_folder: Folder) -> None:
    given = {
        "price": "1.299,50 €",
        "stock": "0",
        "Brand": "Acme",
        "description": "Nice",
        "Fabric": "wool",
        "category": "X",
    }
    rows = [row("1") | given, row("2") | {"price": "nan"}]
    _, text = run(kaggle_folder(rows, header=(*COLUMNS, *given)), demo_prices=True)
    product = Product.objects.get(sku="1")
    assert (product.price, product.currency, product.stock, product.brand, product.description) == (
        Decimal("1299.50"), "EUR", 0, "Acme", "Nice",
    )  # fmt: skip
    assert product.attributes["fabric"] == "wool"
    assert "Columns shown to shoppers as attributes: fabric." in text
    assert "Columns of styles.csv that are not imported: category." in text
    assert Product.objects.get(sku="2").price is not None, "made up, as demanded"


@pytest.mark.parametrize("price", ["-5", "5%", "1,299", "cheap", "∞"])
def test_a_price_that_is_none_costs_its_row(kaggle_folder: Folder, price: str) -> None:
    counts, text = run(kaggle_folder([row("1") | {"price": price}, row("2")], header=(*COLUMNS, "price")))
    assert counts == [2, 1, 0, 0, 1]
    assert f'styles.csv:2: price: "{price}"' in text


def test_words_for_unknown_and_numbers_of_pandas(kaggle_folder: Folder) -> None:
    spoiled = row("9001.0", baseColour="NaN", season="nan", year="2012.0", usage="None", gender="-")
    folder = kaggle_folder([spoiled], images={"9001": picture()})
    counts, text = run(folder)
    assert counts == [1, 1, 0, 0, 0], text
    product = Product.objects.get()
    assert (product.sku, product.attributes, product.images.count()) == ("9001", {"year": "2012"}, 1)


def test_no_product_of_a_class_folder_is_without_a_usable_picture(tmp_path: Path) -> None:
    (tmp_path / "Dress").mkdir()
    for name, data in {"a.jpg": picture(), "b.jpg": picture()[:500], "c.png": b"", "d.heic": b"no picture"}.items():
        (tmp_path / "Dress" / name).write_bytes(data)
    counts, text = run(tmp_path)
    assert counts == [4, 1, 0, 0, 3], text
    assert Product.objects.count() == ProductImage.objects.count() == 1
    assert all(f"Dress/{name}" in text for name in ("b.jpg", "c.png", "d.heic"))


@pytest.mark.slow
def test_class_folders_that_moved_are_the_same_products(tmp_path: Path, zipped: Callable[..., Path]) -> None:
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "a" / "R\u00f6cke").mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / "R\u00f6cke" / name).write_bytes(picture(seed=int(name[0])))
    assert run(tmp_path / "a")[0] == [2, 2, 0, 0, 0]
    shutil.copytree(tmp_path / "a", tmp_path / "b" / "my shop" / "season")
    assert run(tmp_path / "b", dry_run=True)[0] == run(tmp_path / "b")[0] == [2, 0, 0, 2, 0]
    files = {f"Ro\u0308cke\\{name}": (tmp_path / "a" / "R\u00f6cke" / name).read_bytes() for name in ("1.jpg", "2.jpg")}
    assert run(zipped(files | {"Hosen/1.jpg": files["Ro\u0308cke\\1.jpg"]}))[0] == [3, 1, 0, 2, 0]
    shutil.copytree(tmp_path / "a" / "R\u00f6cke", tmp_path / "c" / "Shirts")
    shutil.copy(tmp_path / "c" / "Shirts" / "1.jpg", tmp_path / "c" / "Shirts" / "1 (1).jpg")
    counts, text = run(tmp_path / "c")
    assert counts == [3, 2, 0, 0, 1]
    assert "is the same picture as Shirts/1 (1).jpg [duplicate]" in text


@pytest.mark.slow
def test_names_with_one_address_are_several_categories_and_spellings_of_one_name_one(kaggle_folder: Folder) -> None:
    names = [
        "C",
        "C++",
        "Tops & Tees",
        "Tops Tees",
        "Dresses",
        "dresses ",
        "Grösse",
        "Grosse",
        "R\u00f6cke",
        "Ro\u0308cke",
    ]
    rows = [row(str(n), masterCategory=name, subCategory="", articleType="") for n, name in enumerate(names)]
    folder = kaggle_folder(rows)
    run(folder)
    found = dict(Product.objects.order_by("sku").values_list("sku", "category__name"))
    assert [found[str(n)] for n in range(10)] == [
        "C", "C++", "Tops & Tees", "Tops Tees", "Dresses", "Dresses", "Grösse", "Grosse", "R\u00f6cke", "R\u00f6cke",
    ]  # fmt: skip
    assert Category.objects.count() == 8
    Category.objects.filter(name="Dresses").update(name="Gowns")  # by staff, who kept the address
    with (folder / "styles.csv").open("a") as stream:
        stream.write("99,Women,Dresses,,,Red,Summer,2016,Casual,Long\n98,Women,C++,,,Red,Summer,2016,Casual,Plus\n")
    run(folder)
    assert Product.objects.get(sku="99").category.name == "Gowns"
    assert Product.objects.get(sku="98").category.name == "C++"
    assert Category.objects.count() == 8


def test_an_import_without_a_single_picture_fails(kaggle_folder: Folder) -> None:
    folder = kaggle_folder([row("1"), row("2")], images={})
    assert "error 1: None of the 2 pictures that the rows name could be used." in run(folder, dry_run=True)[1]
    assert "error 1: None of the 2 pictures that the rows name could be used." in run(folder)[1]
    (folder / "images" / "1.jpg").write_bytes(picture())
    counts, text = run(folder)
    assert counts == [2, 0, 1, 1, 0]
    assert "error" not in text.replace("row error", "")


def test_every_problem_is_written_to_the_file_and_few_are_shown(kaggle_folder: Folder, tmp_path: Path) -> None:
    report = tmp_path / "errors.csv"
    _, text = run(kaggle_folder([row(""), *(row("1") for _ in range(30))]), errors=report)
    assert len(report.read_text().splitlines()) == 31
    assert "… and 20 more" in text
