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
from ml.files.catalog.exports.cells import MOST_ATTRIBUTES, Cells, attribute_name, distinct, whole_rows
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
_COMMA = re.compile(r"(?<!\\),")
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
    parents, attributes = _overview(table, cells, [cells.names[place] for place in kept])
    header = ["SKU", "Images", "Published", "Categories", "Brand", "Group", "Description", *attributes.values()]
    header += [cells.names[place] for place in kept]
    note = (
        "WooCommerce's export: variations are products of one group. Columns about checkout, taxes, downloads and meta "
    )
    note += "data are not read."
    rows = partial(_rows, table, cells, kept, attributes, parents)
    return replace(table, header=header, rows=rows, notes=(*table.notes, note))


def _overview(table: Table, cells: Cells, others: list[str]) -> tuple[set[str], dict[str, str]]:
    """What variations name as their parents, and key to column of the attributes."""
    parents: set[str] = set()
    found: dict[str, str] = {}
    taken = {key_of(name) for name in (*others, "Brand")}
    for row in whole_rows(table):
        if isinstance(row, tuple):
            parents.add(cells.get(row[1], "parent").casefold())
            for number in _ATTRIBUTES:
                if f"attribute{number}name" not in cells:
                    break
                hidden = cells.get(row[1], f"attribute{number}visible") == "0"
                name = "" if hidden else cells.get(row[1], f"attribute{number}name")
                if name and len(found) < MOST_ATTRIBUTES and (column := attribute_name(name, taken)):
                    found.setdefault(key_of(name), column)
    return parents - {""}, found


def _rows(
    table: Table, cells: Cells, kept: list[int], attributes: dict[str, str], parents: set[str]
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
            yield line, _product(cells, own, parent, kept, attributes)


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
        "|".join(distinct(part.strip() for part in _COMMA.split(inherited("images")))),
        "0" if hidden else cells.get(own, "published"),
        _deepest(inherited("categories")),
        _listed(inherited("brands"))[0] if inherited("brands") else "",
        cells.get(parent, "sku") or cells.get(own, "parent"),
        _LINE_END.sub("\n", inherited("description") or inherited("shortdescription")),
        *(values.get(key, "") for key in attributes),
        *(
            own[place] if own[place].strip() or plain(cells.names[place]) in _OWN else parent[place]
            for place in kept
        ),
    ]  # fmt: skip


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
        if name and value and cells.get(row, f"attribute{number}visible") != "0" and (single or "," not in value):
            found[key_of(name)] = value.replace("\\,", ",")
    return found


def _listed(text: str) -> list[str]:
    return [part.strip().replace("\\,", ",") for part in _COMMA.split(text) if part.strip()] or [""]


def _deepest(text: str) -> str:
    """Of "Clothing, Clothing > Hoodies", the last: a product here is in one category."""
    return max(_listed(text), key=lambda path: path.count(">"))
