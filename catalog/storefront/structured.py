"""Structured data (JSON-LD) as search engines read it: https://developers.google.com/search/docs/appearance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from catalog.attributes import text_of
from catalog.models import Category, Product
from common.money import amount_text

CONTEXT = "https://schema.org"


def home(request: HttpRequest) -> str:
    """The shop, and the address of its text search."""
    search = request.build_absolute_uri(reverse("catalog:search"))
    return _script(
        {
            "@type": "WebSite",
            "name": settings.SHOP_NAME,
            "url": request.build_absolute_uri(reverse("catalog:home")),
            "potentialAction": {
                "@type": "SearchAction",
                "target": {"@type": "EntryPoint", "urlTemplate": f"{search}?q={{search_term_string}}"},
                "query-input": "required name=search_term_string",
            },
        }
    )


def category(request: HttpRequest, trail: Sequence[Category], shown: Sequence[Product]) -> str:
    """The way to the category, and the products on this page of it."""
    products = {
        "@type": "ItemList",
        "name": trail[-1].name,
        "numberOfItems": len(shown),
        "itemListElement": [
            {"@type": "ListItem", "position": place, "url": request.build_absolute_uri(item.get_absolute_url())}
            for place, item in enumerate(shown, start=1)
        ],
    }
    return _script(_breadcrumbs(request, trail), *([products] if shown else []))


def product(request: HttpRequest, shown: Product, trail: Sequence[Category]) -> str:
    """The product, and the way to it. A product of a style that the shop has named is a variant of a group."""
    url = request.build_absolute_uri(shown.get_absolute_url())
    described: dict[str, Any] = {
        "@type": "Product",
        "name": shown.title,
        "sku": shown.sku,
        "url": url,
        "image": [request.build_absolute_uri(image.file.url) for image in shown.images.all()],
        "category": " > ".join(step.name for step in trail),
    }
    colour = text_of(shown.attributes.get("colour"))
    optional = {"description": shown.description, "gtin": shown.gtin, "size": shown.size, "color": colour}
    described |= {name: text for name, text in optional.items() if text}
    if shown.brand:
        described["brand"] = {"@type": "Brand", "name": shown.brand}
    if shown.price is not None:
        described["offers"] = _offer(shown, shown.price, url)
    if style := text_of(shown.attributes.get("style")):
        described |= _variant(shown, style)
    return _script(described, _breadcrumbs(request, trail))


def _offer(shown: Product, price: Decimal, url: str) -> dict[str, Any]:
    offer = {
        "@type": "Offer",
        "url": url,
        "price": amount_text(price, shown.currency),
        "priceCurrency": shown.currency,
        "availability": f"{CONTEXT}/{'InStock' if shown.in_stock else 'OutOfStock'}",
    }
    if shown.condition:
        offer["itemCondition"] = f"{CONTEXT}/{_condition_of(shown)}Condition"
    return offer


def _variant(shown: Product, style: str) -> dict[str, Any]:
    """The group of `recommendations.strips.styles`: one brand's style, in several colours and sizes."""
    group = f"{shown.brand} {style}".strip()
    return {
        "inProductGroupWithID": group.casefold(),
        "isVariantOf": {
            "@type": "ProductGroup",
            "productGroupID": group.casefold(),
            "name": group,
            "variesBy": [f"{CONTEXT}/color", *([f"{CONTEXT}/size"] if shown.size else [])],
        },
    }


def _condition_of(shown: Product) -> str:
    """The word of schema.org that comes nearest."""
    words = shown.condition.casefold()
    return "Refurbished" if "refurbished" in words else "New" if words.startswith("new") else "Used"


def _breadcrumbs(request: HttpRequest, trail: Sequence[Category]) -> dict[str, Any]:
    return {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {
                "@type": "ListItem",
                "position": position,
                "name": step.name,
                "item": request.build_absolute_uri(step.get_absolute_url()),
            }
            for position, step in enumerate(trail, start=1)
        ],
    }


def _script(*things: dict[str, Any]) -> str:
    """JSON for a <script> element that no text in it can close."""
    text = json.dumps([{"@context": CONTEXT, **thing} for thing in things], ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
