"""How many requests one client may send: counted in the cache, and so over all processes of the shop together.

A window slides over two fixed ones: what was counted in the one before weighs as much as of it lies within the last
`duration` seconds (Cloudflare, "How we built rate limiting capable of scaling to millions of domains"). Counting is one
atomic step of Redis, so that however many processes ask at once, no more than the limit are let through.
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
    """By network address, see `catalog.clients.address`. Signed-in people are not limited.

    Attributes:
        scope: its rate is `DEFAULT_THROTTLE_RATES[scope]`; None there for no limit.
    """

    num_requests: int
    duration: int
    _wait = 0.0

    def allow_request(self, request: Request | HttpRequest, view: Any = None) -> bool:
        """Counts the request, unless it is refused."""
        if self.rate is None:
            return True
        window, passed = divmod(time.time(), self.duration)
        key = f"throttle.{self.scope}.{self._ident(request)}"
        before = int(cache.get(f"{key}.{window - 1:.0f}", 0))
        count = self._counted(f"{key}.{window:.0f}")
        if count is None or before * (1 - passed / self.duration) + count <= self.num_requests:
            return True
        if _is_signed_in(request):  # asked last, for it costs a query
            return True
        self._wait = self._until_allowed(before, count - 1, passed)
        self._uncounted(f"{key}.{window:.0f}")
        return False

    def wait(self) -> float:
        """Seconds until another request would be taken."""
        return self._wait

    def get_cache_key(self, request: Request, view: Any) -> str:
        return f"throttle.{self.scope}.{self._ident(request)}"

    def _ident(self, request: Request | HttpRequest) -> str:
        """Not the address itself: what is personal need not lie in Redis, and a forged one may hold anything."""
        asked = request._request if isinstance(request, Request) else request
        return hashlib.sha256(client_address(asked).encode()).hexdigest()[:24]

    def _counted(self, key: str) -> int | None:
        """Requests of this window, this one among them; None where nobody can count."""
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
        """Or a client that goes on asking would never be let in again."""
        try:
            cache.decr(key)
        except ValueError:
            return

    def _until_allowed(self, before: int, count: int, passed: float) -> float:
        """Seconds until `before` has faded enough for one more, or, where this window is full, `count` in the next."""
        room = self.num_requests - 1 - count
        if room >= 0 and before:
            return max(1.0, math.ceil(self.duration * (1 - room / before) - passed))
        fades = self.duration * (1 - (self.num_requests - 1) / max(count, 1))
        return max(1.0, math.ceil(self.duration - passed + max(fades, 0.0)))


def _is_signed_in(request: Request | HttpRequest) -> bool:
    try:
        return bool(request.user.is_authenticated)
    except (DatabaseError, InterfaceError):  # away: then nobody is
        return False


class ApiThrottle(ClientThrottle):
    """Any request to the API."""

    scope = "api"


class SearchThrottle(ClientThrottle):
    """What ranks or compares many products: searches by words or likeness, on pages and through the API together."""

    scope = "search"


class PageThrottle(ClientThrottle):
    """Any page of the site."""

    scope = "page"
