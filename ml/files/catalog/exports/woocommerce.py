"""WooCommerce's export of products: variations have rows of their own, and so has the product that they vary.

Source: https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
    known: dict[str, list[str]] = {}  # parents
    for row in whole_rows(table):
        if not isinstance(row, tuple):
            yield row
            continue
        line, own = row
        kind = cells.get(own, "type").casefold()
        names = {cells.get(own, "sku").casefold(), f"id:{cells.get(own, 'id')}"} - {"", "id:"}
        if "variation" not in kind and names & parents:
            known.update(dict.fromkeys(names, own))
            yield Merged(table.name, line)
        elif "grouped" in kind and cells.get(own, "groupedproducts"):
            yield Merged(table.name, line)  # the products of the group have rows of their own
        else:
            parent = known.get(cells.get(own, "parent").casefold(), [""] * len(own))
            yield line, _product(cells, own, parent, kept, attributes)


def _product(cells: Cells, own: list[str], parent: list[str], kept: list[int], attributes: dict[str, str]) -> list[str]:
    def inherited(*names: str) -> str:
        return cells.get(own, *names) or cells.get(parent, *names)

    hidden = inherited("visibilityincatalog").casefold() == "hidden"
    values = _attributes(cells, parent, single=False) | _attributes(cells, own, single=True)
    return [
        cells.get(own, "sku") or "-".join(filter(None, (cells.get(parent, "sku"), cells.get(own, "id")))),
        "|".join(distinct(part.strip() for part in _COMMA.split(inherited("images")))),
        "0" if hidden else cells.get(own, "published"),
        _deepest(inherited("categories")),
        _listed(inherited("brands"))[0] if inherited("brands") else "",
        cells.get(parent, "sku") or cells.get(own, "parent"),
        cells.get(own, "description", "shortdescription") or cells.get(parent, "description", "shortdescription"),
        *(values.get(key, "") for key in attributes),
        *(
            own[place] if own[place].strip() or plain(cells.names[place]) in _OWN else parent[place]
            for place in kept
        ),
    ]  # fmt: skip


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
