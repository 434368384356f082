"""Middleware of every request and response."""

import re
from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.request_ids import accepted, request_id
from shop.requests import database_errors
from shop.requests.body_limits import body_limit
from shop.requests.problems import problem

BROKEN_BODY, ODD_CONTENT_TYPE = "shop.broken_body", "shop.odd_content_type"  # in META, see shop/requests/incoming.py


class RequestIdMiddleware:
    """Gives every request an id, for its log lines and its response: the one it came with, or a new one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        value = accepted(request.headers.get("X-Request-ID"))
        with request_id(value):
            response = self.get_response(request)
        response["X-Request-ID"] = value
        return response


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """The shop's strict policy, relaxed only for the pages of libraries that need it."""

    RELAXED = {
        # Unfold uses Alpine, which evaluates attributes and sets inline styles.
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
    """An unreachable or busy database is a 503 with Retry-After, a value it cannot store a 400; never a traceback."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        fault = database_errors.fault_of(error)
        if fault is None:
            return None
        database_errors.log(fault, error)
        sentence: str | Promise = fault.sentence
        field = database_errors.longest_text(request.POST.dict()) if fault.too_long else None
        if field is not None:
            sentence = database_errors.sentence_for(field, error)
        return problem(request, fault.status, fault.code, sentence, wait=fault.wait)


class RequestSizeMiddleware:
    """Refuses oversized and unreadable bodies by their headers: Django writes a whole upload to disk before a view
    can refuse it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not re.fullmatch("[0-9]{1,18}", length):
            return problem(request, 400, "bad_request", _("The Content-Length header is not a number."))
        if request.META.get(BROKEN_BODY):
            return problem(request, 400, "bad_request", _("The body ended before it was complete."))
        if int(length) > body_limit(request.path_info):
            return problem(request, 413, "too_many_bytes", _("The request is too large."))
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            sentence = _("Send the body without Content-Encoding.")
            return problem(request, 415, "unsupported_media_type", sentence)
        if request.META.get(ODD_CONTENT_TYPE):
            sentence = _("Send text in UTF-8. The Content-Type header names another encoding.")
            return problem(request, 415, "unsupported_media_type", sentence)
        return self.get_response(request)
