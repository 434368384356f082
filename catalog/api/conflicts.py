"""Turns a constraint's refusal into an API error."""

from __future__ import annotations

from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.settings import api_settings

from catalog.conflicts import refusal


class Conflict(APIException):
    status_code = 409
    default_code = "conflict"


def conflict_error(error: Exception) -> APIException:
    """The API error for `error`: 400 by field, like a serializer error, or 409 if no value is at fault."""
    refused = refusal(error)
    if refused.code in {"conflict", "in_use"}:
        return Conflict(refused.message, refused.code)
    field = refused.field or api_settings.NON_FIELD_ERRORS_KEY
    return ValidationError({field: [ErrorDetail(refused.message, refused.code)]})
