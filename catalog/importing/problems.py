"""What the shop's catalog does not take, whatever file it comes from."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import chain

from django.core.exceptions import ValidationError

from catalog.attributes import validate_attributes
from catalog.models import Category, Product
from catalog.models.product import default_currency, validate_amounts
from ml.files.catalog.errors import RowError
from ml.files.catalog.records import Record

MOST_LEVELS = 20  # of categories; the path of a row in the tree has room for 63
ADDRESS_LENGTH = 255
#: One of Unicode's own (80 to 9F) may be a stray byte; several are Shift-JIS or the like, read as Latin-1.
_CONTROLS = re.compile("[\\x01-\\x08\\x0e-\\x1f\\x7f]|[\\x80-\\x9f].*[\\x80-\\x9f]", re.S)


def problem_of(record: Record) -> RowError | None:
    """Why the catalog does not take this record; None if it does."""
    texts = [record.sku, record.title, *record.category, record.description, record.brand]
    texts += [record.size, record.condition, record.url]
    if any("\0" in text or not _encodes(text) for text in [*texts, *chain(*record.pictures)]):
        reason = "contains a NUL byte or text that is not Unicode"
        return RowError(repr(record.file)[1:-1], record.line, "bad_text", reason)
    if any(_CONTROLS.search(text) for text in [*texts, *(str(each) for each in record.attributes.values())]):
        reason = "contains control characters, as text in the wrong encoding does: save the table as UTF-8"
        return RowError(record.file, record.line, "bad_text", reason)
    if max(map(len, record.category)) > 100 or len("/".join(record.category)) > 200:
        return RowError(record.file, record.line, "bad_category", "the name of the category is too long")
    if len(record.category) > MOST_LEVELS or _address_length(record.category) > ADDRESS_LENGTH:
        return RowError(record.file, record.line, "bad_category", "the category is too deep")
    try:
        validate_attributes(record.attributes)
    except ValidationError as error:
        return RowError(record.file, record.line, "bad_attributes", f"attributes: {error.messages[0]}")
    try:
        Product._meta.get_field("url").run_validators(record.url)
    except ValidationError as error:
        return RowError(record.file, record.line, "bad_url", f'url: "{record.url[:60]}": {error.messages[0]}')
    amounts = {"price": record.price, "compare_at_price": record.compare_at_price}
    try:
        validate_amounts(record.currency or default_currency(), **amounts)
    except ValidationError as error:
        name = next(iter(error.message_dict))
        return RowError(record.file, record.line, "bad_value", f'{name}: "{amounts[name]}": {error.messages[0]}')
    return None


@lru_cache
def _address_length(names: tuple[str, ...]) -> int:
    return len("/".join(Category(name=name).address_below(None) for name in names))


def _encodes(text: str) -> bool:
    """File names that are not UTF-8 reach Python as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
