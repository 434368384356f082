"""Limits on the requests of one client, and on the time the database may spend on a statement."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from catalog.clients.throttling import ApiThrottle, ClientThrottle, PageThrottle, SearchThrottle
from shop.requests.problems import problem

#: Monitoring must never be refused, and files cost next to nothing.
UNLIMITED = frozenset({"healthz", "readyz", "metrics", "favicon", "catalog:manifest", "catalog:media"})
#: Pages that cost more than others. The views of photo searches and strip reports have limits of their own as well.
COSTLY = frozenset({"catalog:search", "recommendations:photo-search", "recommendations:similar"})
TOO_MANY = _("Too many requests. Try again in {seconds} seconds.")


def throttle_of(view: Callable[..., Any], route: str, path: str) -> ClientThrottle | None:
    """The limit that a request of this view counts towards. Every page has one, except those in `UNLIMITED`. API views
    count requests themselves, after authentication (`throttle_classes`)."""
    if route in UNLIMITED or hasattr(view, "cls"):
        return None
    if path.startswith("/api/"):
        return ApiThrottle()
    return SearchThrottle() if route in COSTLY else PageThrottle()


class ThrottleMiddleware:
    """Answers 429 to a client that sends too many requests; see `catalog.clients.throttling`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        route = request.resolver_match.view_name if request.resolver_match else ""
        throttle = throttle_of(view, route, request.path)
        if throttle is None or throttle.allow_request(request):
            return None
        seconds = math.ceil(throttle.wait())
        return problem(request, 429, "throttled", TOO_MANY.format(seconds=seconds), wait=seconds)


class StaffStatementMiddleware:
    """Staff get a longer statement timeout than the public: `STAFF_STATEMENT_SECONDS`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _may_take_longer(request):
            return self.get_response(request)
        # Outside any transaction: a rollback would undo the setting.
        if not _execute(f"SET statement_timeout = {settings.STAFF_STATEMENT_SECONDS * 1000:.0f}"):
            return self.get_response(request)  # the view meets the same error and reports it
        try:
            return self.get_response(request)
        finally:
            if connection.connection is not None and not _execute("RESET statement_timeout"):
                connection.close()  # the pool must not reuse it


def _may_take_longer(request: HttpRequest) -> bool:
    if not settings.SERVES_REQUESTS or settings.DATABASE_LIMITS_STATEMENTS:
        return False
    try:
        return request.path.startswith(reverse("admin:index")) and request.user.is_staff
    except (DatabaseError, InterfaceError):
        return False


def _execute(statement: str) -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except (DatabaseError, InterfaceError):
        return False
    return True
