"""Checks of single fields, for every door: admin, API and importers."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from ml.files.catalog.cells import BadCell, gtin_of

#: A page on the web: `javascript:` and other schemes would run in the shopper's browser.
validate_web_address = URLValidator(
    schemes=["http", "https"], message="Enter a web address that begins with https:// or http://."
)


def validate_gtin(text: str) -> None:
    """
    Raises:
        ValidationError: not 8, 12, 13 or 14 digits, or the check digit does not fit the others.
    """
    try:
        digits = gtin_of(text)
    except BadCell as error:
        raise ValidationError(f"This {error}.", "bad_gtin") from error
    if digits != text:
        raise ValidationError("Enter the digits without spaces or hyphens.", "bad_gtin")
