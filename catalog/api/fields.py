"""Fields that accept exactly what the API's schema says.

REST framework's own fields are lenient: they accept "1_000", "٣" and "yes", numbers as text, and `NaN` as a number.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError as Invalid
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.utils.html import is_html_input

from catalog.attributes import KINDS, MOST, NAME_LENGTH, TEXT_LENGTH, validate_attributes
from catalog.models import Category
from catalog.models.former_address import category_at
from ml.files.catalog.cells import plain_amount

AMOUNT = r"^[0-9]{1,8}(\.[0-9]{1,2})?$"
#: Also with a decimal comma, and with thousands marked if the decimals show which sign is which.
QUERY_AMOUNT = (
    r"^([0-9]{1,8}([.,][0-9]{1,2})?|[1-9][0-9]{0,2}(,[0-9]{3})+\.[0-9]{1,2}|[1-9][0-9]{0,2}(\.[0-9]{3})+,[0-9]{1,2})$"
)


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Slug(Text, serializers.SlugField):
    pass


class WholeNumber(serializers.IntegerField):
    """Digits in a query string, a number in JSON."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str):
            if not (_from_form(self) and re.fullmatch(r"-?[0-9]{1,20}", data)):
                self.fail("invalid")
        elif isinstance(data, bool) or not (isinstance(data, int) or (isinstance(data, float) and data.is_integer())):
            self.fail("invalid")
        return int(data)


@extend_schema_field(
    {"anyOf": [{"type": "string", "format": "decimal", "pattern": AMOUNT}, {"type": "number", "minimum": 0}]}
)
class Amount(serializers.DecimalField):
    """An amount of money: `"49.90"`; in JSON also `49.9`."""

    def __init__(self, **options: Any) -> None:
        limits: dict[str, Any] = {"max_digits": 10, "decimal_places": 2, "min_value": Decimal(0)}
        super().__init__(**limits | options)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if isinstance(data, str) and not data.strip():  # REST framework treats it as null
            self.fail("invalid")
        return super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, str | int | float):
            self.fail("invalid")
        amount = super().to_internal_value(data)
        if isinstance(data, str) and not re.fullmatch(AMOUNT, data.removeprefix("-")):
            self.fail("invalid")
        return amount


@extend_schema_field({"type": "string", "pattern": QUERY_AMOUNT})
class QueryAmount(Amount):
    """An amount of money in a query string or form: `49.90`, `49,90` or `1.299,00`."""

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, str) and "," in data and re.fullmatch(QUERY_AMOUNT, data):
            data = plain_amount(data)
        return super().to_internal_value(data)


class Share(serializers.FloatField):
    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=0, max_value=1, **options)

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, str) and not re.fullmatch(r"[0-9.eE+-]{1,40}", data):
            self.fail("invalid")
        number = super().to_internal_value(data)
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class TrueOrFalse(serializers.BooleanField):
    default_error_messages = {"invalid": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if isinstance(data, bool):
            return data
        if not (_from_form(self) and data in ("true", "false")):
            self.fail("invalid")
        return bool(data == "true")


class CategoryAddress(Text):
    """A category by its address; cleans to the category."""

    default_error_messages = {"no_category": 'No category has the address "{address}".'}

    def __init__(self, **options: Any) -> None:
        described: dict[str, Any] = {
            "max_length": 255,
            "help_text": 'The category\'s address, for example "apparel/topwear/shirts".',
        }
        super().__init__(**described | options)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        address = super().run_validation(data)
        if not isinstance(address, str):
            return address
        category = category_at(address)
        if category is None:
            self.fail("no_category", address=address)
        return category

    def to_representation(self, category: Category) -> str:  # type: ignore[override]
        return category.address


@extend_schema_field(
    {
        "type": "object",
        "description": f"Values are {KINDS}.",
        "maxProperties": MOST,
        "propertyNames": {"minLength": 1, "maxLength": NAME_LENGTH},
        "additionalProperties": {
            "anyOf": [
                {"type": "string", "maxLength": TEXT_LENGTH},
                {"type": "number"},
                {"type": "boolean"},
                {"type": "array", "maxItems": MOST, "items": {"type": "string", "maxLength": TEXT_LENGTH}},
            ]
        },
        "example": {"colour": "Navy Blue", "sizes": ["38", "40"], "lined": True},
    }
)
class Attributes(serializers.Field):
    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            validate_attributes(data)
        except Invalid as error:
            raise serializers.ValidationError(error.messages, error.code) from error
        return data

    def to_representation(self, value: dict[str, Any]) -> dict[str, Any]:
        return value


def _from_form(field: serializers.Field) -> bool:
    """Whether all values are text, as in query strings and forms."""
    return is_html_input(getattr(field.root, "initial_data", None))
