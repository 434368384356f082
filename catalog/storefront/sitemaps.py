"""Sitemaps: every product and category that the shop shows, in files of at most `PART` addresses.

A file contains a range of ids. Both the index and a file take one statement, and none skips rows by counting them, as
pages by offset do.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F, Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import escape
from django.views.decorators.http import require_safe

from catalog.models import Category, Product

PART = 10_000  # a fifth of what the protocol allows
NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
#: Kind: the name of its route and of the field in its address.
ROUTES = {"products": ("catalog:product", "slug"), "categories": ("catalog:category", "address")}


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    changed = _rows("products").annotate(part=F("pk") / PART).values("part").annotate(at=Max("updated_at"))
    parts = _rows("categories").annotate(part=F("pk") / PART).values_list("part", flat=True).distinct()
    files: list[tuple[str, datetime | None]] = [
        *((_file("categories", part), None) for part in parts.order_by("part")),
        *((_file("products", row["part"]), row["at"]) for row in changed.order_by("part")),
    ]
    return _xml(request, "sitemapindex", "sitemap", files)


@require_safe
def part(request: HttpRequest, kind: str, number: int) -> HttpResponse:
    if kind not in ROUTES or number > 2**31:
        raise Http404
    route, field = ROUTES[kind]
    rows = _rows(kind).filter(pk__gte=number * PART, pk__lt=(number + 1) * PART).order_by("pk")
    before, after = reverse(route, args=["-"]).split("-")  # reversing 10,000 addresses takes 100 ms
    found: list[tuple[str, datetime | None]] = [
        (f"{before}{row[0]}{after}", row[1] if len(row) > 1 else None)
        for row in rows.values_list(field, *(["updated_at"] if kind == "products" else []))
    ]
    if not found:
        raise Http404
    return _xml(request, "urlset", "url", found)


def _rows(kind: str) -> QuerySet[Any]:
    return Product.objects.published() if kind == "products" else Category.objects.all()


def _file(kind: str, number: int) -> str:
    return reverse("catalog:sitemap-part", args=[kind, number])


def _xml(request: HttpRequest, root: str, entry: str, found: Iterable[tuple[str, datetime | None]]) -> HttpResponse:
    site = request.build_absolute_uri("/").removesuffix("/")
    lines = (
        f"<{entry}><loc>{escape(site + path)}</loc>"
        + (f"<lastmod>{at.isoformat(timespec='seconds')}</lastmod>" if at else "")
        + f"</{entry}>"
        for path, at in found
    )
    text = "\n".join(
        ['<?xml version="1.0" encoding="UTF-8"?>', f'<{root} xmlns="{NAMESPACE}">', *lines, f"</{root}>\n"]
    )
    return HttpResponse(text, content_type="application/xml", headers={"Cache-Control": "max-age=3600"})
