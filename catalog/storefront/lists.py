"""Lists that a shopper keeps in a cookie of their browser, without an account: saved items and the comparison.

`static/js/lists.js` reads and writes the same cookies, so that pages with cards are the same for everybody and caches
may keep them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from catalog.models import Product

MAX_AGE = 365 * 24 * 3600  # seconds since the last change
_IDS = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})*")


@dataclass(frozen=True)
class ProductList:
    """Attributes:
    cookie: its name. The value are ids of products with dots between them, the last added one first.
    most: products on the list.
    page: the name of its address.
    """

    cookie: str
    most: int
    page: str

    def ids(self, request: HttpRequest) -> list[int]:
        """Of the products on this shopper's list, which may be gone by now."""
        return self.parsed(request.COOKIES.get(self.cookie, ""))

    def parsed(self, text: str) -> list[int]:
        """Of a cookie or a shared link; none if somebody else wrote it."""
        if not _IDS.fullmatch(text[: 20 * self.most]):
            return []
        return list(dict.fromkeys(map(int, text.split("."))))[: self.most]

    def save(self, response: HttpResponse, ids: Sequence[int]) -> None:
        if not ids:
            response.delete_cookie(self.cookie, samesite="Lax")
            return
        response.set_cookie(
            self.cookie, joined(ids), max_age=MAX_AGE, secure=settings.HTTPS_ONLY, samesite="Lax", httponly=False
        )


SAVED = ProductList("saved", 100, "catalog:saved")
COMPARED = ProductList("compared", 4, "catalog:compare")
LISTS = {each.cookie: each for each in (SAVED, COMPARED)}


def joined(ids: Sequence[int]) -> str:
    return ".".join(map(str, ids))


def products_of(ids: Sequence[int]) -> list[Product]:
    """Those that the shop still shows, in the order of the list: two queries."""
    found = Product.objects.published().for_page().in_bulk([pk for pk in ids if pk < 2**63])
    return [found[pk] for pk in ids if pk in found]
