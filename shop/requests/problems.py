"""Error answers: JSON under /api/, a page elsewhere."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shop.requests.api import is_api

HEADINGS = {
    400: _("Check your request"),
    413: _("Too large"),
    429: _("Too many requests"),
    503: _("Temporarily unavailable"),
}


def problem(
    request: HttpRequest,
    status: int,
    code: str,
    sentence: str | Promise,
    *,
    wait: int | None = None,
    heading: str | Promise | None = None,
) -> HttpResponse:
    """Build the error answer for `request`.

    Args:
        sentence: for people; never contains a file path, a setting or a line of code.
        wait: seconds after which a retry may help.
        heading: of the page; by default the one of `status`.
    """
    headers = {} if wait is None else {"Retry-After": str(wait)}
    if is_api(request):
        return JsonResponse({"code": code, "detail": sentence}, status=status, headers=headers)
    heading = heading or HEADINGS.get(status, _("Something went wrong"))
    shown = {"heading": heading, "sentence": sentence, "shop_name": settings.SHOP_NAME}
    return HttpResponse(render_to_string("problem.html", shown), status=status, headers=headers)
