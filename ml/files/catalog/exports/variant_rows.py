"""Exports of Wix, Squarespace and BigCommerce: the row of a product, followed by rows of its variants.

Sources: https://support.wix.com/en/article/wix-stores-formatting-your-csv-file-to-import-products and
https://support.squarespace.com/hc/en-us/articles/115000378108.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from ml.files.catalog.cells import AVAILABLE, UNAVAILABLE, BadCell, present, price_of, unaccented
from ml.files.catalog.errors import Merged, RowError
from ml.files.catalog.exports.cells import Cells, listed, whole_rows
from ml.files.catalog.rows import Row, Table

_AMOUNT = re.compile(r"[0-9](?:.*[0-9])?", re.S)  # next to the sign of a currency
_OPTIONS = range(1, 4)
_SECTIONS = range(1, 7)
#: Columns of Shopify's export that both are rewritten to. Others have the names that the reader of tables knows.
_HEADER = (
    "Handle", "Title", "Description", "Brand", "Categories", "Tags", "Published", "SKU", "Price", "Sale price",
    "Inventory quantity", "Image Src", *(f"Option{place} {part}" for place in _OPTIONS for part in ("Name", "Value")),
)  # fmt: skip


def of_wix(header: Sequence[str]) -> bool:
    cells = Cells(header)
    return all(name in cells for name in ("handleid", "fieldtype", "name", "productimageurl"))


def of_squarespace(header: Sequence[str]) -> bool:
    cells = Cells(header)
    return all(name in cells for name in ("title", "sku", "hostedimageurls"))


def of_bigcommerce(header: Sequence[str]) -> bool:
    cells = Cells(header)
    return all(name in cells for name in ("itemtype", "productname", "productcode/sku"))


def bigcommerce(table: Table) -> Table:
    """Without rows of options and rules, whose names are such as `[S]Size=M`."""
    cells = Cells(table.header)

    def rows() -> Iterator[Row | RowError]:
        for row in table.rows():
            is_part = isinstance(row, tuple) and cells.get(row[1], "itemtype").casefold() in ("sku", "rule")
            yield Merged(table.name, row[0]) if isinstance(row, tuple) and is_part else row

    note = "BigCommerce's export: rows of SKUs and rules belong to the product above them and are no products."
    return replace(table, rows=rows, notes=(*table.notes, note))


def wix(table: Table) -> Table:
    note = (
        "Wix's export: variants of a product are products of one group, and their prices include the surcharge. Text "
    )
    note += "sections follow the description. Columns about custom texts, weights and ribbons are not read."
    rows = partial(_wix_rows, table, Cells(table.header))
    return replace(table, header=[*_HEADER], rows=rows, notes=(*table.notes, note))


def squarespace(table: Table) -> Table:
    note = "Squarespace's export: variants of a product are products of one group. Sale prices count while On Sale is "
    note += "yes. Columns about weights and sizes of parcels are not read."
    rows = partial(_squarespace_rows, table, Cells(table.header))
    return replace(table, header=[*_HEADER], rows=rows, notes=(*table.notes, note))


def _wix_rows(table: Table, cells: Cells) -> Iterator[Row | RowError]:
    """A product with variants is a row only of theirs."""
    product: Row | None = None
    used = False
    for row in whole_rows(table):
        is_variant = isinstance(row, tuple) and cells.get(row[1], "fieldtype").casefold() == "variant"
        if product and not used and not is_variant:
            yield product[0], _of_wix(cells, product[1], None)
        if not isinstance(row, tuple):
            product = None
            yield row
        elif not is_variant:
            product, used = row, False
        elif product and cells.get(row[1], "handleid") == cells.get(product[1], "handleid"):
            if not used:
                yield Merged(table.name, product[0])
            used = True
            yield row[0], _of_wix(cells, product[1], row[1])
        else:
            yield row[0], _of_wix(cells, row[1], row[1])
    if product and not used:
        yield product[0], _of_wix(cells, product[1], None)


def _of_wix(cells: Cells, product: list[str], variant: list[str] | None) -> list[str]:
    own = product if variant is None else variant
    sections = [
        f"<h3>{title}</h3>{text}"
        for place in _SECTIONS
        if (text := cells.get(product, f"additionalinfodescription{place}"))
        for title in [cells.get(product, f"additionalinfotitle{place}")]
    ]
    price = _sum(cells.get(product, "price"), cells.get(own, "surcharge"))
    options = [
        cell
        for place in _OPTIONS
        for cell in (
            cells.get(product, f"productoptionname{place}"),
            cells.get(variant, f"productoptiondescription{place}") if variant else "",
        )
    ]
    hidden = [each for each in (product, own) if cells.get(each, "visible").casefold() == "false"]
    return [
        cells.get(product, "handleid"),
        cells.get(product, "name"),
        "".join([cells.get(product, "description"), *sections]),
        cells.get(product, "brand"),
        cells.get(product, "collection"),
        "",
        "false" if hidden else "true",
        cells.get(own, "sku"),
        price,
        _reduced(price, cells.get(product, "discountmode"), cells.get(product, "discountvalue")),
        _stock(cells.get(own, "inventory")),
        "|".join(part.strip() for part in cells.get(product, "productimageurl").split(";") if part.strip()),
        *options,
    ]


def _squarespace_rows(table: Table, cells: Cells) -> Iterator[Row | RowError]:
    handle = ""
    for row in whole_rows(table):
        if not isinstance(row, tuple):
            yield row
            continue
        line, own = row
        if cells.get(own, "title"):
            handle = cells.get(own, "producturl", "productid", "sku")
        options = [cells.get(own, f"option{part}{place}") for place in _OPTIONS for part in ("name", "value")]
        on_sale = cells.get(own, "onsale").casefold() in ("yes", "true", "1")
        paths = [path.strip("/ ") for path in listed(cells.get(own, "categories"))]
        yield (
            line,
            [
                handle,
                cells.get(own, "title"),
                cells.get(own, "description"),
                "",
                ";".join(paths),
                cells.get(own, "tags"),
                cells.get(own, "visible"),
                cells.get(own, "sku"),
                cells.get(own, "price"),
                cells.get(own, "saleprice") if on_sale else "",
                _stock(cells.get(own, "stock")),
                "|".join(re.split(r"[\s,]+(?=https?:)", cells.get(own, "hostedimageurls"))),
                *options,
            ],
        )


def _stock(text: str) -> str:
    """Empty without a number, 0 if it is sold out."""
    word = re.sub(r"[\s_-]+", " ", unaccented(text))
    if word in UNAVAILABLE:
        return "0"
    return "" if word == "unlimited" or (word in AVAILABLE and not word.isdigit()) else text


def _sum(price: str, surcharge: str) -> str:
    """The price with its sign; what is no price stays, and is refused by the reader of tables."""
    try:
        amount, more = price_of(price).amount, price_of(present(surcharge) or "0").amount
    except BadCell:
        return price
    return _AMOUNT.sub(f"{amount + more:.2f}", price, count=1) if more else price


def _reduced(price: str, mode: str, value: str) -> str:
    """The price now; empty if it is not reduced."""
    try:
        amount, discount = price_of(price).amount, price_of(present(value) or "0").amount
    except BadCell:
        return ""
    off = amount * discount / 100 if mode.upper() == "PERCENT" else discount
    return _AMOUNT.sub(f"{amount - off:.2f}", price, count=1) if 0 < off < amount else ""
