"""Redirects from former addresses of products and categories, for pages and the API."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.urls import ResolverMatch, reverse

from catalog.models.former_address import category_at, product_moved_from


class MovedMiddleware:
    """Answers a request that found nothing with a redirect, if what it names has another address now.

    301 for reads. 308 for everything else, because clients repeat a POST as a GET after 301. Browsers ask again each
    time: a stored redirect would survive a slug that is changed back, and lead in a circle.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code != 404 or request.resolver_match is None:
            return response
        address = _address_now(request.resolver_match)
        if address is None:
            return response
        query = request.META.get("QUERY_STRING", "")
        moved = HttpResponsePermanentRedirect(f"{address}?{query}" if query else address)
        if request.method not in ("GET", "HEAD"):
            moved.status_code = 308
        moved["Cache-Control"] = "no-cache"
        return moved


def _address_now(match: ResolverMatch) -> str | None:
    """The address of the same view for the same product or category; None if it has not moved."""
    if "slug" in match.kwargs:
        product = product_moved_from(match.kwargs["slug"])
        found = {"slug": product.slug} if product else None
    elif match.view_name in ("catalog:category", "catalog:category-markdown"):
        category = category_at(match.kwargs["address"])
        found = {"address": category.address} if category else None
    else:
        found = None
    return reverse(match.view_name, kwargs={**match.kwargs, **found}) if found else None
