"""Rows of a table as products, in any layout that has a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar

from ml.files.catalog.cells import (
    ABSENT,
    BROKEN,
    BadCell,
    Price,
    available_of,
    category_of,
    currency_for,
    currency_of,
    deepest,
    gtin_of,
    identifier,
    one_line,
    present,
    price_of,
    published_of,
    size_of,
    stock_of,
    stock_or_word_of,
    whole,
    whole_identifier,
)
from ml.files.catalog.errors import RowError
from ml.files.catalog.header.columns import STYLE, Columns, number_of, plain
from ml.files.catalog.markup import plain_text, without_entities
from ml.files.catalog.named import NamedPictures
from ml.files.catalog.records import (
    ALT_LENGTH,
    BRAND_LENGTH,
    DESCRIPTION_LENGTH,
    SKU_LENGTH,
    TITLE_LENGTH,
    UNSORTED,
    URL_LENGTH,
    WORD_LENGTH,
    Record,
)
from ml.files.catalog.rows import Table
from ml.files.tables import restored

T = TypeVar("T")
SHOWN = 60  # characters of a cell in an error
#: A text of only these and spaces is empty.
INVISIBLE = " \t\r\n\u00a0\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2060\ufeff"
#: Columns of numbers that pandas writes as 9001.0 if any cell of theirs is empty.
WHOLE = frozenset({"sku", "size", "gtin", "group"})
_LINES = frozenset({"description", "image", "more_images"})  # that may have several
_WORDS = frozenset({"title", "brand", "category", "condition", "alt"})  # that shoppers read


def records_of(table: Table, columns: Columns, names: Iterable[str], currency: str) -> Iterator[Record | RowError]:
    """The product of each row, or everything that is wrong with it.

    Args:
        names: of all files in the archive.
        currency: meant by a sign that several currencies share.
    """
    rows = _Rows(table, columns, NamedPictures(names, table.folder), currency)
    for row in table.rows():
        if isinstance(row, RowError):
            yield row
        else:
            yield from rows.read(*row)


class _Rows:
    def __init__(self, table: Table, columns: Columns, files: NamedPictures, currency: str) -> None:
        self.table, self.columns, self.files, self.currency = table, columns, files, currency
        self.gtins: dict[str, tuple[int, str]] = {}  # → line and group of the first row with it

    def read(self, line: int, cells: list[str]) -> list[Record | RowError]:
        cells = self._fitted(cells)
        if problem := self._shape(cells):
            return [RowError(self.table.name, line, "bad_columns", problem)]
        row = _Row(self, line, [restored(cell.strip()) for cell in cells])
        record = row.record()
        return [*row.problems] if row.refused else [record, *row.problems]

    def _fitted(self, cells: list[str]) -> list[str]:
        """Without empty cells beyond the last column, and in Kaggle's layout with a title whose commas lack quotes."""
        width, title = len(self.columns.names), self.columns.fields.get("title")
        while len(cells) > width and not cells[-1].strip():
            cells = cells[:-1]
        surplus = len(cells) - width
        if surplus <= 0 or title is None or not self.columns.is_kaggle:
            return cells
        name = ",".join(cells[title : title + surplus + 1])
        joined = [*cells[:title], name, *cells[title + surplus + 1 :]]
        image = self.columns.fields.get("image")
        if title == width - 1 or (image is not None and self.files.has(joined[image].strip())):
            return joined
        return cells

    def _shape(self, cells: list[str]) -> str | None:
        names = self.columns.names
        if len(cells) != len(names):
            return f"{len(cells)} columns instead of {len(names)}"
        for number, (name, cell) in enumerate(zip(names, cells, strict=True), start=1):
            if not name and cell.strip() and not (number == 1 and cell.strip().isdigit()):  # the index of pandas
                return f'column {number} has no name in the header, but contains "{cell.strip()[:SHOWN]}"'
        return None


class _Row:
    def __init__(self, rows: _Rows, line: int, cells: list[str]) -> None:
        self.rows, self.line, self.cells = rows, line, cells
        self.problems: list[RowError] = []
        self.refused = False

    def record(self) -> Record:
        sku = self._value("sku", whole_identifier) or ""
        if not self._text("sku") or len(sku) > SKU_LENGTH:
            what = f"is longer than {SKU_LENGTH} characters" if sku else "is empty"
            self._refuse_row("bad_sku", f"{self._name('sku')} {what}")
        attributes = self._attributes()
        title = self._title(attributes.get("colour", ""))
        images = self._images(sku)
        category = self._category()
        price, former = self._prices()
        stated = self._value("currency", currency_of)
        currency = self._currency(price, stated)
        kind = self._levels()[-1] if self.rows.columns.is_kaggle else (category[-1] if category else "")
        labels = {"type": kind} | {name: attributes.get(name, "") for name in ("colour", "gender")}
        return Record(
            file=self.rows.table.name,
            line=self.line,
            sku=sku,
            title=title,
            category=category or (UNSORTED,),
            image=images[0] if images else None,
            more_images=images[1:],
            alts=self._alts(len(images)),
            attributes=attributes,
            price=price.amount if price else None,
            compare_at_price=former,
            currency=currency,
            currency_guessed=bool(price and len(price.currencies) > 1 and currency not in (stated, self.rows.currency)),
            stock=self._stock(),
            published=self._value("published", self._published_of) is not False,
            description=self._description(),
            brand=self._short("brand", BRAND_LENGTH),
            gtin=self._gtin(),
            size=self._or_without("size", self._short("size", WORD_LENGTH), size_of),
            condition=self._short("condition", WORD_LENGTH),
            url=self._url(),
            labels={label: text for label, text in labels.items() if text},
            name=self._text("title"),
        )

    def _title(self, colour: str) -> str:
        """In Kaggle's layout, a missing title is made up, and a long one cut."""
        if not self.rows.columns.is_kaggle:
            if not self._text("title"):
                self._refuse_row("no_title", f"{self._name('title')} is empty")
            return self._short("title", TITLE_LENGTH)
        levels = self._levels()
        title = self._text("title") or " ".join(filter(None, (colour, levels[-1])))
        if not title:
            self._refuse_row("no_title", f"product {self._text('sku')} has neither a name nor a type")
        return title[:TITLE_LENGTH]

    def _images(self, sku: str) -> tuple[str, ...]:
        """In Kaggle's layout, a product without a usable cell for its picture has the one named like its SKU."""
        more = self._pictures("more_images")
        return tuple(dict.fromkeys((*self._main_images(sku, bool(more)), *more)))

    def _pictures(self, field: str) -> tuple[str, ...]:
        """The files that all columns of the field name."""
        cells = [(place, text) for place in self.rows.columns.places(field) if (text := self._cell(field, place))]
        found = [
            name for place, text in cells for name in self._parsed(field, place, text, self.rows.files.named) or ()
        ]
        return tuple(dict.fromkeys(found))

    def _main_images(self, sku: str, has_more: bool) -> tuple[str, ...]:
        files = self.rows.files
        if not self.rows.columns.is_kaggle:
            if not self._text("image") and not has_more:
                reason = f"{self._name('image')} is empty, so {f'product {sku}' if sku else 'the row'} has no picture"
                self._report("no_image", reason)
            return self._pictures("image")
        cell, of_sku = self._text("image"), files.of_sku(sku, self.cells[self.rows.columns.fields["sku"]])
        if not cell or (of_sku in files.exact and not files.has(cell)):
            return (of_sku,)
        return self._pictures("image")

    def _category(self) -> tuple[str, ...]:
        if not self.rows.columns.is_kaggle:
            return self._value("category", lambda text: category_of(deepest(text))) or ()
        return tuple(dict.fromkeys(filter(None, self._levels())))  # "Watches > Watches" is one category

    def _levels(self) -> list[str]:
        return [present(self.cells[place]) for place in self.rows.columns.levels]

    def _attributes(self) -> dict[str, str]:
        columns = self.rows.columns
        cells = {
            name: next(filter(None, (whole(present(self.cells[each]), digits=2) for each in columns.places(name))), "")
            for name in columns.attributes
        }
        cells[STYLE] = self._value("group", whole_identifier) or cells.get(STYLE, "")
        return {name: cell for name, cell in cells.items() if cell}

    def _prices(self) -> tuple[Price | None, Decimal | None]:
        """The price, and the former one. A product that is not reduced is imported without a former price."""
        price, former = self._amount("price"), self._amount("compare_at_price")
        field, sale = "compare_at_price", self._sale()
        if sale and price is None:
            price = sale
        elif sale and price:
            self._check_currency("sale_price", sale, price)
            if sale.amount < price.amount:
                usual = price
                price = Price(sale.amount, sale.currencies or price.currencies)
                former = former or usual
            elif sale.amount > price.amount:
                self._report("not_reduced", self._about("sale_price", "is above the price, so it is not used"))
        if former and price:
            self._check_currency(field, former, price)
        if former is None or self.refused:
            return price, None
        if price is None or former.amount <= price.amount:
            reason = "is not above the price, so it is not used"
            self._report("not_reduced", self._about(field, reason))
            return price, None
        return price, former.amount

    def _sale(self) -> Price | None:
        """The sale price, if there is a sale today. Many exports write 0 where there is none."""
        sale = self._amount("sale_price")
        if sale and not sale.amount:
            self._report("not_reduced", self._about("sale_price", "is no sale price, so it is not used"))
            return None
        days = re.findall(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", self._text("sale_price_dates"))
        is_now = not days or days[0] <= datetime.now(UTC).date().isoformat() <= (days[1:] or ["9999"])[0]
        return sale if is_now else None

    def _check_currency(self, field: str, amount: Price, price: Price) -> None:
        if price.currencies and amount.currencies and not {*price.currencies} & {*amount.currencies}:
            self._bad(field, "is not in the currency of the price")

    def _amount(self, field: str) -> Price | None:
        """With the currency that the name of the column states, if the cell states none."""

        def parse(text: str) -> Price:
            price, named = price_of(text), self.rows.columns.currencies(field)
            if not named or not price.currencies:
                return Price(price.amount, price.currencies or named)
            both = tuple(each for each in price.currencies if each in named)
            if not both:
                raise BadCell("is not in the currency that its column is named after")
            return Price(price.amount, both)

        return self._value(field, parse)

    def _currency(self, price: Price | None, column: str | None) -> str | None:
        try:
            return currency_for(price, column, self.rows.currency) or column
        except BadCell as error:
            self._bad("price" if self._text("price") else "sale_price", str(error))
            return column

    def _gtin(self) -> str:
        gtin = self._or_without("gtin", self._text("gtin"), gtin_of)
        group = self._text("group")
        line, other = self.rows.gtins.setdefault(gtin, (self.line, group))
        if gtin and line != self.line and not (group and group == other):  # variations may have that of their product
            self._report("same_gtin", self._about("gtin", f"is also the GTIN of line {line}: one of them is wrong"))
        return gtin

    def _or_without(self, field: str, text: str, parse: Callable[[str], str]) -> str:
        """A product with a bad cell of these fields is imported without it."""
        try:
            return parse(text) if text else ""
        except BadCell as error:
            self._report(f"bad_{field}", self._about(field, f"{error}. The product is imported without it"))
            return ""

    def _stock(self) -> int | None:
        """The number in stock takes precedence over the availability. Less than none is none: it was oversold."""
        if re.fullmatch(r"-[0-9]{1,9}(\.0+)?", self._text("stock")):
            self._report("oversold", self._about("stock", "is negative, so it is read as 0"))
            return 0
        stock = self._value("stock", stock_or_word_of)
        if stock is None and self._counts("availability"):
            return self._value("availability", stock_of)
        available = self._value("availability", available_of)
        return 0 if stock is None and available is False else stock

    def _published_of(self, text: str) -> bool:
        """Magento's product_online is 1 or 2, for enabled and disabled."""
        is_magento = plain(self._name("published")) == "productonline"
        return False if is_magento and text == "2" else published_of(text)

    def _counts(self, field: str) -> bool:
        """Whether a cell "In stock" has a number instead of yes or no. 1 below "In stock?" is yes, as is 1.0."""
        text = self._text(field)
        return text.isdecimal() and (text not in ("0", "1") or self._name(field).lower() in ("in stock", "in_stock"))

    def _alts(self, images: int) -> tuple[str, ...]:
        """One text for each picture, in the same order; a semicolon is part of a text.

        Numbered columns of texts belong to the pictures in the columns of these numbers.
        """
        columns, text = self.rows.columns, self._text("alt")
        alts = tuple(alt.strip() for alt in text.split("|")) if images > 1 else (text,)
        texts = {number_of(columns.names[place]): self._cell("alt", place) for place in columns.places("alt")}
        if any(texts):
            filled = [place for place in columns.places("image") if self._cell("image", place)]
            alts = tuple(texts.get(number_of(columns.names[place]), "") for place in filled[:images])
        if len(alts) > max(images, 1):
            self._bad("alt", f"has {len(alts)} texts for {images} pictures")
        if any(len(alt) > ALT_LENGTH for alt in alts):
            self._bad("alt", f"is longer than {ALT_LENGTH} characters")
        return alts

    def _description(self) -> str:
        text = plain_text(self._text("description"))
        if len(text) > DESCRIPTION_LENGTH:
            self._bad("description", f"is longer than {DESCRIPTION_LENGTH:,} characters")
        return text

    def _short(self, field: str, most: int) -> str:
        text = self._text(field)
        if len(text) > most:
            self._bad(field, f"is longer than {most:,} characters")
        return text

    def _url(self) -> str:
        """Empty for a path without a host: that of the page in the shop that wrote the table."""
        text = self._short("url", URL_LENGTH)
        return "" if text.startswith("/") and not text.startswith("//") else text

    def _value(self, field: str, parse: Callable[[str], T]) -> T | None:
        text = self._text(field)
        return self._parsed(field, self._place(field), text, parse) if text else None

    def _parsed(self, field: str, place: int, text: str, parse: Callable[[str], T]) -> T | None:
        try:
            return parse(text)
        except BadCell as error:
            self._refuse_row("bad_value", self._about(field, str(error), place))
            return None

    def _text(self, field: str) -> str:
        return self._cell(field, self._place(field)) if field in self.rows.columns.fields else ""

    def _place(self, field: str) -> int:
        """The column of the field, of several the first one that is not empty."""
        first, *others = self.rows.columns.places(field)
        return next((place for place in (first, *others) if self._cell(field, place)), first) if others else first

    def _cell(self, field: str, place: int) -> str:
        text = self.cells[place].strip(INVISIBLE)
        text = text if field in _LINES else one_line(text)
        may_be_a_name = field == "title" and not self.rows.columns.is_kaggle
        text = present(text, BROKEN if may_be_a_name else ABSENT)
        if field in WHOLE:
            return whole(identifier(text))
        return without_entities(text) if field in _WORDS else text

    def _name(self, field: str) -> str:
        return self.rows.columns.names[self._place(field)]

    def _bad(self, field: str, reason: str) -> None:
        self._refuse_row("bad_value", self._about(field, reason))

    def _about(self, field: str, reason: str, place: int | None = None) -> str:
        place = self._place(field) if place is None else place
        text = self._cell(field, place)
        shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
        return f'{self.rows.columns.names[place]}: "{shown}" {reason}'

    def _refuse_row(self, code: str, reason: str) -> None:
        self.refused = True
        self._report(code, reason, kept=False)

    def _report(self, code: str, reason: str, *, kept: bool = True) -> None:
        self.problems.append(RowError(self.rows.table.name, self.line, code, reason, kept))
