"""WooCommerce's export of products: variations have rows of their own, and so has the product that they vary.

Source: https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from ml.files.catalog.errors import Merged, RowError
from ml.files.catalog.exports.cells import (
    MOST_ATTRIBUTES,
    Cells,
    Unique,
    attribute_name,
    listed,
    tags,
    whole_rows,
)
from ml.files.catalog.header.columns import key_of, plain
from ml.files.catalog.rows import Row, Table

_ATTRIBUTES = range(1, 101)
#: Columns about checkout, taxes and the page of a product, and those that are rewritten.
_UNREAD = re.compile(
    r"id|type|sku|images?|published|visibilityincatalog|categories|brands|parent|(short)?description"
    r"|isfeatured|datesaleprice(starts|ends)|taxstatus|taxclass|lowstockamount|backordersallowed|soldindividually"
    r"|allowcustomerreviews|purchasenote|shippingclass|download.*|groupedproducts|upsells|crosssells|buttontext"
    r"|position|attribute\d+.*|meta:.*|swatchesattributes"
)
_LINE_END = re.compile(r"(?<!\\)\\n")  # how the export writes one
_TAGS = "tags"
#: Fields that products have as attributes: the brand until WooCommerce 9.4, the GTIN until 9.2.
_FIELDS = frozenset({"size", "condition", "brand", "gtin"})
#: What a variation does not have from its product.
_OWN = frozenset(plain(name) for name in (
    "Name", "Regular price", "Sale price", "Stock", "In stock?", "GTIN, UPC, EAN, or ISBN", "External URL",
))  # fmt: skip


def recognises(header: Sequence[str]) -> bool:
    cells = Cells(header)
    return all(name in cells for name in ("type", "sku", "name", "published", "categories", "images")) and any(
        name in cells for name in ("parent", "taxstatus", "visibilityincatalog")
    )


def rewritten(table: Table) -> Table:
    cells = Cells(table.header)
    kept = [place for place, name in enumerate(cells.names) if not _UNREAD.fullmatch(plain(name))]
    parents, attributes = _overview(table, cells)
    columns = Unique(
        ["SKU", "Images", "Published", "Categories", "Brand", "Group", "Description"],
        [*(cells.names[place] for place in kept), *attributes.values()],
    )
    note = (
        "WooCommerce's export: variations are products of one group. Columns about checkout, taxes, downloads and meta "
    )
    note += "data are not read."
    rows = partial(_rows, table, cells, kept, attributes, parents, columns)
    return replace(table, header=columns.names, rows=rows, notes=(*table.notes, note))


def _overview(table: Table, cells: Cells) -> tuple[set[str], dict[str, str]]:
    """What variations name as their parents, and key to column of the attributes."""
    parents: set[str] = set()
    found: dict[str, str] = {}
    for row in whole_rows(table):
        if isinstance(row, tuple):
            parents.add(cells.get(row[1], "parent").casefold())
            for number in _ATTRIBUTES:
                if f"attribute{number}name" not in cells:
                    break
                hidden = cells.get(row[1], f"attribute{number}visible") == "0"
                name = "" if hidden else cells.get(row[1], f"attribute{number}name")
                if name and len(found) < MOST_ATTRIBUTES:
                    found.setdefault(key_of(name), attribute_name(name, _FIELDS))
    return parents - {""}, found


def _rows(
    table: Table, cells: Cells, kept: list[int], attributes: dict[str, str], parents: set[str], columns: Unique
) -> Iterator[Row | RowError]:
    known = _parents(table, cells, parents)
    for row in whole_rows(table):
        if not isinstance(row, tuple):
            yield row
            continue
        line, own = row
        kind = cells.get(own, "type").casefold()
        if ("variation" not in kind and _names(cells, own) & parents) or (
            "grouped" in kind and cells.get(own, "groupedproducts")  # its products have rows of their own
        ):
            yield Merged(table.name, line)
        else:
            parent = known.get(cells.get(own, "parent").casefold(), [""] * len(own))
            yield line, columns.row(_product(cells, own, parent, kept, attributes))


def _parents(table: Table, cells: Cells, parents: set[str]) -> dict[str, list[str]]:
    """By SKU and id, the rows of products that have variations, which may precede them."""
    found: dict[str, list[str]] = {}
    if parents:
        for row in whole_rows(table):
            if isinstance(row, tuple) and "variation" not in cells.get(row[1], "type").casefold():
                found.update(dict.fromkeys(_names(cells, row[1]) & parents, row[1]))
    return found


def _names(cells: Cells, row: list[str]) -> set[str]:
    """What variations may call this product."""
    return {cells.get(row, "sku").casefold(), f"id:{cells.get(row, 'id')}"} - {"", "id:"}


def _product(cells: Cells, own: list[str], parent: list[str], kept: list[int], attributes: dict[str, str]) -> list[str]:
    def inherited(*names: str) -> str:
        return cells.get(own, *names) or cells.get(parent, *names)

    hidden = any(
        cells.get(row, "visibilityincatalog").casefold() == "hidden" or cells.get(row, "published") in ("0", "-1")
        for row in (own, parent)
    )
    own = _as_sold(cells, own)
    values = _attributes(cells, parent, single=False) | _attributes(cells, own, single=True)
    return [
        cells.get(own, "sku") or "-".join(filter(None, (cells.get(parent, "sku"), cells.get(own, "id")))),
        "|".join(listed(inherited("images"))),
        "0" if hidden else cells.get(own, "published"),
        _deepest(inherited("categories")),
        next(iter(listed(inherited("brands"))), ""),
        cells.get(parent, "sku") or cells.get(own, "parent"),
        _LINE_END.sub("\n", inherited("description") or inherited("shortdescription")),
        *(
            tags(cell) if plain(cells.names[place]) == _TAGS else cell
            for place in kept
            for cell in [own[place] if own[place].strip() or plain(cells.names[place]) in _OWN else parent[place]]
        ),
        *(values.get(key, "") for key in attributes),
    ]


def _as_sold(cells: Cells, row: list[str]) -> list[str]:
    """Without a sale price that is over or to come, and without a stock if the product is marked as sold out."""
    row = [*row]
    today = datetime.now(UTC).date().isoformat()
    starts, ends = cells.get(row, "datesalepricestarts")[:10], cells.get(row, "datesalepriceends")[:10]
    if "saleprice" in cells and (starts > today or "" < ends < today):
        row[cells.places["saleprice"]] = ""
    if "stock" in cells and cells.get(row, "instock") == "0":
        row[cells.places["stock"]] = "0"
    return row


def _attributes(cells: Cells, row: list[str], *, single: bool) -> dict[str, str]:
    """By key. Of several values of a parent, none is known to be that of its variation."""
    found = {}
    for number in _ATTRIBUTES:
        if f"attribute{number}name" not in cells:
            break
        name = cells.get(row, f"attribute{number}name")
        value = cells.get(row, f"attribute{number}values", f"attribute{number}value(s)")
        if not name or not value or cells.get(row, f"attribute{number}visible") == "0":
            continue
        if (key := key_of(name)) == "brand":
            found[key] = listed(value)[0]
        elif single or "," not in value:
            found[key] = value.replace("\\,", ",")
    return found


def _deepest(text: str) -> str:
    """Of "Clothing, Clothing > Hoodies", the last: a product here is in one category."""
    return max(listed(text), key=lambda path: path.count(">"), default="")
