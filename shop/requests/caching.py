"""What caches between the shop and its clients may store."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import has_vary_header, patch_cache_control, patch_vary_headers

from shop.requests.api import is_api

SAFE = ("GET", "HEAD", "OPTIONS")


class PrivateAnswersMiddleware:
    """Keeps caches from serving one user's response to another: `Vary` and `Cache-Control`, also on errors."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # These responses depend on the user: staff see unpublished products, and a token opens protected endpoints.
        if is_api(request) or request.path_info == "/metrics":
            patch_vary_headers(response, ["Authorization", "Cookie"])
            patch_cache_control(response, private=True, **({} if request.method in SAFE else {"no_store": True}))
        elif (
            settings.SESSION_COOKIE_NAME in request.COOKIES
            and has_vary_header(response, "Cookie")
            and not response.has_header("Cache-Control")
        ):
            patch_cache_control(response, private=True)
        return response
