"""The products that a shopper viewed last, stored only in a signed cookie in their browser."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from catalog.models import Product
from catalog.signals import product_viewed

COOKIE = "viewed"
SALT = "recommendations.viewed"
MAX_AGE = 90 * 24 * 3600  # seconds since the last view
MOST = 20


class Viewed:
    """Attributes:
    ids: product ids, the last one first, without duplicates. Empty for shoppers who are not remembered.
    """

    def __init__(self, request: HttpRequest) -> None:
        self._has_cookie = COOKIE in request.COOKIES
        self._remembers = settings.PERSONAL_STRIP and not asks_for_privacy(request)
        self.ids: tuple[int, ...] = ()
        self.changed = False
        if self._has_cookie and self._remembers:
            # None if the cookie is broken, forged, too old or signed with a former key.
            self.ids = _decode(request.get_signed_cookie(COOKIE, default=None, salt=SALT, max_age=MAX_AGE))

    def add(self, product_id: int) -> None:
        """Remember a view; for a shopper who has since requested privacy, forget them all."""
        if not self._remembers:
            self.changed = self._has_cookie
            return
        self.ids = (product_id, *(other for other in self.ids if other != product_id))[:MOST]
        self.changed = True

    def clear(self) -> None:
        self.ids, self.changed = (), True

    def save(self, response: HttpResponse) -> None:
        if self.ids:
            response.set_signed_cookie(
                COOKIE,
                ".".join(map(str, self.ids)),
                salt=SALT,
                max_age=MAX_AGE,
                secure=settings.HTTPS_ONLY,
                httponly=True,
                samesite="Lax",
            )
        else:
            response.delete_cookie(COOKIE, samesite="Lax")


def viewed_of(request: HttpRequest) -> Viewed:
    """What this shopper viewed. Calling it makes the response private, see `ViewedMiddleware`."""
    if not hasattr(request, "_viewed"):
        request._viewed = Viewed(request)  # type: ignore[attr-defined]
    return request._viewed  # type: ignore[attr-defined]


def asks_for_privacy(request: HttpRequest) -> bool:
    """Global Privacy Control (https://w3c.github.io/gpc/), or its predecessor Do Not Track."""
    return request.headers.get("Sec-GPC") == "1" or request.headers.get("DNT") == "1"


def connect() -> None:
    product_viewed.connect(on_product_viewed, dispatch_uid="recommendations.viewed")


def on_product_viewed(*, request: HttpRequest, product: Product, **_: Any) -> None:
    # Prefetching a page is not viewing it.
    is_view = request.method == "GET" and "prefetch" not in request.headers.get("Sec-Purpose", "")
    if settings.PERSONAL_STRIP and is_view:
        viewed_of(request).add(product.pk)


def _decode(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split("."))[:MOST] if text else ()
    except ValueError:  # signed by a version that used another format
        return ()
