"""Requests with an unknown `Host` header."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse

logger = logging.getLogger(__name__)

SHOWN = 100  # characters of an unknown host name


class AllowedHostMiddleware:
    """Refuses a `Host` that is not in ALLOWED_HOSTS before anything else runs. Scanners send such requests all day, and
    Django would log an error for each of them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            request.get_host()
        except DisallowedHost:
            logger.warning("Refused: the host %.*r is not in ALLOWED_HOSTS.", SHOWN, request.META.get("HTTP_HOST", ""))
            message = "This shop does not serve the requested host."
            if request.path_info.startswith("/api/"):
                return JsonResponse({"code": "unknown_host", "detail": message}, status=400)
            return HttpResponse(f"Bad Request (400): {message}", status=400, content_type="text/plain")
        return self.get_response(request)
