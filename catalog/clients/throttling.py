"""Limits the requests of each client, counted in the cache and so across all processes of the shop.

A sliding window is approximated by two fixed ones: the previous window's count is weighted by the part of it that lies
within the last `duration` seconds (Cloudflare, "How we built rate limiting capable of scaling to millions of domains").
Counting is one atomic step of Redis, so concurrent processes never let more than the limit through.
"""

from __future__ import annotations

import hashlib
import math
import time
from typing import Any

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from catalog.clients.address import client_address


class ClientThrottle(SimpleRateThrottle):
    """Limits by network address (`catalog.clients.address`). Signed-in users are not limited.

    Attributes:
        scope: the rate is `DEFAULT_THROTTLE_RATES[scope]`; None means no limit.
    """

    num_requests: int
    duration: int
    _wait = 0.0

    def allow_request(self, request: Request | HttpRequest, view: Any = None) -> bool:
        """Counts the request unless it is refused."""
        if self.rate is None:
            return True
        window, passed = divmod(time.time(), self.duration)
        key = f"throttle.{self.scope}.{self._ident(request)}"
        before = int(cache.get(f"{key}.{window - 1:.0f}", 0))
        count = self._counted(f"{key}.{window:.0f}")
        if count is None or before * (1 - passed / self.duration) + count <= self.num_requests:
            return True
        if _is_signed_in(request):  # checked last because it costs a query
            return True
        self._wait = self._until_allowed(before, count - 1, passed)
        self._uncounted(f"{key}.{window:.0f}")
        return False

    def wait(self) -> float:
        """Seconds until another request would be accepted."""
        return self._wait

    def get_cache_key(self, request: Request, view: Any) -> str:
        return f"throttle.{self.scope}.{self._ident(request)}"

    def _ident(self, request: Request | HttpRequest) -> str:
        """A hash: addresses are personal data, and a forged one may contain anything."""
        asked = request._request if isinstance(request, Request) else request
        return hashlib.sha256(client_address(asked).encode()).hexdigest()[:24]

    def _counted(self, key: str) -> int | None:
        """Requests in this window, including this one; None if the cache is unavailable."""
        try:
            return int(cache.incr(key))
        except ValueError:
            if cache.add(key, 1, 2 * self.duration):
                return 1
        try:
            return int(cache.incr(key))
        except ValueError:
            return None

    def _uncounted(self, key: str) -> None:
        """Uncount a refused request. Otherwise a client that keeps asking would never be admitted again."""
        try:
            cache.decr(key)
        except ValueError:
            return

    def _until_allowed(self, before: int, count: int, passed: float) -> float:
        """Seconds until `before` has faded enough for one more request, or `count` in the next window."""
        room = self.num_requests - 1 - count
        if room >= 0 and before:
            return max(1.0, math.ceil(self.duration * (1 - room / before) - passed))
        fades = self.duration * (1 - (self.num_requests - 1) / max(count, 1))
        return max(1.0, math.ceil(self.duration - passed + max(fades, 0.0)))


def _is_signed_in(request: Request | HttpRequest) -> bool:
    try:
        return bool(request.user.is_authenticated)
    except (DatabaseError, InterfaceError):  # unavailable: treat everyone as signed out
        return False


class ApiThrottle(ClientThrottle):
    """Any request to the API."""

    scope = "api"


class SearchThrottle(ClientThrottle):
    """Searches by words or pictures, on pages and through the API together."""

    scope = "search"


class PageThrottle(ClientThrottle):
    """Any page of the site."""

    scope = "page"
