"""Every error of the API has one shape: `{"code", "detail"}`, and `"errors"` by field if fields are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import IntegrityError
from django.http import JsonResponse, UnreadablePostError
from rest_framework.exceptions import APIException, ErrorDetail, ParseError, Throttled, ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.views import exception_handler

from catalog.api.conflicts import conflict_error
from catalog.api.errors import BodyTooLarge
from catalog.conflicts import lost_a_race
from shop.requests import database_errors
from shop.requests.database_errors import Fault
from shop.requests.limits import TOO_MANY


class DatabaseFault(APIException):
    """A database error as `shop.requests.database_errors` classifies it."""

    def __init__(self, fault: Fault) -> None:
        self.status_code = fault.status
        self.wait = fault.wait
        super().__init__(str(fault.sentence), fault.code)


def api_exception_handler(error: Exception, context: dict[str, Any]) -> JsonResponse | None:
    # A read that lost a race changed nothing: the client may retry, and caused no conflict.
    is_read = getattr(context.get("request"), "method", "") in SAFE_METHODS
    is_conflict = isinstance(error, IntegrityError) or (lost_a_race(error) and not is_read)
    fault = None if is_conflict else database_errors.fault_of(error)
    if is_conflict:
        error = conflict_error(error)
    elif fault is not None:
        database_errors.log(fault, error)
        error = _of_the_database(fault, error, context)
    elif isinstance(error, RequestDataTooBig):
        error = BodyTooLarge()
    elif isinstance(error, UnreadablePostError):
        error = ParseError("The body ended before it was complete.")
    elif isinstance(error, SuspiciousOperation):
        error = ParseError("The request has too many fields, or its fields are too large.")
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, ValidationError):
        found = error.get_full_details()
        response.data = {
            "code": "invalid",
            "detail": "Some fields are missing or wrong.",
            "errors": found if isinstance(found, dict) else {"non_field_errors": found},
        }
    elif isinstance(error, Throttled):
        seconds = max(1, ceil(float(response.get("Retry-After", "1"))))
        response.data = {"code": "throttled", "detail": TOO_MANY.format(seconds=seconds)}
    elif isinstance(error, APIException):
        response.data = {"code": error.get_codes(), "detail": str(error.detail)}
    elif isinstance(response.data, dict):
        response.data = {"code": "not_found" if response.status_code == 404 else "denied", **response.data}
    if response.status_code == 503:
        response.setdefault("Retry-After", str(database_errors.RETRY_S))
    # Not through the view's renderer: the schema's would answer in YAML.
    problem = JsonResponse(response.data, status=response.status_code)
    for name in ("WWW-Authenticate", "Retry-After"):
        if response.has_header(name):
            problem[name] = response[name]
    return problem


def _of_the_database(fault: Fault, error: Exception, context: dict[str, Any]) -> APIException:
    sent = getattr(context.get("request"), "data", None)
    field = database_errors.longest_text(sent) if fault.too_long and isinstance(sent, Mapping) else None
    if field is None:
        return DatabaseFault(fault)
    return ValidationError({field: [ErrorDetail(database_errors.sentence_for(field, error), fault.code)]})
