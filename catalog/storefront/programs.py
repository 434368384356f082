"""What programs read about the shop: crawlers, agents, and browsers that put it on a home screen."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from catalog.models import Category
from catalog.models.category import by_name
from catalog.storefront import markdown

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


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Everything is open except what has no end (searches), changes something, or is for staff."""
    search, admin = reverse("catalog:search"), reverse("admin:index")
    closed = [admin, f"{search}?", "/strips/", "/viewed/", "/lists/"]
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed), ""]
    sitemap = request.build_absolute_uri(reverse("catalog:sitemap"))
    return _text([*lines, f"Sitemap: {sitemap}"], "text/plain")


@require_safe
def llms(request: HttpRequest) -> HttpResponse:
    """A guide for language models, as https://llmstxt.org describes it: what is here, and where it is in Markdown."""
    absolute = request.build_absolute_uri
    categories = [
        f"- [{markdown.plain(found.name)}](<{absolute(markdown.address(found))}>)"
        for found in by_name(Category.objects.get_root_nodes())
    ]
    products, photo, schema, docs = (
        absolute(reverse(name)) for name in ("product-list", "photo-search-api", "schema", "api-docs")
    )
    search = absolute(reverse("catalog:search"))
    lines = [
        f"# {markdown.plain(settings.SHOP_NAME)}",
        "",
        "> " + _("%(shop_name)s: find products by how they look.") % {"shop_name": markdown.plain(settings.SHOP_NAME)},
        "",
        "Product and category pages are also available in Markdown: send `Accept: text/markdown`, or replace the final",
        "slash of the address with `.md`. Prices and stock are current.",
        *(["", "## Categories", "", *categories] if categories else []),
        "",
        "## Search",
        "",
        f"- [Text search](<{search}?q=dress>): a page of products for the words in `q`",
        f"- [Products](<{products}>): JSON, with filters for category, brand, price and attributes",
        f"- [Photo search](<{photo}>): POST a picture as the field `image`; the answer lists the products most like it",
        "",
        "## Optional",
        "",
        f"- [API reference](<{docs}>)",
        f"- [OpenAPI schema](<{schema}>)",
    ]
    return _text(lines, "text/markdown")


def _text(lines: list[str], content_type: str) -> HttpResponse:
    headers = {"Cache-Control": "max-age=3600"}
    return HttpResponse("\n".join(lines) + "\n", content_type=f"{content_type}; charset=utf-8", headers=headers)
