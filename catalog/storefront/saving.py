"""The pages of a shopper's lists, see `catalog.storefront.lists`, and the form that changes them without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from catalog.attributes import described
from catalog.models import Product
from catalog.storefront.lists import COMPARED, LISTS, SAVED, ProductList, joined, products_of


@require_safe
def saved(request: HttpRequest) -> HttpResponse:
    return _page(request, SAVED, "catalog/saved.html")


@require_safe
def compare(request: HttpRequest) -> HttpResponse:
    return _page(request, COMPARED, "catalog/compare.html")


@require_POST
def change_list(request: HttpRequest) -> HttpResponse:
    """Add products to a list, or remove them, and show the list. What does not fit is not added."""
    changed = LISTS.get(request.POST.get("list", ""))
    items = SAVED.parsed(request.POST.get("items", ""))
    if changed is None or not items:
        return HttpResponseBadRequest()
    own, note = changed.ids(request), ""
    if "remove" in request.POST:
        ids = [pk for pk in own if pk not in items]
    else:
        there = [product.pk for product in products_of([*items, *own])]
        new = [pk for pk in there if pk not in own]
        room = changed.most - (len(there) - len(new))
        ids = [*new[:room], *own]
        # Products that are gone may come back: they only make room.
        surplus = max(len(ids) - changed.most, 0)
        gone = [pk for pk in reversed(ids) if pk not in there][:surplus]
        ids = [pk for pk in ids if pk not in gone]
        note = "?full" if len(new) > room else ""
    response = redirect(reverse(changed.page) + note)
    changed.save(response, ids)
    return response


def _page(request: HttpRequest, shown: ProductList, template: str) -> HttpResponse:
    """The shopper's own list, or the one that a shared link names, which changes nothing."""
    own, is_shared = shown.ids(request), "items" in request.GET
    ids = shown.parsed(request.GET["items"]) if is_shared else own
    products = products_of(ids)
    shown_ids = [product.pk for product in products]
    context: dict[str, Any] = {
        "list": shown,
        "products": products,
        "gone": len(ids) - len(products),
        "is_shared": is_shared,
        "is_full": "full" in request.GET,
        "items": joined(shown_ids),
        "can_add": is_shared and not set(shown_ids) <= set(own),
        "link": request.build_absolute_uri(f"{request.path}?items={joined(shown_ids)}"),
    }
    if shown is COMPARED:
        context["rows"] = rows(products)
    response = render(request, template, context)
    patch_vary_headers(response, ["Cookie"])
    patch_cache_control(response, private=True)
    return response


@dataclass(frozen=True)
class Row:
    """Of the comparison: what it says, of each product in order; "" where it is unknown."""

    name: str
    values: tuple[str, ...]

    @property
    def differs(self) -> bool:
        return len(set(self.values)) > 1


def rows(products: Sequence[Product]) -> list[Row]:
    """Everything that is known of at least one of the products; what differs comes first."""
    facts: list[dict[str, str]] = []
    for product in products:
        known = {
            _("Brand"): product.brand,
            _("Category"): product.category.name,
            _("Size"): product.size,
            _("Condition"): product.condition,
        }
        facts.append(known | dict(described(product.attributes)))
    names = dict.fromkeys(name for known in facts for name, value in known.items() if value)
    found = [Row(name, tuple(known.get(name, "") for known in facts)) for name in names]
    return sorted(found, key=lambda row: not row.differs)
