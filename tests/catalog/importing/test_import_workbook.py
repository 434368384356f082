"""XLSX workbooks as people save them, and as attackers build them."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import CommandError, call_command

from catalog.models import Product, ProductImage
from ml.datasets import DatasetError, open_set
from ml.files.catalog import workbook
from tests.pictures import picture

pytestmark = pytest.mark.django_db

Sheets = dict[str, list[tuple[Any, ...]]]
HEADER = ("sku", "title", "image")
COAT = ("A1", "Red coat", "coat.png")


def run(path: Path) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("import_catalog", path, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refused(path: Path) -> str:
    with pytest.raises(CommandError) as caught:
        run(path)
    assert caught.value.returncode == 2
    assert not Product.objects.exists()
    with pytest.raises(DatasetError):
        open_set(path / "catalog.xlsx")
    return str(caught.value)


def xlsx(sheets: Sheets) -> bytes:
    book = openpyxl.Workbook()
    del book[book.sheetnames[0]]
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def with_part(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """The workbook with another version of one part."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            new.writestr(part, change(old.read(part)) if part == name else old.read(part))
    return stream.getvalue()


@pytest.fixture
def shop(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes, name: str = "catalog.xlsx") -> Path:
        (tmp_path / name).write_bytes(data)
        (tmp_path / "photos").mkdir(exist_ok=True)
        (tmp_path / "photos" / "coat.png").write_bytes(picture(format="PNG"))
        return tmp_path

    return write


Shop = Callable[..., Path]


@pytest.mark.slow
def test_a_workbook_is_read_like_a_table_of_text(shop: Shop) -> None:
    header = (
        *HEADER, "Price", "Qty", "GTIN", "Size", "Published", "Season", "Delivered", "Opened", "At", "Weight",
        "Washable", "Link",
    )  # fmt: skip
    row = (
        12.0, " Red coat ", "coat.png", 49.9, 3.0, 4006381333931, 38.0, True, 2012.0, date(2026, 11, 26),
        datetime(2026, 11, 26, 9, 30),  # noqa: DTZ001 - workbooks know no time zones
        time(9, 30), 0.1 + 0.2, False, "https://shop.example/12",
    )  # fmt: skip
    out, err = run(shop(xlsx({"Products": [header, row, (), (None,) * 15]})))
    assert "1 product created, 0 existed already, 1 picture added, 0 row errors" in out
    assert "Columns shown to shoppers as attributes: season, delivered, opened, at, weight, washable." in err
    product = Product.objects.get()
    assert (product.sku, product.title, product.price, product.stock) == ("12", "Red coat", Decimal("49.90"), 3)
    assert (product.gtin, product.size, product.published, product.url) == (
        "4006381333931", "38", True, "https://shop.example/12",
    )  # fmt: skip
    assert product.attributes == {
        "season": "2012", "delivered": "2026-11-26", "opened": "2026-11-26 09:30:00", "at": "09:30:00", "weight": "0.3",
        "washable": "no",
    }  # fmt: skip
    assert "0 products created, 1 existed already, 0 pictures added" in run(shop(xlsx({"Products": [header, row]})))[0]


def test_the_first_sheet_with_a_header_is_read_and_the_others_are_named(shop: Shop) -> None:
    sheets: Sheets = {
        "Read me": [("How to use this file",)],
        "Empty": [],
        "Products": [(), HEADER, COAT],
        "Old": [HEADER, ("B1", "Old coat", "coat.png")],
    }
    _, err = run(shop(xlsx(sheets)))
    assert Product.objects.get().sku == "A1"
    assert "Sheets of catalog.xlsx that are not read: Read me, Old. Only Products is." in err


def test_errors_name_the_row_of_the_sheet(shop: Shop) -> None:
    rows: list[tuple[Any, ...]] = [
        (),
        (*HEADER, "price"),
        (*COAT, 5),
        (),
        ("B1", None, "coat.png"),
        ("C", "Cap", "x", 1, 2),
    ]
    _, err = run(shop(xlsx({"Products": rows})))
    assert Product.objects.get().sku == "A1"
    assert "catalog.xlsx:5: title is empty [no_title]" in err
    assert "catalog.xlsx:6: 5 columns instead of 4 [bad_columns]" in err


def test_formulas_count_as_their_values_and_are_never_run(shop: Shop) -> None:
    _, err = run(shop(xlsx({"Products": [(*HEADER, "price"), (*COAT, "=1+1"), ("B1", "=1+1", "coat.png", 2)]})))
    assert Product.objects.filter(sku="A1", price=None).exists(), "a formula that was never calculated has no value"
    assert "catalog.xlsx:3: title is empty" in err
    assert "Formulas of catalog.xlsx that were saved without a value count as empty: B3, D2." in err


def test_merged_cells_count_for_each_of_their_rows(shop: Shop) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in ((*HEADER, "category", "brand"), ("A", "Coat", "coat.png", "Coats", "Acme"), ("B", "Long coat"),
                ("C", "Hat"), ("D", "Cap", "coat.png", None, "Other")):  # fmt: skip
        sheet.append(row)
    for cells in ("C2:C4", "D2:D5", "E2:E3"):
        sheet.merge_cells(cells)
    stream = io.BytesIO()
    book.save(stream)
    out, _ = run(shop(stream.getvalue()))
    assert "4 rows: 4 created" in out
    found = Product.objects.order_by("sku").values_list("category__name", "brand")
    assert list(found) == [("Coats", "Acme"), ("Coats", "Acme"), ("Coats", ""), ("Coats", "Other")]
    assert ProductImage.objects.count() == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "number", "price", "currency"),
    [
        ('#,##0.00 "€"', 12.5, "12.50", "EUR"),
        ("[$£-809]#,##0.00", 12.5, "12.50", "GBP"),
        ('"CHF" 0.00', 12.5, "12.50", "CHF"),
        ("_-[$€-2]\\ * #,##0.00_-;-[$€-2]\\ * #,##0.00_-", 1299, "1299.00", "EUR"),
        ("#,##0.00", 11.888, "11.89", "USD"),
        ("#,##0", 1299.5, "1300.00", "USD"),
        ('0.00 "net"', 5, "5.00", "USD"),
        ("[$₲-43F]0.00", 5, None, ""),
        ("General", 11.888, None, ""),
    ],
)
def test_prices_are_read_in_their_number_format(
    shop: Shop, form: str, number: float, price: str | None, currency: str
) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in ((*HEADER, "price", "stock"), (*COAT, number, 3), ("B1", "Bag", "coat.png", None, 3)):
        sheet.append(row)
    sheet["D2"].number_format = form
    sheet["E2"].number_format = '0 "€"'
    stream = io.BytesIO()
    book.save(stream)
    run(shop(stream.getvalue()))
    found = Product.objects.filter(sku="A1").values_list("price", "currency", "stock")
    assert list(found) == ([(Decimal(price), currency, 3)] if price else [])


def test_training_reads_a_workbook_too(shop: Shop) -> None:
    folder = shop(xlsx({"Products": [(*HEADER, "category", "color"), (*COAT, "Clothes > Coats", "Red")]}))
    (sample,) = open_set(folder)
    assert sample.labels == {"type": "Coats", "colour": "Red", "family": "red"}
    assert open_set(folder / "catalog.xlsx") == [sample] or open_set(folder / "catalog.xlsx")[0].labels == sample.labels


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"sku,title,image\nA1,Coat,coat.png\n", "catalog.xlsx is not an XLSX workbook"),
        (xlsx({"Products": [HEADER, COAT]})[:3000], "catalog.xlsx is not an XLSX workbook"),
        (xlsx({"Products": []}), "catalog.xlsx has no sheet with a header"),
        (xlsx({"Products": [("sku", "title")]}), "lacks the column image"),
        (xlsx({"Products": [(*HEADER, *map(str, range(300)))]}), "has more than 250 columns"),
    ],
    ids=["text", "cut off", "empty", "no image column", "many columns"],
)
def test_a_workbook_that_cannot_be_used_says_why(shop: Shop, data: bytes, reason: str) -> None:
    assert reason in refused(shop(data))


@pytest.mark.slow
def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(shop: Shop) -> None:
    bomb = with_part(xlsx({"Products": [HEADER, COAT]}), "xl/worksheets/sheet1.xml", lambda _: b" " * 100_000_000)
    assert len(bomb) < 200_000
    assert "catalog.xlsx unpacks to 95 MB" in refused(shop(bomb))


def test_a_workbook_with_thousands_of_parts_is_refused(shop: Shop) -> None:
    stream = io.BytesIO(xlsx({"Products": [HEADER, COAT]}))
    with zipfile.ZipFile(stream, "a") as archive:
        for number in range(workbook.MOST_PARTS):
            archive.writestr(f"xl/media/{number}", b"")
    assert "parts, more than a catalog needs" in refused(shop(stream.getvalue()))


def test_xml_entities_are_refused(shop: Shop) -> None:
    """Ten levels of ten entities each would expand to 20 GB."""
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 11))
    declared = f'<!DOCTYPE x [<!ENTITY e0 "ha">{levels}]>'.encode()

    def laughing(part: bytes) -> bytes:
        return declared + part[part.index(b"<worksheet") :].replace(b"Red coat", b"&e10;")

    data = with_part(xlsx({"Products": [HEADER, COAT]}), "xl/worksheets/sheet1.xml", laughing)
    message = refused(shop(data))
    assert "catalog.xlsx cannot be read as an XLSX workbook: it declares XML entities" in message
    assert "\n" not in message


@pytest.mark.drill
@pytest.mark.parametrize("place", ["999999999999", "1048577"])
def test_rows_far_below_the_sheet_end_it(shop: Shop, place: str) -> None:
    def moved(part: bytes) -> bytes:
        return part.replace(b'<row r="3"', f'<row r="{place}"'.encode()).replace(b'ref="A1:C3"', b'ref="A1:XFD9999999"')

    sheets: Sheets = {"Products": [HEADER, COAT, ("B1", "Bag", "coat.png")]}
    out, _ = run(shop(with_part(xlsx(sheets), "xl/worksheets/sheet1.xml", moved)))
    assert "1 product created" in out


def _before_end(part: str, count: int) -> Callable[[bytes], bytes]:
    """Many empty elements, which take 20 times their text in memory, at the end of an XML part."""
    return lambda xml: xml.replace(f"</{part}>".encode(), b"<a/>" * count + f"</{part}>".encode())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "change", "reason"),
    [
        ("xl/styles.xml", _before_end("styleSheet", 5_000_000), "xl/styles.xml of catalog.xlsx unpacks to 19 MB"),
        ("xl/worksheets/sheet1.xml", _before_end("row", 5_000_000), "sheet1.xml of catalog.xlsx has a row above 1 MB"),
    ],
    ids=["styles", "row"],
)
def test_xml_that_would_fill_the_memory_is_refused_before_it_is_parsed(
    shop: Shop, part: str, change: Callable[[bytes], bytes], reason: str
) -> None:
    data = with_part(xlsx({"Products": [HEADER, COAT]}), part, change)
    padded = io.BytesIO(data)
    with zipfile.ZipFile(padded, "a") as archive:  # so that the whole file does not unpack to 200 times its size
        archive.writestr("xl/media/photo.jpg", random.Random(0).randbytes(500_000))
    assert reason in refused(shop(padded.getvalue()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "element", "reason"),
    [
        (
            "xl/sharedStrings.xml",
            b"<si><t/></si>",
            "has more than 1,048,576 texts",
        ),
        (
            "xl/worksheets/two.xml",
            b'<row r="3"/>',
            "has more than 1,048,576 rows",
        ),
    ],
    ids=["texts", "rows"],
)
def test_more_rows_and_texts_than_a_sheet_has_are_refused(shop: Shop, part: str, element: bytes, reason: str) -> None:
    padded = io.BytesIO(xlsx({"Products": [HEADER, COAT]}))
    with zipfile.ZipFile(padded, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(part, element * (2**20 + 99))
        archive.writestr("xl/media/photo.jpg", random.Random(0).randbytes(500_000))
    assert f"{part} of catalog.xlsx {reason}" in refused(shop(padded.getvalue()))


@pytest.mark.slow
def test_many_empty_rows_are_no_long_row(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_TREE", 2**15)  # more than the theme of this workbook
    monkeypatch.setattr(workbook, "_PIECE", 2**10)

    def padded(part: bytes) -> bytes:
        return part.replace(b"</sheetData>", b'<row r="3"/>' * 10_000 + b"</sheetData>")

    out, _ = run(shop(with_part(xlsx({"Products": [HEADER, COAT]}), "xl/worksheets/sheet1.xml", padded)))
    assert "1 product created" in out


def test_a_title_above_the_header_is_skipped(shop: Callable[[bytes], Path]) -> None:
    sheets: Sheets = {"Products": [("Our products",), (), HEADER, COAT]}
    out, err = run(shop(xlsx(sheets)))
    assert "1 row: 1 created, 0 changed, 0 unchanged, 0 refused." in out
    assert "Rows above the header of catalog.xlsx that are not read: 1." in err
