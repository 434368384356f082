"""Cells as spreadsheets, web shops and programs write them, and what the command says about rows."""

from __future__ import annotations

import csv
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from catalog.importing import loader
from catalog.models import Product
from ml.files.catalog.cells import BadCell, identifier, price_of
from ml.files.catalog.markup import plain_text, without_entities
from shop.settings import BASE_DIR
from tests.catalog.importing.tables import COAT, HEADER, Write, png, run


@pytest.mark.parametrize("text", ["000123", "'000123", '="000123"', '"000123"'])
def test_marks_of_spreadsheets_are_no_part_of_numbers(text: str) -> None:
    assert identifier(text) == "000123"


@pytest.mark.parametrize("text", ["", "'", "O'Neill-7", "'a'", '5"', "=1"])
def test_other_apostrophes_and_quotes_stay(text: str) -> None:
    assert identifier(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<p>Warm &amp; soft.</p>\n<p>Made of <b>wool</b>.</p>", "Warm & soft.\n\nMade of wool."),
        ("One<br>two<BR/>three<br />four", "One\ntwo\nthree\nfour"),
        ('<ul class="x"><li>Red</li><li>Blue</li></ul>After', "- Red\n- Blue\n\nAfter"),
        ("<ul><li><p>Red</p></li>\n<li>\n<p>Blue</p></li></ul>", "- Red\n- Blue"),
        ("<style>p {color: red}</style><script>alert('1 < 2')</script><div>Seen</div>", "Seen"),
        ("<table><tr><td>Size</td><td>M</td></tr></table>", "Size M"),
        ('<a href="https://example.com?a=1&b=2">Care&nbsp;instructions</a>', "Care instructions"),
        ("<p>never closed", "never closed"),
        ("<pre>S  34\nM  38</pre>", "S 34\nM 38"),
        ("<label>One</label> <video src='x'/><p>Two</p>", "One\n\nTwo"),
        ("a < b and 5 <10, R&D, x <y> z", "a < b and 5 <10, R&D, x <y> z"),
        ("Two\n\nparagraphs of text", "Two\n\nparagraphs of text"),
        ("Fish &amp; Chips &#39;n&#x27; more&hellip;", "Fish & Chips 'n' more…"),
        ("1 &lt; 2", "1 < 2"),
        ("AT&T; R&D &notathing;", "AT&T; R&D &notathing;"),
        ("", ""),
    ],
)  # fmt: skip
def test_descriptions_in_html_become_text(text: str, shown: str) -> None:
    assert plain_text(text) == shown


def test_titles_keep_tags_but_no_entities() -> None:
    assert without_entities("Salt &amp; Pepper <b>") == "Salt & Pepper <b>"


@pytest.mark.parametrize("text", ["29.900000000000002", "29.899999999999999", "29,9000000001", "29.90"])
def test_noise_of_floats_is_no_third_decimal(text: str) -> None:
    assert price_of(text).amount == Decimal("29.90")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("29.905", "may be 29905 or 29.905"), ("0.905", "more than two decimals"), ("29.9001", "more than two decimals"),
     ("¥ 12,000", "may be 12000 or 12.000: write 12000 or 12.00")],
)  # fmt: skip
def test_prices_that_are_refused_say_why(text: str, reason: str) -> None:
    with pytest.raises(BadCell, match=reason):
        price_of(text)


@pytest.mark.parametrize("text", ["12,000 KRW", "₩12.000", "JPY 12,000", "12000 JPY", "12,000.00 JPY"])
def test_currencies_without_decimals_have_thousands_only(text: str) -> None:
    assert price_of(text).amount == 12000


@pytest.mark.django_db
def test_numbers_and_texts_of_a_row_are_cleaned(table: Write) -> None:
    header = (*HEADER, "gtin", "description", "brand", "size")
    run(table(("'000123", "\u200bSalt &amp; Pepper", "coat.png", "'4006381333931", "<p>A</p>", "H&amp;M", "38.0"),
              header=header))  # fmt: skip
    made = Product.objects.get()
    assert (made.sku, made.title, made.gtin) == ("000123", "Salt & Pepper", "4006381333931")
    assert (made.description, made.brand, made.size) == ("A", "H&M", "38")


@pytest.mark.slow
@pytest.mark.django_db
def test_one_damaged_line_does_not_change_the_encoding_of_the_others(table: Write) -> None:
    folder = table(("A1", "Château", "coat.png"), ("A2", "Chateau", "coat.png"))
    with (folder / "catalog.csv").open("ab") as stream:
        stream.write("A3,Größe,coat.png\r\n".encode("latin-1"))
    out, err = run(folder)
    assert list(Product.objects.order_by("sku").values_list("title", flat=True)) == ["Château", "Chateau"]
    assert "1 line of catalog.csv has bytes that are not UTF-8, and is refused." in err
    assert "UTF-8" in out


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("encoding", "name"), [("mac_roman", "Mac Roman"), ("cp850", "DOS (code page 850)"), ("cp1252", "Windows-1252")]
)
def test_old_encodings_are_told_apart(table: Write, encoding: str, name: str) -> None:
    titles = ["Décolleté bébé", "Größe für Mädchen", "Crème brûlée"]
    rows = [(f"A{number}", title, "coat.png") for number, title in enumerate(titles)]
    out, err = run(table(*rows, encoding=encoding))
    assert list(Product.objects.order_by("sku").values_list("title", flat=True)) == titles
    assert f"is read as {name}" in err
    assert name in out


@pytest.mark.django_db
def test_the_currency_that_was_assumed_is_named(table: Write, settings: object) -> None:
    header = (*HEADER, "price")
    rows = [("A1", "Coat", "coat.png", "10"), ("A2", "Bag", "coat.png", "10 EUR"), ("A3", "Hat", "coat.png", "")]
    for options in ({"dry_run": True}, {}):
        out, _ = run(table(*rows, header=header), **options)
        assert "1 price without a currency: taken as USD, the shop's currency (SHOP_CURRENCY)." in out


@pytest.mark.django_db
@pytest.mark.parametrize(("shop", "currency"), [("USD", None), ("EUR", None), ("NOK", "NOK"), ("DKK", "DKK")])
def test_kr_is_a_currency_only_in_shops_that_have_one(
    table: Write, settings: object, shop: str, currency: str | None
) -> None:
    settings.SHOP_CURRENCY = shop  # type: ignore[attr-defined]
    _, err = run(table((*COAT, "kr 399"), header=(*HEADER, "price")), failing="" if currency else "Nothing")
    if currency:
        assert Product.objects.get().currency == currency
    else:
        assert "may be in SEK, NOK, DKK or ISK: write the code, or add a column currency" in err


@pytest.mark.slow
@pytest.mark.django_db
def test_rows_that_differ_from_their_products_are_counted(table: Write) -> None:
    header = (*HEADER, "price", "stock", "colour")
    row = ("A1", "Coat", "coat.png", "10", "3", "Red")
    run(table(row, header=header))
    for place, other in ((1, "Long coat"), (3, "11"), (4, "0"), (5, "Blue")):
        changed = tuple(other if place == here else cell for here, cell in enumerate(row))
        for options in ({"dry_run": True}, {}):
            out, _ = run(table(changed, header=header), **options)
            assert "Rows that differ from products of the shop: 1. An import changes no existing product" in out
    empty = ("A1", "Coat", "coat.png", "", "", "")
    for same in (row, empty):
        out, _ = run(table(same, header=header))
        assert "differ" not in out


@pytest.mark.django_db
def test_a_dry_run_says_what_the_import_says_in_the_order_of_the_rows(
    table: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "CHUNK", 2)
    rows = [
        ("A1", "Coat", "nowhere.png"), ("", "No SKU", "coat.png"), ("A3", "Bag", "../outside.png"),
        ("A4", "Hat", "coat.png"), ("A5", "", "coat.png"), ("A6", "Tie", "lost.png"), ("A7", "Cap", ""),
    ]  # fmt: skip
    told = []
    for options in ({"dry_run": True}, {}):
        run(table(*rows, files={"coat.png": png()}), errors=tmp_path / "errors.csv", **options)
        with (tmp_path / "errors.csv").open() as stream:
            told.append(list(csv.reader(stream))[1:])
    assert told[0] == told[1]
    assert [int(line) for _, line, *_ in told[0]] == [2, 3, 4, 6, 7, 8]
    assert [code for _, _, code, _ in told[0]] == [
        "missing_file", "bad_sku", "outside", "no_title", "missing_file", "no_image",
    ]  # fmt: skip
    assert not any("Errno" in reason for *_, reason in told[0])


@pytest.mark.slow
def test_commands_say_when_the_database_is_away() -> None:
    environment = {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    run = subprocess.run(
        [sys.executable, "manage.py", "catalog_health"], cwd=BASE_DIR, capture_output=True, text=True,
        env={"PATH": "", "SECRET_KEY": "x", **environment}, timeout=60,
    )  # fmt: skip
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "Start Postgres, or correct DATABASE_URL" in run.stderr


@pytest.mark.django_db
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_list_of_errors_replaces_no_other_file(table: Write, dry_run: bool) -> None:
    folder = table(COAT)
    before = (folder / "catalog.csv").read_bytes()
    run(folder, failing="Give another name", errors=folder / "catalog.csv", dry_run=dry_run)
    assert (folder / "catalog.csv").read_bytes() == before
    run(folder, failing="cannot be written: Is a directory", errors=folder, dry_run=dry_run)
    run(folder, failing="cannot be written: No such file", errors=folder / "no" / "e.csv", dry_run=dry_run)
    for _ in range(2):  # an earlier list of errors may be replaced
        run(folder, errors=folder.parent / "errors.csv", dry_run=dry_run)


@pytest.mark.django_db
def test_old_encodings_are_told_apart_by_their_header_too(table: Write) -> None:
    header = ("Référence", "Désignation", "Photo", "Catégorie")
    run(table(("A1", "Chaussure d'été", "coat.png", "Été"), header=header, encoding="mac_roman", separator=";"))
    assert Product.objects.get().title == "Chaussure d'été"
