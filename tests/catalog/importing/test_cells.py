"""Cells as spreadsheets, web shops and programs write them, and what the command says about rows."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from catalog.importing import loader
from catalog.models import Product
from ml.files.catalog.cells import SIGNS, BadCell, identifier, price_of, size_of, stock_of, whole_identifier
from ml.files.catalog.markup import plain_text, without_entities
from shop.settings import BASE_DIR
from tests.catalog.importing.tables import COAT, HEADER, Write, png, run


@pytest.mark.parametrize("text", ["000123", "'000123", '="000123"', '"000123"'])
def test_marks_of_spreadsheets_are_no_part_of_numbers(text: str) -> None:
    assert identifier(text) == "000123"


@pytest.mark.parametrize("text", ["AB\u200b-12", "\ufeffAB-12", "AB\u00ad-12\u200e", "'AB-\u206012"])
def test_invisible_characters_are_no_part_of_numbers(text: str) -> None:
    assert identifier(text) == "AB-12"


@pytest.mark.parametrize("text", ["4.00638E+12", "4,00638E+12", "1E+12", "9.78316e+12"])
def test_numbers_that_a_spreadsheet_shortened_are_refused(text: str) -> None:
    with pytest.raises(BadCell, match="format its column as text"):
        whole_identifier(text)


@pytest.mark.parametrize("text", ["3E5", "1E12", "E+12", "12E+12", "4.00638E-12", "A4.0E+12"])
def test_numbers_that_only_look_shortened_stay(text: str) -> None:
    assert whole_identifier(text) == text


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
        ("<p>a < b, I <3 you, x <y> z</p>", "a < b, I <3 you, x <y> z"),
        ("Soft <b", "Soft"), ("<p>Soft</p><a href='https://exam", "Soft"),
        ("<p>One <b and warm <p>two", "One <b and warm\n\ntwo"),
        ("I <3 you", "I <3 you"), ("a < b", "a < b"), ("<3", "<3"), ("size <", "size <"), ("a <b and c", "a <b and c"),
        ("<p>a <b and c</p>", "a <b and c"),
        ("<p>a</p><!-- b --> c", "a\n\nc"), ("5 < 6 > 4", "5 < 6 > 4"),
        ("&lt;p&gt;Soft&lt;/p&gt;", "Soft"), ("&amp;lt;p&amp;gt;Soft &amp;amp; warm&amp;lt;/p&amp;gt;", "Soft & warm"),
        ("One&lt;br /&gt;two", "One\ntwo"), ("Write &lt;b&gt; for bold", "Write <b> for bold"), ("1&amp;nbsp;m", "1 m"),
        ("<p>Fish&amp;nbsp;&amp;amp; Chips</p>", "Fish & Chips"), ("<p>the &lt;b&gt; tag</p>", "the <b> tag"),
        ("<ul><li>A<ul><li>B<ol><li>C</li></ol></li><li>D</li></ul></li><li>E</li></ul>F",
         "- A\n  - B\n    - C\n  - D\n- E\n\nF"),
        ("<ul>\n <li>A\n <ul>\n <li><p>B</p></li>\n </ul></li>\n <li>C</li></ul>", "- A\n  - B\n- C"),
        ("<table><tr><td>Size</td><td>M<br>L</td></tr><tr><td><p>Fit</p></td><td><ul><li>Wide</li></ul></table>",
         "Size M L\nFit - Wide"),
        ("<table><tr><td>One<br>two<p>Three</p></td></tr></table>", "One\ntwo\n\nThree"),
        ("<table><tr><td>A<td>B<tr><td>C<td>D</table>E", "A B\nC D\n\nE"),
        ("<style>p {}<p>Seen", "p {}\n\nSeen"),
        ("<p title='a > b'>Seen</p><!-- not <b>this</b> -->", "Seen"), ("<p>Seen</p><!-- cut", "Seen"),
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


@pytest.mark.parametrize(
    "text", ["<", "<p ", "<!--", "<style>", "&lt;", "<p '", "<tr><td>", "<ul><li>", "<table><tr><td>a<td>"]
)
def test_damaged_markup_takes_no_time(text: str) -> None:
    began = time.monotonic()
    plain_text(text * (2**15 // len(text)))
    assert time.monotonic() - began < 1


def test_titles_keep_tags_but_no_entities() -> None:
    assert without_entities("Salt &amp; Pepper <b>") == "Salt & Pepper <b>"


@pytest.mark.parametrize("text", ["29.900000000000002", "29.899999999999999", "29,9000000001", "29.90"])
def test_noise_of_floats_is_no_third_decimal(text: str) -> None:
    assert price_of(text).amount == Decimal("29.90")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("29.905", "may be 29905 or 29.905"), ("0.905", "more than two decimals"), ("29.9001", "more than two decimals"),
     ("KWD 1.250", "may be 1250 or 1.250: write 1250 or 1.25, as amounts have two decimals here"),
     ("0.255 KWD", "amounts are stored with two in every currency"),
     ("¥ 12,000", "may be 12000 or 12.000: write 12000 or 12.00")],
)  # fmt: skip
def test_prices_that_are_refused_say_why(text: str, reason: str) -> None:
    with pytest.raises(BadCell, match=reason):
        price_of(text)


@pytest.mark.parametrize(
    ("text", "amount", "currencies"),
    [
        ("kr. 1.299,00", "1299", SIGNS["kr"]), ("1 299,- KR", "1299", SIGNS["kr"]),
        ("1.299,- kr.", "1299", SIGNS["kr"]),
        ("Fr. 12.–", "12", ("CHF",)), ("SFr. 1'299.00", "1299", ("CHF",)), ("1’299.– chf", "1299", ("CHF",)),
        ("C$ 12.50", "12.50", ("CAD",)), ("us$12", "12", ("USD",)), ("NZ$ 5", "5", ("NZD",)), ("HK$20", "20", ("HKD",)),
        ("1,29,999.00", "129999", ()), ("₹ 12,34,567", "1234567", ("INR",)), ("Rs. 1,29,999", "129999", SIGNS["Rs."]),
        ("Rs. 999/-", "999", SIGNS["Rs."]), ("1,299/-", "1299", ()), ("₹ 12,34,567/-", "1234567", ("INR",)),
        ("12,50 Euro", "12.50", ("EUR",)), ("1\u202f299,00\u00a0€", "1299", ("EUR",)), ("eur 5", "5", ("EUR",)),
    ],
)  # fmt: skip
def test_prices_are_written_in_many_ways(text: str, amount: str, currencies: tuple[str, ...]) -> None:
    assert price_of(text) == (Decimal(amount), currencies)


@pytest.mark.parametrize("text", ["12 top", "12 all", "5 pcs", "1,2,999", "12,345,67", "1,299,- kr €"])
def test_other_words_and_groups_are_no_prices(text: str) -> None:
    with pytest.raises(BadCell):
        price_of(text)


@pytest.mark.django_db
def test_products_that_share_a_gtin_are_named_unless_they_are_one_group(table: Write) -> None:
    rows = [("A1", *COAT[1:], "4006381333931", ""), ("A2", *COAT[1:], "4006381333931", ""),
            ("B1", *COAT[1:], "96385074", "b"), ("B2", *COAT[1:], "96385074", "b"),
            ("C", *COAT[1:], "", "")]  # fmt: skip
    out, err = run(table(*rows, header=(*HEADER, "gtin", "group")))
    assert "5 products created" in out
    assert err.count("is also the GTIN of") == 1
    assert '"4006381333931" is also the GTIN of line 2: one of them is wrong' in err


@pytest.mark.parametrize(
    ("text", "stock"),
    [("10 pcs", 10), ("10 Stk.", 10), ("10 Stück", 10), ("1 000 units", 1000), ("3 pièces", 3), ("5+", 5), ("> 5", 5),
     (">=5", 5), ("≥ 5", 5), ("2 uds.", 2), ("4 stuks", 4), ("10.0", 10)],
)  # fmt: skip
def test_stock_is_written_in_many_ways(text: str, stock: int) -> None:
    assert stock_of(text) == stock


@pytest.mark.parametrize("text", ["5 boxes", "+5", "5-10", "< 5", "5++", "pcs", "5 pcs of 10", "> ", "10 st 5"])
def test_other_words_are_no_stock(text: str) -> None:
    with pytest.raises(BadCell):
        stock_of(text)


@pytest.mark.parametrize(
    "text", ["12-Oct", "Oct-12", "12. Okt", "10-Mär", "6 Mai", "2026-10-12", "12.10.2026", "3/6/2026"]
)
def test_sizes_that_became_dates_are_not_used(text: str) -> None:
    with pytest.raises(BadCell, match="made by a spreadsheet"):
        size_of(text)


@pytest.mark.parametrize(
    "text", ["10-12", "3-6 months", "M", "EU 38", "38/40", "6 M", "W32 L34", "1.5 l", "XL-Tall", "12 oz"]
)
def test_other_sizes_stay(text: str) -> None:
    assert size_of(text) == text


@pytest.mark.parametrize("text", ["12,000 KRW", "₩12.000", "JPY 12,000", "12000 JPY", "12,000.00 JPY"])
def test_currencies_without_decimals_have_thousands_only(text: str) -> None:
    assert price_of(text).amount == 12000


@pytest.mark.slow
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


@pytest.mark.slow
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
@pytest.mark.parametrize(
    ("shop", "currency", "named"), [("EUR", "USD", True), ("CAD", "CAD", False), ("USD", "USD", False)]
)
def test_a_sign_means_the_currency_of_the_shop_or_the_usual_one_which_is_said(
    table: Write, settings: object, shop: str, currency: str, named: bool
) -> None:
    settings.SHOP_CURRENCY = shop  # type: ignore[attr-defined]
    rows = [("A1", "Coat", "coat.png", "$10"), ("A2", "Bag", "coat.png", "10 EUR"), ("A3", "Hat", "coat.png", "US$ 5")]
    for options in ({"dry_run": True}, {}):
        out, _ = run(table(*rows, header=(*HEADER, "price")), **options)
        said = (
            f"1 price with a sign that several currencies share: read as USD, although the shop's currency is {shop}."
        )
        assert (said in out) is named
    assert Product.objects.get(sku="A1").currency == currency


@pytest.mark.django_db
def test_a_line_break_in_a_title_is_a_space(table: Write) -> None:
    row = ("A\u00a01\u200b", "Red\r\n\twool\u00a0coat", "coat.png", "Clothing >\nCoats", "One\ntwo")
    run(table(row, header=(*HEADER, "category", "description")))
    made = Product.objects.get()
    assert (made.sku, made.title, made.category.name) == ("A 1", "Red wool coat", "Coats")
    assert made.description == "One\ntwo", "which may have lines"


@pytest.mark.django_db
def test_skus_and_groups_that_lost_their_digits_are_refused(table: Write) -> None:
    rows = [
        ("4.00638E+12", "Coat", "coat.png", ""),
        ("A2", "Bag", "coat.png", "4.00638E+12"),
        ("A3", "Hat", "coat.png", ""),
    ]
    out, err = run(table(*rows, header=(*HEADER, "group")))
    assert Product.objects.get().sku == "A3"
    assert 'sku: "4.00638E+12" is a number that a spreadsheet shortened: format its column as text there' in err
    assert "3 rows: 1 created, 0 changed, 0 unchanged, 2 refused." in out


@pytest.mark.django_db
def test_case_matters_in_skus(table: Write) -> None:
    run(table(("Q8", "Coat", "coat.png"), ("q8", "Bag", "coat.png")))
    assert Product.objects.count() == 2


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


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("cells", "price", "former"),
    [
        (("45,00", "0", "", ""), "45", None),
        (("45,00", "0,00", "60", ""), "45", "60"),
        (("45,00", "39,90", "", ""), "39.90", "45"),
        (("45,00", "39,90", "", "2020-01-01T00:00/2020-02-01T00:00"), "45", None),
        (("45,00", "39,90", "", "2020-01-01/2999-02-01"), "39.90", "45"),
        (("45,00", "39,90", "", "2999-01-01/2999-02-01"), "45", None),
        (("45,00", "39,90", "", "2020-01-01T00:00"), "39.90", "45"),
    ],
)
def test_a_sale_has_a_price_and_days(table: Write, cells: tuple[str, ...], price: str, former: str | None) -> None:
    header = (*HEADER, "price", "sale price", "was", "sale_price_effective_date")
    _, err = run(table((*COAT, *cells), header=header))
    made = Product.objects.get()
    assert (made.price, made.compare_at_price) == (Decimal(price), former and Decimal(former))
    assert ("is no sale price, so it is not used" in err) is cells[1].startswith("0")


@pytest.mark.django_db
def test_a_former_price_in_another_currency_is_refused(table: Write) -> None:
    _, err = run(table((*COAT, "$10", "€12"), header=(*HEADER, "price", "mrp")), failing="Nothing")
    assert 'mrp: "€12" is not in the currency of the price' in err


@pytest.mark.parametrize("text", ["<p>x</p><![foo[bar]]>", "<p>x</p><![>", "<p>x</p><![[a]>", "<p>x</p><![if a]>"])
def test_marked_sections_are_no_text(text: str) -> None:
    assert plain_text(text) in ("x", "x\n\n]>")


def test_letters_that_lower_case_makes_longer_hide_nothing() -> None:
    text = "İ" * 60 + "<style>a</style><p>keep</p><style>more text"
    assert plain_text(text).endswith("keep\n\nmore text")


@pytest.mark.parametrize(
    "text",
    ["x" + " " * 60_000 + "<b", "&lt;br" + " " * 60_000 + "&gt;", "<p>" + " " * 60_000 + "</p", "<b " * 20_000],
    ids=["cut", "escaped", "closing", "tags"],
)
def test_long_runs_of_spaces_take_no_time(text: str) -> None:
    plain_text(text)  # seconds if the time grew with the square of the length
