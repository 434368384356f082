"""Shopify's export of products: a row per variant, and further rows with only a picture.

Source: https://help.shopify.com/en/manual/products/import-export/using-csv. Rows of one product have the same handle
and follow each other; what belongs to the product is only in the first one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from ml.files.catalog.errors import Merged, RowError
from ml.files.catalog.exports.cells import Cells, distinct, whole_rows
from ml.files.catalog.header.columns import plain
from ml.files.catalog.rows import Row, Table

_OPTIONS = range(1, 4)
_HANDLE = ("handle", "urlhandle")
_PICTURE, _OF_VARIANT = ("imagesrc", "productimageurl"), ("variantimage", "variantimageurl")
_SKU, _PRICE, _BARCODE = ("variantsku", "sku"), ("variantprice", "price"), ("variantbarcode", "barcode")
_ALT, _POSITION = "imagealttext", "imageposition"
#: What a variant does not have from its product, besides names that begin with "variant".
_OWN = frozenset(plain(name) for name in (
    "SKU", "Barcode", "Price", "Compare-at price", "Compare at price", "Inventory quantity", "Cost per item",
))  # fmt: skip
#: Columns about shipping, taxes, search engines and markets, and those that are rewritten.
_UNREAD = re.compile(
    r"(product)?(category|type)|option[123](name|value|linkedto)|image(src|position|alttext)|productimageurl|variantimage(url)?"
    r"|variant(grams|inventorytracker|inventorypolicy|fulfillmentservice|requiresshipping|taxable|weightunit|taxcode)"
    r"|(variant)?unitprice.*|weight(value|unit).*|giftcard|seo.*|googleshopping.*|status|published(ononlinestore)?"
    r"|(url)?handle|chargetax|taxcode|inventorytracker|continuesellingwhenoutofstock|requiresshipping"
    r"|fulfillmentservice|(included|price|compareatprice)/.*|published(scope|at)|templatesuffix"
)


def recognises(header: Sequence[str]) -> bool:
    cells = Cells(header)
    return (
        any(name in cells for name in _HANDLE)
        and any(name in cells for name in _PICTURE)
        and "title" in cells
        and any(name in cells for name in ("option1value", "variantprice", "variantsku"))
    )


def rewritten(table: Table) -> Table:
    cells = Cells(table.header)
    kept = [place for place, name in enumerate(cells.names) if not _UNREAD.fullmatch(plain(name))]
    options = _option_names(table, cells)
    sku = next((place for name in _SKU if (place := cells.places.get(name)) is not None), None)
    kept = [place for place in kept if place != sku]
    header = [
        "SKU",
        "Image",
        "Alt text",
        "Published",
        "Group",
        "Product category",
        "Type",
        *options,
        *(cells.names[place] for place in kept),
    ]
    note = "Shopify's export: rows of one handle are variants of a product. Columns about shipping, taxes, markets and "
    note += "search engines are not read."
    products = _Products(table, cells, kept, options)
    return replace(table, header=header, rows=products.rows, notes=(*table.notes, note))


def _option_names(table: Table, cells: Cells) -> list[str]:
    """Of all products, such as Size and Material. "Title" is that of a product without options."""
    found: dict[str, str] = {}
    existing = {plain(name) for name in cells.names}
    for row in whole_rows(table):
        if isinstance(row, tuple):
            for number in _OPTIONS:
                name = cells.get(row[1], f"option{number}name")
                if name and plain(name) not in existing and len(found) < 100:
                    found.setdefault(plain(name), name)
    found.pop("title", None)
    return list(found.values())


class _Products:
    def __init__(self, table: Table, cells: Cells, kept: list[int], options: list[str]) -> None:
        self.table, self.cells, self.kept, self.options = table, cells, kept, options

    def rows(self) -> Iterator[Row | RowError]:
        """A row of another handle, or one that cannot be read, ends a product."""

        def handle(row: Row | RowError) -> str:
            return self.cells.get(row[1], *_HANDLE) if isinstance(row, tuple) else ""

        for shared, rows in groupby(whole_rows(self.table), handle):
            if shared:
                yield from self._product(shared, [row for row in rows if isinstance(row, tuple)])
            else:
                yield from rows

    def _product(self, handle: str, rows: list[Row]) -> Iterator[Row | Merged]:
        gallery = self._gallery(rows)
        of_variants = {self.cells.get(cells, *_OF_VARIANT) for _, cells in rows}
        names = [self.cells.get(rows[0][1], f"option{number}name") for number in _OPTIONS]
        variants = [(line, cells) for line, cells in rows if self._is_variant(cells)] or rows[:1]
        lines = {line for line, _ in variants}
        category, kind = (self.cells.get(rows[0][1], name) for name in ("productcategory", "type"))
        for number, (line, cells) in enumerate(variants):
            own = self.cells.get(cells, *_OF_VARIANT)
            rest = [picture for picture in gallery if picture not in of_variants]
            pictures = distinct([own or next(iter(rest or gallery), ""), *(rest if number == 0 else [])])
            values = {
                plain(name): value
                for name, place in zip(names, _OPTIONS, strict=True)
                if name and (value := self.cells.get(cells, f"option{place}value"))
            }
            sku = self.cells.get(cells, *_SKU) or "-".join([handle, *map(_word, values.values())])
            made = [
                sku,
                "|".join(pictures),
                "|".join(gallery.get(picture, "").replace("|", "/") for picture in pictures).strip("|"),
                self._published(rows[0][1]),
                handle,
                category or kind,
                kind if category else "",
                *(values.get(plain(name), "") for name in self.options),
                *(self._inherited(place, cells, rows[0][1]) for place in self.kept),
            ]
            yield line, made
        yield from (Merged(self.table.name, line) for line, _ in rows if line not in lines)

    def _gallery(self, rows: list[Row]) -> dict[str, str]:
        """Pictures in their order, and their texts."""
        found = [
            (self.cells.get(cells, _POSITION), place, picture, self.cells.get(cells, _ALT))
            for place, (_, cells) in enumerate(rows)
            if (picture := self.cells.get(cells, *_PICTURE))
        ]
        found.sort(key=lambda each: (int(each[0]) if each[0].isdecimal() else len(rows), each[1]))
        texts: dict[str, str] = {}
        for _, _, picture, text in found:
            texts.setdefault(picture, text)
        return texts

    def _is_variant(self, cells: list[str]) -> bool:
        return bool(self.cells.get(cells, "title", *_SKU, *_PRICE, *_BARCODE, "option1value"))

    def _published(self, cells: list[str]) -> str:
        status = self.cells.get(cells, "status").casefold()
        shown = self.cells.get(cells, "published", "publishedononlinestore")
        return status if status and status != "active" else shown

    def _inherited(self, place: int, cells: list[str], first: list[str]) -> str:
        name = plain(self.cells.names[place])
        return cells[place] if cells[place].strip() or name in _OWN or name.startswith("variant") else first[place]


def _word(text: str) -> str:
    return re.sub(r"[\W_]+", "-", text).strip("-").lower()
