"""How the shop says that something cannot be answered: JSON under /api/, a page elsewhere."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from shop.requests.api import is_api

HEADINGS = {400: "Check your request", 413: "Too large", 429: "Too many requests", 503: "Back in a moment"}


def problem(
    request: HttpRequest,
    status: int,
    code: str,
    sentence: str,
    *,
    wait: int | None = None,
    heading: str | None = None,
) -> HttpResponse:
    """An answer for whoever asked.

    Args:
        sentence: for people; never a path of this machine, a setting or a line of code.
        wait: seconds after which another try may help.
        heading: of the page; None for the one of `status`.
    """
    headers = {} if wait is None else {"Retry-After": str(wait)}
    if is_api(request):
        return JsonResponse({"code": code, "detail": sentence}, status=status, headers=headers)
    heading = heading or HEADINGS.get(status, "Sorry")
    shown = {"heading": heading, "sentence": sentence, "shop_name": settings.SHOP_NAME}
    return HttpResponse(render_to_string("problem.html", shown), status=status, headers=headers)
