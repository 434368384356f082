"""What the shop says about privacy and accessibility. A shop replaces these pages with templates of its own."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from catalog.search.misses import KEPT_DAYS
from recommendations.search.photo import TOKEN_SECONDS
from recommendations.strips.recently_viewed import MAX_AGE, MOST


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Every period is the one that the code uses."""
    shown = {
        "photo_days": TOKEN_SECONDS // 86_400,
        "remembers": settings.PERSONAL_STRIP,
        "viewed_days": MAX_AGE // (24 * 3600),
        "viewed_most": MOST,
        "counts_clicks": settings.STRIP_CLICKS,
        "clicks_days": settings.STRIP_CLICKS_DAYS,
        "words_days": KEPT_DAYS,
        "canonical": request.build_absolute_uri(request.path),
    }
    return render(request, "pages/privacy.html", shown)


@require_safe
def accessibility(request: HttpRequest) -> HttpResponse:
    return render(request, "pages/accessibility.html", {"canonical": request.build_absolute_uri(request.path)})
