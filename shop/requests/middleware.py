"""What every response passes through."""

import re
from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from common.request_ids import accepted, request_id
from shop.requests import database_errors
from shop.requests.body_limits import body_limit
from shop.requests.problems import problem

BROKEN_BODY, ODD_CONTENT_TYPE = "shop.broken_body", "shop.odd_content_type"  # in META, see shop/requests/incoming.py


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
    """A database that is away or busy is a 503 with a retry hint, what it cannot hold a 400; never a traceback."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        fault = database_errors.fault_of(error)
        if fault is None:
            return None
        database_errors.log(fault, error)
        sentence = fault.sentence
        field = database_errors.longest_text(request.POST.dict()) if fault.too_long else None
        if field is not None:
            sentence = database_errors.sentence_for(field, error)
        return problem(request, fault.status, fault.code, sentence, wait=fault.wait)


class RequestSizeMiddleware:
    """Django writes a whole upload to disk before any view can refuse it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not re.fullmatch("[0-9]{1,18}", length):
            return problem(request, 400, "bad_request", "The header Content-Length is not a number.")
        if request.META.get(BROKEN_BODY):
            return problem(request, 400, "bad_request", "The body ended before it was complete.")
        if int(length) > body_limit(request.path_info):
            return problem(request, 413, "too_many_bytes", "The request is too large.")
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            return problem(request, 415, "unsupported_media_type", "Send the body as it is, without Content-Encoding.")
        if request.META.get(ODD_CONTENT_TYPE):
            sentence = "Send text in UTF-8; the header Content-Type says otherwise."
            return problem(request, 415, "unsupported_media_type", sentence)
        return self.get_response(request)
