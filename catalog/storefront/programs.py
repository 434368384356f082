"""What browsers read about the shop before they show it as an application."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

ICONS = (192, 512)
PAPER = "#faf8f5"  # --paper in static/css/tokens.css


@require_safe
def manifest(request: HttpRequest) -> JsonResponse:
    """The web app manifest: the shop's name and icons on a home screen."""
    described = {
        "name": settings.SHOP_NAME,
        "short_name": settings.SHOP_NAME,
        "id": reverse("catalog:home"),
        "start_url": reverse("catalog:home"),
        "scope": reverse("catalog:home"),
        "display": "minimal-ui",
        "background_color": PAPER,
        "theme_color": PAPER,
        "icons": [
            {
                "src": static(f"img/icon-{size}.png"),
                "sizes": f"{size}x{size}",
                "type": "image/png",
                "purpose": purpose,
            }
            for size in ICONS
            for purpose in ("any", "maskable")
        ],
    }
    return JsonResponse(described, content_type="application/manifest+json", headers={"Cache-Control": "max-age=86400"})
