"""One shape for every error of the API: `{"code", "detail"}`, and `"errors"` by field where fields are wrong."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, JsonResponse
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from catalog.api.conflicts import conflict_error
from catalog.conflicts import lost_a_race
from shop.middleware import RETRY_AFTER_SECONDS


class DatabaseUnavailable(APIException):
    status_code = 503
    default_code = "unavailable"
    default_detail = "The shop's database does not answer. Please try again in a moment."


class BadRequest(APIException):
    """Text that no database column can hold: a NUL byte, a number beyond all bounds."""

    status_code = 400
    default_code = "bad_value"
    default_detail = "The request holds a value that cannot be stored or searched for."


def api_not_found(request: HttpRequest, unknown: str) -> JsonResponse:
    return JsonResponse({"code": "not_found", "detail": "There is no such address. See /api/v1/docs/."}, status=404)


def api_exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    if isinstance(error, IntegrityError) or lost_a_race(error):
        error = conflict_error(error)
    elif isinstance(error, OperationalError | InterfaceError):
        error = DatabaseUnavailable()
    elif isinstance(error, DataError):
        error = BadRequest()
    elif isinstance(error, SuspiciousOperation):
        error = ParseError("The request has too many fields, or too large ones.")
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, ValidationError) and isinstance(error.detail, dict):
        response.data = {
            "code": "invalid",
            "detail": "Some fields are missing or wrong.",
            "errors": error.get_full_details(),
        }
    elif isinstance(error, APIException):
        response.data = {"code": error.get_codes(), "detail": str(error.detail)}
    elif isinstance(response.data, dict):
        response.data = {"code": "not_found" if response.status_code == 404 else "denied", **response.data}
    if response.status_code == 503:
        response["Retry-After"] = RETRY_AFTER_SECONDS
    return response
