"""What one client may ask of the shop, and for how long the database may think about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from catalog.clients.throttling import ApiThrottle, ClientThrottle, PageThrottle, SearchThrottle
from shop.requests.problems import problem

#: Who watches the shop must not be refused by it, and files cost next to nothing.
UNLIMITED = frozenset({"healthz", "readyz", "metrics", "favicon", "catalog:media"})
#: Pages that cost more than others. Photo searches and reports of strips are counted by their views as well.
COSTLY = frozenset({"catalog:search", "recommendations:photo-search"})
TOO_MANY = "Too many requests. Try again in {seconds} seconds."


def throttle_of(view: Callable[..., Any], route: str, path: str) -> ClientThrottle | None:
    """What a request of this view counts towards. Every page has a limit but those named here; views of the API count
    by themselves, after they know who asks (`throttle_classes`)."""
    if route in UNLIMITED or hasattr(view, "cls"):
        return None
    if path.startswith("/api/"):
        return ApiThrottle()
    return SearchThrottle() if route in COSTLY else PageThrottle()


class ThrottleMiddleware:
    """429 for whoever asks too often, see `catalog.clients.throttling`."""

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
    """Staff may ask more of the database at once than the public: `STAFF_STATEMENT_SECONDS`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _may_take_longer(request):
            return self.get_response(request)
        # Outside of any transaction: rolled back, the setting would be gone.
        if not _execute(f"SET statement_timeout = {settings.STAFF_STATEMENT_SECONDS * 1000:.0f}"):
            return self.get_response(request)  # the view will find out as well, and say so
        try:
            return self.get_response(request)
        finally:
            if connection.connection is not None and not _execute("RESET statement_timeout"):
                connection.close()  # the pool must not give it to anybody


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
