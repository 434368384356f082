"""What every response passes through."""

import logging
import re
from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from catalog.request_ids import accepted, request_id

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = "5"
UPLOADS_AT_ONCE = 5  # pictures of the largest size that one form may carry
BROKEN_BODY, ODD_CONTENT_TYPE = "shop.broken_body", "shop.odd_content_type"  # in META, see shop/incoming.py


class RequestIdMiddleware:
    """Every request has an id, its own or the one it came with, which its log lines and its answer name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        value = accepted(request.headers.get("X-Request-ID"))
        with request_id(value):
            response = self.get_response(request)
        response["X-Request-ID"] = value
        return response


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """The shop's strict policy, relaxed where a library's pages need it, and nowhere else."""

    RELAXED = {
        # Unfold's admin is built on Alpine, which evaluates attributes and sets styles.
        "admin": {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]},
        "api-docs": {"style-src": [SELF, UNSAFE_INLINE]},
    }

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        match = request.resolver_match
        relaxed = self.RELAXED.get((match.app_name or match.url_name or "") if match else "")
        if relaxed:
            response._csp_update = relaxed  # type: ignore[attr-defined]
        return super().process_response(request, response)


class DatabaseErrorMiddleware:
    """A database that is away is a 503 with a retry hint, text that it cannot hold a 400; never a traceback."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, DataError):
            return bad_request(request, error)
        if not isinstance(error, OperationalError | InterfaceError):
            return None
        logger.error("The database is not available: %s", error)
        return unavailable(request, "The shop's database does not answer. Please try again in a moment.")


def largest_request() -> int:
    """Bytes of a body."""
    return UPLOADS_AT_ONCE * settings.IMAGE_MAX_BYTES


class RequestSizeMiddleware:
    """Django writes a whole upload to disk before any view can refuse it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not re.fullmatch("[0-9]{1,18}", length):
            return refused(request, 400, "bad_request", "The header Content-Length is not a number.")
        if request.META.get(BROKEN_BODY):
            return refused(request, 400, "bad_request", "The body ended before it was complete.")
        if int(length) > largest_request():
            return refused(request, 413, "too_many_bytes", "The request is too large.")
        if request.META.get(ODD_CONTENT_TYPE):
            return refused(
                request, 415, "unsupported_media_type", "Send text in UTF-8; the header Content-Type says otherwise."
            )
        return self.get_response(request)


def refused(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"code": code, "detail": message}, status=status)
    return HttpResponse(message, status=status, content_type="text/plain")


def unavailable(request: HttpRequest, message: str) -> HttpResponse:
    headers = {"Retry-After": RETRY_AFTER_SECONDS}
    if request.path.startswith("/api/"):
        return JsonResponse({"code": "unavailable", "detail": message}, status=503, headers=headers)
    return HttpResponse(
        f"<!doctype html><title>Back in a moment</title><h1>Back in a moment</h1><p>{message}</p>",
        status=503,
        headers=headers,
    )


def bad_request(request: HttpRequest, error: Exception) -> HttpResponse:
    """For text that no database column can hold, such as a NUL byte in an address."""
    logger.info("Refused: %s", error)
    return HttpResponse("This address or form holds something that cannot be.", status=400, content_type="text/plain")
