"""Product and category pages in Markdown, for programs that read pages.

A program gets it with the header `Accept: text/markdown`, or at the address that ends in `.md` instead of a slash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.core.paginator import Page
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from catalog.models import Category, Product
from catalog.storefront.prices import price_text

TYPE = "text/markdown"
SPECIAL = re.compile(r"([\\`*_\[\]<>#|~])")


def is_wanted(request: HttpRequest) -> bool:
    """Whether the client prefers Markdown. One that accepts both equally, such as `*/*`, gets HTML."""
    return request.get_preferred_type(["text/html", TYPE]) == TYPE


def address(page: Product | Category) -> str:
    return page.get_absolute_url().removesuffix("/") + ".md"


def product(
    request: HttpRequest, shown: Product, trail: Sequence[Category], details: Iterable[tuple[str, str]]
) -> HttpResponse:
    absolute = request.build_absolute_uri
    price = price_text(shown.price, shown.currency) or _("Price on request")
    if shown.price is not None and shown.compare_at_price is not None:
        price += f" ({_('Was')} {price_text(shown.compare_at_price, shown.currency)})"
    facts = [
        (_("Price"), price),
        (_("Availability"), _("In stock") if shown.in_stock else _("Sold out")),
        (_("Brand"), plain(shown.brand)),
        (_("Size"), plain(shown.size)),
        (_("Condition"), plain(shown.condition)),
        (_("Category"), " › ".join(_link(step.name, absolute(address(step))) for step in trail)),
        *((plain(name), plain(value)) for name, value in details),
        (_("GTIN"), shown.gtin),
        (_("SKU"), plain(shown.sku)),
    ]
    similar = absolute(reverse("similar-products", args=[shown.slug]))
    parts = [
        f"# {plain(shown.title)}",
        "\n".join(f"- {name}: {value}" for name, value in facts if value),
        *(f"!{_link(image.alt or shown.title, absolute(image.file.url))}" for image in shown.images.all()),
        plain(shown.description),
        _link(_("Buy at %(host)s") % {"host": shown.sold_at}, shown.url) if shown.url and shown.in_stock else "",
        f"{_link(_('Similar items'), similar)} (JSON)",
    ]
    return _response(request, shown, parts)


def category(request: HttpRequest, shown: Category, children: Iterable[Category], page: Page[Product]) -> HttpResponse:
    absolute = request.build_absolute_uri
    parts = [
        f"# {plain(shown.name)}",
        "\n".join(f"- {_link(child.name, absolute(address(child)))}" for child in children),
        "\n".join(_line(request, item) for item in page) or _("No products here yet"),
    ]
    if page.has_next():
        parts.append(_link(_("Next"), absolute(f"{address(shown)}?page={page.next_page_number()}")))
    return _response(request, shown, parts)


def plain(text: str) -> str:
    """`text` without meaning in Markdown: every line starts a paragraph, and nothing is a link or a heading."""
    return SPECIAL.sub(r"\\\1", re.sub(r"\s*\n\s*", "\n\n", text.strip()))


def _line(request: HttpRequest, item: Product) -> str:
    words = [
        price_text(item.price, item.currency) or _("Price on request"),
        plain(item.brand),
        "" if item.in_stock else _("Sold out"),
    ]
    return f"- {_link(item.title, request.build_absolute_uri(address(item)))}: {', '.join(filter(None, words))}"


def _link(text: str, target: str) -> str:
    return f"[{plain(text)}](<{target}>)"


def _response(request: HttpRequest, shown: Product | Category, parts: Iterable[str]) -> HttpResponse:
    text = "\n\n".join(filter(None, parts)) + f"\n\n---\n{plain(settings.SHOP_NAME)}\n"
    canonical = request.build_absolute_uri(shown.get_absolute_url())
    return HttpResponse(
        text, content_type=f"{TYPE}; charset=utf-8", headers={"Link": f'<{canonical}>; rel="canonical"'}
    )
