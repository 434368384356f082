"""Keeps personal pages out of shared caches."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control, patch_vary_headers

from recommendations.strips.recently_viewed import Viewed


class ViewedMiddleware:
    """Writes the cookie of recently viewed products, and stops caches from serving one shopper's page to another."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        viewed: Viewed | None = getattr(request, "_viewed", None)
        if viewed is not None:
            patch_vary_headers(response, ["Cookie"])
            patch_cache_control(response, private=True)
            if viewed.changed:
                viewed.save(response)
        return response
