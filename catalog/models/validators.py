"""Validators of single fields, for admin, API and importers."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ml.files.catalog.cells import BadCell, gtin_of

#: A web page; `javascript:` and other schemes would run in the shopper's browser.
validate_web_address = URLValidator(
    schemes=["http", "https"], message=_("Enter a web address that starts with https:// or http://.")
)


def validate_gtin(text: str) -> None:
    """
    Raises:
        ValidationError: not 8, 12, 13 or 14 digits, or a wrong check digit.
    """
    try:
        digits = gtin_of(text)
    except BadCell as error:
        raise ValidationError(f"This {error}.", "bad_gtin") from error
    if digits != text:
        raise ValidationError(gettext("Enter the digits without spaces or hyphens."), "bad_gtin")
