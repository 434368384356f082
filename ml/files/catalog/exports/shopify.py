"""Shopify's export of products: a row per variant, and further rows with only a picture.

Source: https://help.shopify.com/en/manual/products/import-export/using-csv. Rows of one product have the same handle
and follow each other; what belongs to the product is only in the first one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ml.files.catalog.errors import Merged, RowError
from ml.files.catalog.exports.cells import MOST_ATTRIBUTES, Cells, Unique, attribute_name, distinct, tags, whole_rows
from ml.files.catalog.header.columns import key_of, plain
from ml.files.catalog.records import SKU_LENGTH
from ml.files.catalog.rows import Row, Table

_OPTIONS = range(1, 4)
_MOST_APART = 50_000  # rows of products whose rows are apart; they are in memory together
_MOST_FIRST = 10_000  # products whose first row is kept for rows that follow elsewhere
_MOST_ROWS = 2500  # of a product, which may have 2,048 variants; they are in memory together
_HANDLE = ("handle", "urlhandle")
_PICTURE, _OF_VARIANT = ("imagesrc", "productimageurl"), ("variantimage", "variantimageurl")
_SKU, _PRICE, _BARCODE = ("variantsku", "sku"), ("variantprice", "price"), ("variantbarcode", "barcode")
#: Fields that products have as options.
_FIELDS = frozenset({"size", "condition"})
_ALT, _POSITION = "imagealttext", "imageposition"
#: What a variant does not have from its product, besides names that begin with "variant".
_OWN = frozenset(plain(name) for name in (
    "SKU", "Barcode", "Price", "Sale price", "Compare-at price", "Compare at price", "Inventory quantity",
    "Cost per item",
))  # fmt: skip
#: Columns about shipping, taxes, search engines and markets, and those that are rewritten.
_UNREAD = re.compile(
    r"(product)?(category|type)|option[123](name|value|linkedto)|image(src|position|alttext)|productimageurl|variantimage(url)?"
    r"|variant(grams|inventorytracker|inventorypolicy|fulfillmentservice|requiresshipping|taxable|weightunit|taxcode)"
    r"|(variant)?unitprice.*|weight(value|unit).*|giftcard|seo.*|googleshopping.*|status|published(ononlinestore)?"
    r"|(url)?handle|chargetax|taxcode|inventorytracker|continuesellingwhenoutofstock|requiresshipping"
    r"|fulfillmentservice|(included|price|compareatprice)/.*|published(scope|at)|templatesuffix"
)
#: Metafields of Shopify's own apps: feeds and recommendations.
_APPS = re.compile(r"metafields\.(mm-google-shopping|shopify--discovery)")
_NOTE = (
    "Shopify's export: rows of one handle are variants of a product. Columns about shipping, taxes, markets and search "
    "engines are not read."
)


def recognises(header: Sequence[str]) -> bool:
    cells = Cells(header)
    return (
        any(name in cells for name in _HANDLE)
        and any(name in cells for name in _PICTURE)
        and "title" in cells
        and any(name in cells for name in ("option1value", "variantprice", "variantsku"))
    )


def rewritten(table: Table, note: str = _NOTE) -> Table:
    """
    Args:
        note: about what is not read.
    """
    cells = Cells(table.header)
    kept = [
        place for place, name in enumerate(cells.names) if not _UNREAD.fullmatch(plain(name)) and not _APPS.search(name)
    ]
    sku = next((place for name in _SKU if (place := cells.places.get(name)) is not None), None)
    kept = [place for place in kept if place != sku]
    options, apart = _overview(table, cells)
    kind = ["Type"] if "productcategory" in cells else []
    columns = Unique(
        ["SKU", "Image", "Alt text", "Published", "Group", "Product category", *kind],
        [*options.values(), *(cells.names[place] for place in kept)],
    )
    notes = [note] if note else []
    if apart:
        many = f"{len(apart):,} product{'s' * (len(apart) > 1)}"
        notes.append(f"Rows of {many} are not next to each other in {table.name}: they are put together.")
    products = _Products(table, cells, kept, options, columns, apart)
    return replace(table, header=columns.names, rows=products.rows, notes=(*table.notes, *notes))


def _overview(table: Table, cells: Cells) -> tuple[dict[str, str], set[str]]:
    """Key to column of the options of all products, such as Size and Material, and the handles whose rows are apart.
    "Title" is the option of a product without options."""
    found: dict[str, str] = {}
    seen: set[str] = set()
    apart: set[str] = set()
    current = ""
    for row in whole_rows(table):
        if not isinstance(row, tuple):
            continue
        handle = cells.get(row[1], *_HANDLE)
        if handle != current and handle in seen:
            apart.add(handle)
        seen.add(handle)
        current = handle
        for number in _OPTIONS:
            name = cells.get(row[1], f"option{number}name")
            if name and key_of(name) != "title" and len(found) < MOST_ATTRIBUTES:
                found.setdefault(key_of(name), attribute_name(name, _FIELDS))
    return found, apart - {""}


class _Products:
    def __init__(
        self,
        table: Table,
        cells: Cells,
        kept: list[int],
        options: dict[str, str],
        columns: Unique,
        apart: set[str],
    ) -> None:
        self.table, self.cells, self.kept, self.options = table, cells, kept, options
        self.columns, self.apart = columns, apart
        self._made: set[str] = set()
        self._first: dict[str, list[str]] = {}

    def rows(self) -> Iterator[Row | RowError]:
        """A row of another handle, or one that cannot be read, ends a product.

        A product whose rows are apart comes at the place of its first row.
        """
        self._made.clear()
        self._first.clear()
        gathered = self._gathered()
        product: list[Row] = []
        current = ""
        for row in whole_rows(self.table):
            handle = "" if isinstance(row, RowError) else self.cells.get(row[1], *_HANDLE)
            if product and (handle != current or len(product) >= _MOST_ROWS):
                yield from self._product(current, product)
                product = []
            current = handle
            if isinstance(row, RowError):
                yield row
            elif not handle:
                yield self._without_handle(*row)
            elif handle not in gathered:
                product.append(row)
            elif rows := gathered[handle]:
                gathered[handle] = []
                yield from self._product(handle, rows)
        if product:
            yield from self._product(current, product)

    def _gathered(self) -> dict[str, list[Row]]:
        """By handle, the rows of products whose rows are apart."""
        found: dict[str, list[Row]] = {}
        count = 0
        for row in whole_rows(self.table) if self.apart else ():
            handle = self.cells.get(row[1], *_HANDLE) if isinstance(row, tuple) else ""
            if isinstance(row, tuple) and handle in self.apart and (handle in found or count < _MOST_APART):
                found.setdefault(handle, []).append(row)
                count += 1
        return found

    def _without_handle(self, line: int, cells: list[str]) -> RowError:
        name = next(name for name in self.cells.names if plain(name) in _HANDLE)
        about = next((text for text in (self.cells.get(cells, each) for each in ("title", *_SKU)) if text), "")
        reason = f"{name} is empty, so the product of this row is unknown" + (f": {about}" if about else "")
        return RowError(self.table.name, line, "no_handle", reason)

    def _product(self, handle: str, rows: list[Row]) -> Iterator[Row | Merged]:
        # The first row need not be on top: somebody may have sorted the table.
        first = next((cells for _, cells in rows if self.cells.get(cells, "title")), None)
        first = first or self._first.get(handle, rows[0][1])
        if len(self._first) < _MOST_FIRST:
            self._first.setdefault(handle, first)
        gallery = self._gallery(rows) or self._gallery([(0, first)])
        of_variants = {self.cells.get(cells, *_OF_VARIANT) for _, cells in rows}
        names = [self.cells.get(first, f"option{number}name") for number in _OPTIONS]
        variants = [(line, cells) for line, cells in rows if self._is_variant(cells)]
        variants = variants or (rows[:1] if first is rows[0][1] else [])
        lines = {line for line, _ in variants}
        category, kind = (self.cells.get(first, name) for name in ("productcategory", "type"))
        rest = [picture for picture in gallery if picture not in of_variants]
        for number, (line, cells) in enumerate(variants):
            own = self.cells.get(cells, *_OF_VARIANT)
            pictures = distinct([own or next(iter(rest or gallery), ""), *(rest if number == 0 else [])])
            values = {
                key_of(name): value
                for name, place in zip(names, _OPTIONS, strict=True)
                if name and (value := self.cells.get(cells, f"option{place}value"))
            }
            sku = self.cells.get(cells, *_SKU) or self._sku(handle, [v for key, v in values.items() if key != "title"])
            made = [
                sku,
                "|".join(pictures),
                "|".join(gallery.get(picture, "").replace("|", "/") for picture in pictures).strip("|"),
                self._published(first, cells),
                handle,
                category or kind,
                *([kind if category else ""] if "productcategory" in self.cells else []),
                *(values.get(key, "") for key in self.options),
                *(self._inherited(place, cells, first) for place in self.kept),
            ]
            yield line, self.columns.row(made)
        yield from (Merged(self.table.name, line) for line, _ in rows if line not in lines)

    def _sku(self, handle: str, values: list[str]) -> str:
        """`coat-blue-l`, with a digest if that is too long or another variant has it: sizes 6 and 6+."""
        sku = "-".join([handle, *map(_word, values)])
        if len(sku) > SKU_LENGTH or sku in self._made:
            digest = hashlib.sha256("\0".join([handle, *values]).encode()).hexdigest()[:8]
            sku = f"{sku[: SKU_LENGTH - 9]}-{digest}"
        self._made.add(sku)
        return sku

    def _gallery(self, rows: list[Row]) -> dict[str, str]:
        """Pictures in their order, and their texts."""
        found = [
            (self.cells.get(cells, _POSITION), place, picture, self.cells.get(cells, _ALT))
            for place, (_, cells) in enumerate(rows)
            if (picture := self.cells.get(cells, *_PICTURE))
        ]
        found.sort(key=lambda each: (int(each[0]) if re.fullmatch("[0-9]{1,9}", each[0]) else len(rows), each[1]))
        texts: dict[str, str] = {}
        for _, _, picture, text in found:
            texts.setdefault(picture, text)
        return texts

    def _is_variant(self, cells: list[str]) -> bool:
        return bool(self.cells.get(cells, "title", *_SKU, *_PRICE, *_BARCODE, "option1value"))

    def _published(self, first: list[str], cells: list[str]) -> str:
        status = self.cells.get(first, "status").casefold()
        shown = next(
            filter(None, (self.cells.get(each, "published", "publishedononlinestore") for each in (cells, first))), ""
        )
        return status if status and status != "active" else shown

    def _inherited(self, place: int, cells: list[str], first: list[str]) -> str:
        name = plain(self.cells.names[place])
        if name == "tags":
            return tags(cells[place] if cells[place].strip() else first[place])
        return cells[place] if cells[place].strip() or name in _OWN or name.startswith("variant") else first[place]


def _word(text: str) -> str:
    return re.sub(r"[\W_]+", "-", text).strip("-").lower()
