"""Tables: headers, separators, encodings and prices as people write them."""

from __future__ import annotations

import csv
import os
import re
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError

from catalog.attributes import TEXT_LENGTH
from catalog.models import Category, Product, ProductImage
from ml.files.catalog.cells import BadCell, price_of
from ml.files.catalog.header.columns import needed_in
from ml.files.catalog.header.names import NAMES
from ml.files.catalog.kaggle import COLUMNS as KAGGLE_COLUMNS
from ml.files.catalog.records import (
    ALT_LENGTH,
    ATTRIBUTE_LENGTH,
    BRAND_LENGTH,
    SKU_LENGTH,
    TITLE_LENGTH,
    URL_LENGTH,
    WORD_LENGTH,
)
from ml.files.tables import neutralised
from recommendations.strips.styles import style_of
from tests.catalog.conftest import row as kaggle_row
from tests.catalog.importing.tables import COAT, HEADER, Write, png, refused, run
from tests.pictures import picture

pytestmark = pytest.mark.django_db


@pytest.mark.slow
def test_a_table_becomes_products_with_all_its_data(table: Write) -> None:
    header = (
        "Colour", "Alt Text", "image", "Qty", "currency", "PRICE", "Product-Type", "vendor", "details", "Name",
        "item_id", "Published", "Frame Size",
    )  # fmt: skip
    values = (
        "Navy, dark", "A coat on a hook", "photos/coat.png", "3", "eur", "12,50", "Clothing > Coats/Jackets", "Acme",
        "Warm.\nLong.", "Red coat", "A1", "draft", "",
    )  # fmt: skip
    out, err = run(table(values, header=header, files={"photos/coat.png": png()}))
    assert "1 product created, 0 existed already, 1 picture added, 0 row errors" in out
    assert err.count("Columns shown to shoppers as attributes: colour, frame_size.\n") == 1
    product = Product.objects.select_related("category").get()
    assert (product.sku, product.title, product.description, product.brand) == (
        "A1", "Red coat", "Warm.\nLong.", "Acme",
    )  # fmt: skip
    assert (product.price, product.currency, product.stock, product.published) == (Decimal("12.50"), "EUR", 3, False)
    assert [category.name for category in product.category.trail] == ["Clothing", "Coats/Jackets"]
    assert product.attributes == {"colour": "Navy, dark"}
    assert [(image.alt, image.position) for image in product.images.all()] == [("A coat on a hook", 0)]


def examples() -> dict[str, tuple[str, list[str], str, list[str]]]:
    """Examples in docs/how-to/import.md by section: folder, files, table, and output of the command."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "import.md").read_text()
    found = {}
    for section in re.split(r"^## ", page, flags=re.M)[1:]:
        blocks = dict(reversed(re.findall(r"^```(\w*)\n(.*?)^```", section, re.M | re.S)))  # the first of each
        tree, console = blocks.get("", "").split(), blocks.get("console", "").splitlines()
        if tree and len(console) > 1:
            found[section.splitlines()[0]] = (tree[0], tree[1:], blocks.get("csv", ""), console[1:])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("section", ["A table of your own", "Kaggle's layout", "One folder per class"])
def test_examples_in_the_documentation_work(tmp_path: Path, section: str) -> None:
    folder, files, text, printed = examples()[section]
    for number, name in enumerate(files):
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if path.suffix == ".csv" else picture(seed=number))
    checked, _ = run(tmp_path / folder, dry_run=True)
    out, err = run(tmp_path / folder, demo_prices=True)
    assert printed[:-2] == err.splitlines()[: len(printed) - 2]
    products, rows = out.splitlines()
    assert products.rpartition(",")[0] == printed[-2].rpartition(",")[0]
    assert rows == printed[-1] == checked.splitlines()[1]
    created, pictures = re.findall(r"([0-9]+ products?) created|([0-9]+ pictures?) added", out)
    assert f"{created[0]} to create, 0 exist already, {pictures[1]} to add, 0 row errors" in checked
    assert "0 products created" in run(tmp_path / folder)[0]
    if section == "A table of your own":
        values = Product.objects.order_by("sku").values_list("sku", "price", "compare_at_price", "size", "condition")
        assert list(values) == [
            ("A1", Decimal("1299.00"), Decimal("1499.00"), "M", "New"), ("A2", Decimal("12.50"), None, "", ""),
        ]  # fmt: skip


@pytest.mark.slow
def test_missing_columns_have_the_same_defaults_as_in_other_layouts(table: Write) -> None:
    _, err = run(table(COAT))
    product = Product.objects.get()
    assert (product.price, product.currency, product.stock, product.published) == (None, "USD", 10, True)
    assert (product.category.name, product.attributes, product.description) == ("Other", {}, "")
    assert "attributes" not in err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["catalog.csv", "Products.TSV"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_and_encodings_are_detected(table: Write, separator: str, encoding: str, name: str) -> None:
    header = (*HEADER, "note, or remark; short")
    row = ("A1", "Süße Jacke, rot; neu", "coat.png", "日本\n語\tx")
    _, err = run(table(row, header=header, separator=separator, encoding=encoding, name=name))
    product = Product.objects.get()
    assert product.title == row[1]
    assert product.attributes == {"note,_or_remark;_short": row[3]}
    assert "UTF-8" not in err


@pytest.mark.parametrize(
    ("title", "encoding", "printed"),
    [("Jäckchen 5 €", "cp1252", "read as Windows-1252"), ("Jäck\x81chen", "latin-1", "read as Latin-1")],
)
def test_a_guessed_encoding_is_named_in_a_warning(table: Write, title: str, encoding: str, printed: str) -> None:
    _, err = run(table(("A1", title, "coat.png"), encoding=encoding))
    assert Product.objects.get().title == title
    assert printed in err


def test_damaged_utf_16_is_refused(table: Write) -> None:
    folder = table(COAT, encoding="utf-16")
    with (folder / "catalog.csv").open("ab") as stream:
        stream.write(b"x")
    assert "catalog.csv is not UTF-16" in refused(folder)


@pytest.mark.parametrize("name", [name for field in ("sku", "title", "image") for name in NAMES[field]])
def test_needed_columns_have_many_names(name: str) -> None:
    others = [field for field in HEADER if name not in NAMES[field]]
    for spelling in (name, name.upper(), name.replace(" ", "_"), name.replace(" ", "-"), f" {name.replace(' ', '')} "):
        assert needed_in([*others, spelling]) == 3


def test_no_name_has_two_meanings() -> None:
    names = [name.replace(" ", "") for spellings in NAMES.values() for name in spellings]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("text", "amount", "currencies"),
    [
        ("12.50", "12.50", ""),
        ("12,50", "12.50", ""),
        ("12", "12.00", ""),
        ("12.5", "12.50", ""),
        ("1299", "1299.00", ""),
        ("1.299,00", "1299.00", ""),
        ("1,299.00", "1299.00", ""),
        ("1.299.000", "1299000.00", ""),
        ("1 299,00", "1299.00", ""),
        ("1\u202f299", "1299.00", ""),
        ("1'299.00", "1299.00", ""),
        ("19.9900", "19.99", ""),
        ("0.500", "0.50", ""),
        ("€12,50", "12.50", "EUR"),
        ("12,50 €", "12.50", "EUR"),
        ("12.50\u00a0EUR", "12.50", "EUR"),
        ("€ 12.50 EUR", "12.50", "EUR"),
        ("CHF 1'299.50", "1299.50", "CHF"),
        ("A$5", "5.00", "AUD"),
        ("CAD $5", None, ""),
        ("12,-", "12.00", ""),
        ("12.– CHF", "12.00", "CHF"),
        ("12.50 eur", "12.50", "EUR"),
        ("499 Ft", "499.00", "HUF"),
        ("20%", None, ""),
        ("5 pcs", None, ""),
        ("5 PCS", None, ""),
        ("12.50 VAT", None, ""),
        ("NEW 12.50", None, ""),
        ("-$5", None, ""),
        ("99999999.99", "99999999.99", ""),
        ("100000000", None, ""),
        ("1,299", None, ""),
        ("12.500", None, ""),
        ("12.345678", None, ""),
        ("1.29.00", None, ""),
        ("1,2,3", None, ""),
        ("-5", None, ""),
        ("£5 EUR", None, ""),
        ("5 pieces", None, ""),
        ("on request", None, ""),
        ("NaN", None, ""),
        ("1e3", None, ""),
        ("٣", None, ""),
    ],
)
def test_prices_are_read_as_people_write_them(text: str, amount: str | None, currencies: str) -> None:
    if amount is None:
        with pytest.raises(BadCell):
            price_of(text)
    else:
        found = price_of(text)
        assert (str(found.amount), ",".join(found.currencies)) == (amount, currencies)


@pytest.mark.parametrize(
    ("price", "currency", "shop", "expected"),
    [
        ("€5", "", "USD", "EUR"),
        ("$5", "", "EUR", "USD"),
        ("$5", "", "CAD", "CAD"),
        ("$5", "AUD", "USD", "AUD"),
        ("5", "", "GBP", "GBP"),
        ("", "SEK", "GBP", "SEK"),
        ("€5", "USD", "USD", None),
    ],
)
def test_a_sign_next_to_the_price_sets_the_currency(
    table: Write, settings: object, price: str, currency: str, shop: str, expected: str | None
) -> None:
    settings.SHOP_CURRENCY = shop  # type: ignore[attr-defined]
    folder = table((*COAT, price, currency), ("B", "Bag", "coat.png", "", ""), header=(*HEADER, "price", "currency"))
    _, err = run(folder)
    assert Product.objects.filter(sku="A1").values_list("currency", flat=True).first() == expected
    assert ('catalog.csv:2: price: "€5" is not in USD' in err) == (expected is None)


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("yes", True), ("No", False), ("TRUE", True), ("false", False), ("1", True), ("0", False), ("active", True),
        ("Draft", False), ("archived", False), ("", True),
    ],
)  # fmt: skip
def test_published_has_many_spellings(table: Write, text: str, published: bool) -> None:
    run(table((*COAT, text), header=(*HEADER, "Status")))
    assert Product.objects.get().published is published


@pytest.mark.parametrize(
    ("text", "trail"),
    [
        ("Clothing/Coats", ["Clothing", "Coats"]),
        ("Clothing > Coats", ["Clothing", "Coats"]),
        ("Clothing>Coats/Jackets", ["Clothing", "Coats/Jackets"]),
        ("Bags > Bags", ["Bags"]),
        (" / ", ["Other"]),
    ],
)
def test_levels_of_a_category_are_separated_by_an_arrow_or_a_slash(table: Write, text: str, trail: list[str]) -> None:
    run(table((*COAT, text), header=(*HEADER, "google_product_category")))
    assert [category.name for category in Product.objects.get().category.trail] == trail


def test_a_category_too_deep_for_the_tree_is_a_row_error(table: Write) -> None:
    deep, long = "/".join(str(level) for level in range(70)), "/".join(chr(0x4E00 + level) for level in range(18))
    rows = [(str(number), "Coat", "coat.png", text) for number, text in enumerate((deep, long, "Fine"))]
    _, err = run(table(*rows, header=(*HEADER, "category")))
    assert err.count("[bad_category]") == 2
    assert Category.objects.get().name == "Fine"


@pytest.mark.parametrize(
    "cell",
    ["photos/coat.png", "./photos/coat.png", "/photos/coat.png", r"photos\coat.png", "coat.png", "Photos/Coat.PNG"],
)
def test_a_picture_is_found_by_its_path_or_its_name(table: Write, cell: str) -> None:
    out, _ = run(table(("A1", "Red coat", cell), files={"photos/coat.png": png(), "photos/overcoat.png": png(1)}))
    assert "1 picture added, 0 row errors" in out


def test_accents_that_macos_decomposes_match(table: Write) -> None:
    out, _ = run(table(("A1", "Café", "caf\u00e9.png"), files={"cafe\u0301.png": png()}))
    assert "1 picture added, 0 row errors" in out


def test_several_pictures_keep_their_order_and_their_texts(table: Write) -> None:
    files = {name: png(number) for number, name in enumerate(("a.png", "b.png", "c.png", "odd;name.png"))}
    folder = table(
        ("1", "Coat", "b.png|a.png | c.png", "Front; closed||Collar"),
        ("2", "Bag", "a.png;c.png", "Bag; open"),
        ("3", "Hat", "odd;name.png", "Hat | brown"),
        header=("sku", "title", "images", "alt"),
        files=files,
    )
    out, _ = run(folder)
    assert "3 products created, 0 existed already, 6 pictures added, 0 row errors" in out
    found = {
        product.sku: [(image.position, image.alt) for image in product.images.all()]
        for product in Product.objects.prefetch_related("images")
    }
    assert found == {
        "1": [(0, "Front; closed"), (1, ""), (2, "Collar")],
        "2": [(0, "Bag; open"), (1, "")],
        "3": [(0, "Hat | brown")],
    }


def test_the_same_picture_twice_in_a_row_is_kept_once(table: Write) -> None:
    out, err = run(table(("1", "Coat", "a.png|b.png"), files={"a.png": png(), "b.png": png()}))
    assert "1 picture added, 1 row error" in out
    assert "catalog.csv:2: b.png is the same picture as another of this product [duplicate]" in err


def test_a_zip_reads_like_a_folder(table: Write, zipped: Callable[..., Path]) -> None:
    folder = table(("A1", "Red coat", "photos/coat.png"), files={"photos/coat.png": png()})
    files = {f"shop/{f.relative_to(folder).as_posix()}": f.read_bytes() for f in folder.rglob("*") if f.is_file()}
    out, _ = run(zipped({**files, "__MACOSX/shop/._catalog.csv": b"\0\5", "shop/.hidden.csv": b"sku,title,image\n"}))
    assert "1 product created, 0 existed already, 1 picture added, 0 row errors" in out


def test_importing_again_changes_nothing(table: Write) -> None:
    folder = table((*COAT, "5"), ("B", "Bag", "coat.png|bag.png", "6"), header=(*HEADER, "price"))
    (folder / "bag.png").write_bytes(png(1))
    run(folder)
    before = list(Product.objects.values().order_by("pk")), list(ProductImage.objects.values().order_by("pk"))
    out, _ = run(folder)
    assert "0 products created, 2 existed already, 0 pictures added, 0 row errors" in out
    assert before == (list(Product.objects.values().order_by("pk")), list(ProductImage.objects.values().order_by("pk")))


def test_every_bad_cell_is_reported_with_line_column_and_value(table: Write, tmp_path: Path) -> None:
    header = ("SKU", "Name", "Photo", "Price", "Qty", "Status", "Currency", "Vendor")
    fine = ("0", "Two\nlines", "coat.png", "", "", "", "", "")
    rows = [
        fine,
        ("1", "Coat", "coat.png", "cheap", "many", "maybe", "gold", "x" * 101),
        ("", "Coat", "coat.png", "", "", "", "", ""),
        ("2", "", "coat.png", "", "", "", "", ""),
        ("3", "Coat", "coat.png"),
        ("4", "Coat", "coat.png", "", "", "", "", "", "extra"),
        ("5", "Coat", "lost.png", "", "", "", "", ""),
        ("6", "Coat", "", "", "", "", "", ""),
        ("7", "Coat", "https://example.com/none.png", "", "", "", "", ""),
        ("8", "Coat", "same.png", "", "9999999999", "", "", ""),
        ("9", "Coat", "../secret.png", "", "", "", "", ""),
        ("", " ", "", "", "", "", "", ""),
        ("0", "Again", "coat.png", "", "", "", "", ""),
    ]
    report = tmp_path / "errors.csv"
    files = {"coat.png": png(), "a/same.png": png(1), "b/same.png": png(2)}
    out, err = run(table(*rows, header=header, files=files), errors=report)
    with report.open(newline="") as stream:
        found = [(int(line["line"]), line["code"], line["reason"]) for line in csv.DictReader(stream)]
    assert sorted(found) == sorted(
        [
            (4, "bad_value", 'Price: "cheap" is not a price'),
            (4, "bad_value", 'Qty: "many" is not a whole number'),
            (4, "bad_value", 'Status: "maybe" is neither yes nor no'),
            (4, "bad_value", 'Currency: "gold" is not a currency: use its three-letter code, for instance EUR'),
            (4, "bad_value", f'Vendor: "{"x" * 60}…" is longer than 100 characters'),
            (5, "bad_sku", "SKU is empty"),
            (6, "no_title", "Name is empty"),
            (7, "bad_columns", "3 columns instead of 8"),
            (8, "bad_columns", "9 columns instead of 8"),
            (9, "missing_file", next(reason for line, _, reason in found if line == 9)),
            (10, "no_image", "Photo is empty, so product 6 has no picture"),
            (
                11,
                "bad_value",
                'Photo: "https://example.com/none.png" is a web address, and pictures are not downloaded: '
                "put none.png next to the table",
            ),
            (12, "bad_value", 'Photo: "same.png" may be any of a/same.png, b/same.png: include the folder'),
            (12, "bad_value", 'Qty: "9999999999" is not a whole number'),
            (13, "outside", "../secret.png is outside the folder"),
            (15, "duplicate_sku", "SKU 0 is in an earlier row"),
        ]
    )
    assert "catalog.csv:9: lost.png is not in" in next(
        f"catalog.csv:9: {reason}" for line, _, reason in found if line == 9
    )
    assert "4 products created, 0 existed already, 1 picture added" in out
    assert "see " in err


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("title", "x" * 256, "is longer than 255 characters"),
        ("description", "x" * 20_001, "is longer than 20,000 characters"),
        ("alt", "x" * 256, "is longer than 255 characters"),
        ("alt", "one|two|three", "has 3 texts for 2 pictures"),
    ],
)
def test_texts_that_do_not_fit_are_refused_rather_than_cut(table: Write, column: str, text: str, reason: str) -> None:
    row = {"sku": "A1", "title": "Coat", "image": "a.png|b.png"} | {column: text}
    fine = {"sku": "B", "title": "Bag", "image": "coat.png"}
    _, err = run(table(*(tuple(each.get(name, "") for name in row) for each in (row, fine)), header=tuple(row)))
    assert Product.objects.get().sku == "B"
    assert f'catalog.csv:2: {column}: "{text[:60]}' in err
    assert f"{reason} [bad_value]" in err


def test_rows_that_are_not_csv_are_row_errors(table: Write) -> None:
    folder = table(COAT)
    with (folder / "catalog.csv").open("a") as stream:
        stream.write('B,"Bag, big"x,coat.png\nC,N\0UL,coat.png\nD,Dress,coat.png\n')
    out, err = run(folder)
    assert "2 products created" in out
    assert "catalog.csv:3: not readable as CSV" in err
    assert "catalog.csv:4: contains a NUL byte" in err


def test_a_word_in_quotes_is_part_of_its_cell(table: Write) -> None:
    folder = table(COAT)
    with (folder / "catalog.csv").open("a") as stream:
        stream.write('B,"Nike" shorts,"coat.png"\n')
    out, _ = run(folder)
    assert "2 rows: 2 created" in out
    assert Product.objects.get(sku="B").title == '"Nike" shorts'


def test_an_unclosed_quote_costs_its_row_and_no_other(table: Write) -> None:
    folder = table(COAT)
    with (folder / "catalog.csv").open("a") as stream:
        stream.write('B,"Bag,coat.png\nC,Cap,coat.png\n')
    out, err = run(folder)
    assert "3 rows: 2 created, 0 changed, 0 unchanged, 1 refused" in out
    assert "2 products created, 0 existed already, 2 pictures added, 1 row error" in out
    assert "catalog.csv:3: not readable as CSV: a quote in this row is never closed" in err


@pytest.mark.parametrize(
    ("lines", "skus", "refused"),
    [
        ('V1,Shirt,coat.png,"Size,Chest,Waist,Hip\nSS,1,2,3\nMM,2,3,4"\nV2,Coat,coat.png,ok\n', "V1 V2", 0),
        ('V1,Shirt,coat.png,"Size,Chest,Waist,Hip\nS1,1,2,3\nM1,2,3,4"\nV2,Coat,coat.png,ok\n', "V1 V2", 0),
        ('V1,Shirt,coat.png,"Size,Chest\nSS,1,2" wide,3\nMM,2,3,4"\nV2,Coat,coat.png,ok\n', "V2", 3),
        ('V1,Shirt,coat.png,"Chest 5" wide\nSS,1,2,3\nMM,2,3,4"\nV2,Coat,coat.png,ok\n', "V1 V2", 2),
        ('V1,"A, b",coat.png,"Size,Chest\nS1,1,2,3\nM1,2,3,4"\nV2,Coat,coat.png,ok\n', "V1 V2", 0),
        ('V1,Shirt,coat.png,"S" a,"b\nS1,1,2,3\nV2,"Co, at",coat.png,ok\n', "V2", 2),
        ('V1,Heel,coat.png,"5\nV2,Heel,coat.png,6\nV3,Heel,coat.png,7"\n', "V2 V3", 1),
    ],
    ids=["table", "table with numbers", "broken table", "quote in the table", "comma", "comma after damage", "inches"],
)
def test_a_table_in_a_quoted_cell_makes_no_products(table: Write, lines: str, skus: str, refused: int) -> None:
    folder = table(header=(*HEADER, "description"))
    with (folder / "catalog.csv").open("a") as stream:
        stream.write(lines)
    out, err = run(folder)
    assert " ".join(Product.objects.order_by("sku").values_list("sku", flat=True)) == skus, err
    assert f", {refused} refused" in out


def test_amounts_without_a_coin_and_texts_in_another_encoding_are_refused(table: Write) -> None:
    folder = table(
        ("A", "Coat", "coat.png", "1980.50", "JPY"),
        ("B", "Coat", "coat.png", "1980.00", "JPY"),
        ("C", "Coat", "coat.png", "5", "VAT"),
        ("D", "赤い靴".encode("shift-jis").decode("latin-1"), "coat.png", "", ""),
        ("E", "\u200b", "coat.png", "", ""),
        ("F", "a\1b", "coat.png", "", ""),
        header=(*HEADER, "price", "currency"),
    )
    _, err = run(folder)
    assert Product.objects.get().sku == "B"
    assert 'catalog.csv:2: price: "1980.50": Amounts in JPY have no decimals. [bad_value]' in err
    assert 'currency: "VAT" is not a currency' in err
    assert err.count("save the table as UTF-8 [bad_text]") == 2
    assert "title is empty" in err


@pytest.mark.parametrize(("text", "published"), [("1.0", True), ("0.0", False)])
def test_yes_and_no_may_be_floats_of_pandas(table: Write, text: str, published: bool) -> None:
    run(table((*COAT, text, text), header=(*HEADER, "published", "availability")))
    product = Product.objects.get()
    assert (product.published, product.in_stock) == (published, published)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_resolves_paths_above_its_table_and_names_repeated_entries(tmp_path: Path) -> None:
    path = tmp_path / "shop.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data/catalog.csv", "sku,title,image\nLOST,Coat,a.png\n")
        archive.writestr("data/catalog.csv", "sku,title,image\nA,Coat,../photos/a.png\nB,Bag,../../a.png\n")
        archive.writestr("photos/a.png", png())
        archive.writestr("other/a.png", png(1))
    out, err = run(path)
    assert "1 picture added" in out
    assert "shop.zip has several entries of one name, and only the last is read: data/catalog.csv." in err
    assert "../../a.png is outside the zip" in err


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        (("Price (EUR)", "In Stock?", "Brand Name"), ("12.50", "no", "Acme"), ("12.50", None, "EUR", 0, "Acme")),
        (("price_gbp", "In stock", "brand"), ("12.50", "1", ""), ("12.50", None, "GBP", 1, "")),
        (("Price in €", "In Stock?", "brand"), ("12.50 €", "1", ""), ("12.50", None, "EUR", 10, "")),
        (("Price", "Sale Price", "In stock"), ("20 CHF", "15 CHF", "7"), ("15.00", "20.00", "CHF", 7, "")),
        (("Price", "sale_price", "Stock (pcs)"), ("20", "", "4"), ("20.00", None, "USD", 4, "")),
        (("Price", "sale_price", "stock"), ("20", "25", "4"), ("20.00", None, "USD", 4, "")),
        (("Price", "Regular price", "brand"), ("20", "25", "Acme"), ("20.00", None, "USD", 10, "Acme")),
        (("Price (EUR)", "currency"), ("20", "USD"), None),
        (("Price (EUR)", "stock"), ("$20", "4"), None),
    ],
)
def test_common_names_of_price_and_stock(
    table: Write, header: tuple[str, ...], cells: tuple[str, ...], expected: tuple[object, ...] | None
) -> None:
    fine = ("B", "Bag", "coat.png", *("" for _ in cells))
    run(table((*COAT, *cells), fine, header=(*HEADER, *header)))
    found = Product.objects.filter(sku="A1").values_list("price", "compare_at_price", "currency", "stock", "brand")
    assert [tuple(str(each) for each in row) for row in found] == (
        [tuple(map(str, expected))] if expected is not None else []
    )


def test_columns_like_prices_are_named_and_more_pictures_follow_the_first(table: Write) -> None:
    header = (*HEADER, "additional_image_link", "Price for members", "Stocking type")
    files = {"coat.png": png(), "b.png": png(1), "c.png": png(2)}
    out, err = run(table((*COAT, "b.png,c.png,coat.png", "9", "Knee"), header=header, files=files))
    assert "3 pictures added, 0 row errors" in out
    assert "Kept as attributes, not read as prices or stock: Price for members. Rename" in err


def test_a_header_with_spaces_around_its_quotes_is_read(table: Write) -> None:
    folder = table()
    (folder / "catalog.csv").write_text(f'"SKU" , Title,IMAGE\n{",".join(COAT)}\n')
    run(folder)
    assert Product.objects.get().sku == "A1"


def test_formulas_come_back_as_they_were(table: Write) -> None:
    texts = ["=1+1", "'=1", "@home", "'plain"]
    row = tuple(map(neutralised, ("A1", texts[0], "coat.png", *texts[1:])))
    run(table(row, header=(*HEADER, "one", "two", neutralised("=three"))))
    product = Product.objects.get()
    assert product.title == "=1+1"
    assert product.attributes == {"one": "'=1", "two": "@home", "=three": "'plain"}


def test_columns_without_a_name_may_only_be_empty(table: Write) -> None:
    _, err = run(table((*COAT, "", ""), ("B", "Bag", "coat.png", "", "9"), header=(*HEADER, "", " ")))
    assert Product.objects.get().sku == "A1"
    assert 'catalog.csv:3: column 5 has no name in the header, but contains "9" [bad_columns]' in err


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        (("sku", "name", "colour"), ["lacks the column image (also: images,", "Columns found: sku, name, colour."]),
        (("title", "image"), ["lacks the column sku (also: id,", "Columns found: title, image."]),
        (("sku", "Name", "Title", "image"), ['2 columns for title: "Name" and "Title"']),
        ((*HEADER, "Colour", "colour "), ['2 columns for colour: "Colour" and "colour"']),
        ((*HEADER, "sku"), ['2 columns for sku: "sku" and "sku"']),
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_used_is_refused_by_name(
    table: Write, header: tuple[str, ...], parts: list[str]
) -> None:
    message = refused(table(tuple("x" for _ in header), header=header))
    assert all(part in message for part in ["catalog.csv", *parts]), message


def test_a_header_without_known_columns_is_refused(table: Write) -> None:
    folder = table(("1", "2"), header=("Ware", "Bild"))
    names = "id, product id, item id, item number, article number, variant sku"
    assert f"lacks the columns sku (also: {names}); title" in refused(folder, format="table")
    assert "expected a .csv, .tsv or .xlsx with the columns sku, title and image" in refused(folder)
    assert "The columns of catalog.csv are: Ware, Bild." in refused(folder)


def test_two_tables_are_refused(table: Write) -> None:
    table(COAT)
    assert "has 2 tables: catalog.csv, more.csv" in refused(table(COAT, name="more.csv"))


def test_other_tables_next_to_it_are_ignored(table: Write) -> None:
    folder = table(COAT)
    (folder / "notes.csv").write_text("who,when\n")
    (folder / "old").mkdir()
    (folder / "old" / "catalog.csv").write_text("sku,title,image\n")
    out, _ = run(folder)
    assert "1 product created" in out


def test_class_folders_with_a_list_next_to_them_stay_class_folders(tmp_path: Path) -> None:
    (tmp_path / "Dress").mkdir()
    (tmp_path / "Dress" / "a.png").write_bytes(png())
    (tmp_path / "labels.csv").write_text("file,label\nDress/a.png,3\n")
    _, err = run(tmp_path)
    assert Product.objects.get().category.name == "Dress"
    assert "labels.csv is not read" in err


def test_kaggles_table_stays_kaggles_and_a_table_of_that_name_is_read(
    kaggle_folder: Callable[..., Path], table: Write
) -> None:
    folder = kaggle_folder([kaggle_row("1") | {"image": "nowhere.jpg"}], header=(*KAGGLE_COLUMNS, "image"))
    (folder / "images.csv").write_text("id,image\n")
    out, err = run(folder)
    assert "1 picture added, 0 row errors" in out
    assert err.count("attributes") == 0
    run(table(COAT, name="styles.csv"))
    assert set(Product.objects.values_list("sku", flat=True)) == {"1", "A1"}


@pytest.mark.parametrize("spelling", ["Compare at price", "RRP", "list_price"])
def test_all_known_columns_are_imported(table: Write, spelling: str) -> None:
    header = (
        *HEADER,
        "Price",
        spelling,
        "EAN",
        "Size",
        "Item Condition",
        "Link",
        "item_group_id",
        "Color",
        "availability",
    )
    row = (
        *COAT,
        "80",
        "100",
        "0012345678905",
        "M",
        "Very good",
        "https://shop.example/a?b=1",
        "G7",
        "Navy",
        "out_of_stock",
    )
    out, err = run(table(row, header=header))
    assert "1 product created, 0 existed already, 1 picture added, 0 row errors" in out
    assert err.count("Columns shown to shoppers as attributes: colour.\n") == 1
    product = Product.objects.get()
    assert (product.price, product.compare_at_price) == (Decimal("80.00"), Decimal("100.00"))
    assert (product.gtin, product.size, product.condition) == ("0012345678905", "M", "Very good")
    assert (product.url, product.sold_at, product.stock) == ("https://shop.example/a?b=1", "shop.example", 0)
    assert product.attributes == {"colour": "Navy", "style": "G7"}
    assert style_of(product).key == ("", "g7"), "products of one group share a card"
    product.full_clean()
    before = list(Product.objects.values())
    assert "0 products created, 1 existed already, 0 pictures added" in run(table(row, header=header))[0]
    assert before == list(Product.objects.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("column", "text", "code", "reason", "kept"),
    [
        ("gtin", "4006381333932", "bad_gtin", "check digit does not fit", True),
        ("ean", "123456", "bad_gtin", "it needs 8, 12, 13 or 14 digits", True),
        ("barcode", "4.00638E+12", "bad_gtin", "that a spreadsheet shortened", True),
        ("msrp", "10", "not_reduced", "is not above the price", True),
        ("msrp", "cheap", "bad_value", "is not a price", False),
        ("size", "12-Oct", "bad_size", "made by a spreadsheet of a size such as 10-12", True),
        ("size", "x" * 51, "bad_value", "is longer than 50 characters", False),
        ("condition", "x" * 51, "bad_value", "is longer than 50 characters", False),
        ("url", "javascript:alert(1)", "bad_url", "starts with https:// or http://", False),
        ("link", "JAVASCRIPT://shop.example/%0aalert(1)", "bad_url", "starts with https:// or http://", False),
        ("link", "data:text/html,x", "bad_url", "starts with https:// or http://", False),
        ("link", "//shop.example", "bad_url", "starts with https:// or http://", False),
        ("link", "shop.example", "bad_url", "starts with https:// or http://", False),
        ("link", "https://a b.example", "bad_url", "starts with https:// or http://", False),
        ("availability", "soon", "bad_value", "is neither in stock nor out of stock", False),
        ("image link", "", "no_image", "is empty", True),
    ],
)
def test_a_bad_cell_is_reported_and_only_minor_ones_keep_the_row(
    table: Write, column: str, text: str, code: str, reason: str, kept: bool
) -> None:
    header = ("sku", "title", "price", *(() if column == "image link" else ("image",)), column)
    row = ("A1", "Red coat", "10", *(() if column == "image link" else ("coat.png",)), text)
    fine = ("B1", "Bag", "10", "coat.png", *(() if column == "image link" else ("",)))
    _, err = run(table(row, fine, header=header))
    assert f"{reason}" in err
    assert f"[{code}]" in err
    assert set(Product.objects.values_list("sku", flat=True)) == ({"A1", "B1"} if kept else {"B1"})
    assert not Product.objects.exclude(gtin="", compare_at_price=None, url="").exists()


@pytest.mark.parametrize("text", ["96385074", "036000291452", "4006381333931", "978-3-16-148410-0", "10012345678902"])
def test_gtins_keep_their_leading_zeros(table: Write, text: str) -> None:
    run(table((*COAT, text), header=(*HEADER, "gtin")))
    assert Product.objects.get().gtin == text.replace("-", "")


@pytest.mark.parametrize("word", ["NA", "n/a", "none", "NULL", "NaN", "#N/A"])
def test_words_for_unknown_count_as_empty(table: Write, word: str) -> None:
    header = (*HEADER, "brand", "price", "stock", "gtin", "url", "Colour", "category")
    rows = [("A1", "Coat", "coat.png", *[word] * 7), ("A2", word, "coat.png", *[word] * 7)]
    _, err = run(table(*rows, header=header))
    assert Product.objects.filter(title=word).exists() is (word in ("NA", "n/a", "none")), "which may be names"
    assert ("title is empty [no_title]" in err) is (word not in ("NA", "n/a", "none"))
    product = Product.objects.get(sku="A1")
    assert (product.brand, product.price, product.stock, product.gtin) == ("", None, 10, "")
    assert (product.attributes, product.category.name) == ({}, "Other")


def test_a_style_column_and_a_group_column_are_refused_together(table: Write) -> None:
    message = refused(table((*COAT, "1", "2"), header=(*HEADER, "item_group_id", "Style")))
    assert '2 columns for group: "item_group_id" and "Style"' in message


def test_a_path_may_name_the_table(table: Write) -> None:
    folder = table(COAT)
    table(("B1", "Bag", "coat.png"), name="more.csv")
    out, _ = run(folder / "more.csv")
    assert "1 product created, 0 existed already, 1 picture added, 0 row errors" in out
    assert Product.objects.get().sku == "B1"


def test_limits_are_those_of_the_model() -> None:
    fields = {"sku": SKU_LENGTH, "title": TITLE_LENGTH, "brand": BRAND_LENGTH, "url": URL_LENGTH}
    for name, length in (fields | {"size": WORD_LENGTH, "condition": WORD_LENGTH}).items():
        assert Product._meta.get_field(name).max_length == length, name
    assert ProductImage._meta.get_field("alt").max_length == ALT_LENGTH
    assert ATTRIBUTE_LENGTH == TEXT_LENGTH


def test_letters_that_become_several_in_an_address_fit_it(table: Write) -> None:
    """℡ is "tel" in an address, and ㎯ "rads2"."""
    rows = [
        ("℡" * SKU_LENGTH, "a" * TITLE_LENGTH, "coat.png", "℡" * 100),
        ("㎯" * SKU_LENGTH, "b", "coat.png", "㎯" * 40),
    ]
    out, err = run(table(*rows, header=(*HEADER, "category")))
    assert "2 products created" in out
    assert "[" not in err
    assert all(product.slug in product.get_absolute_url() for product in Product.objects.all())


@pytest.mark.parametrize("before", ["\n", "   \n", ",,\n", "\ufeff\ufeff"])
def test_blank_rows_and_marks_above_the_header_are_skipped(table: Write, before: str) -> None:
    folder = table()
    (folder / "catalog.csv").write_text(f"{before}sku,title,image\n{','.join(COAT)}\n")
    run(folder)
    assert Product.objects.get().sku == "A1"


def test_a_table_without_rows_says_so(table: Write) -> None:
    with pytest.raises(CommandError, match=r"catalog\.csv contains no products") as caught:
        run(table())
    assert caught.value.returncode == 1


def test_a_named_pipe_is_no_picture(table: Write) -> None:
    folder = table(("A1", "Coat", "pipe.png"))
    os.mkfifo(folder / "pipe.png")
    _, err = run(folder, failing="could not be used")
    assert "pipe.png is not a file [missing_file]" in err
