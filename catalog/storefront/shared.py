"""How a page looks where somebody shares its address: Open Graph, which messengers and social networks read."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.templatetags.static import static

from catalog.models import Product

ICON, ICON_SIZE = "img/icon-512.png", 512


@dataclass(frozen=True)
class Link:
    """Attributes:
    picture: an absolute address.
    width, height: of the picture, in pixels.
    large: whether the picture is one of a product and not the shop's icon.
    """

    title: str
    picture: str
    width: int
    height: int
    alt: str
    large: bool


def link(request: HttpRequest, title: str, pictured: Product | None) -> Link:
    """The preview of a page. `pictured`: the product it shows first, with prefetched pictures."""
    image = pictured.main_image if pictured else None
    if pictured is None or image is None:
        icon = request.build_absolute_uri(static(ICON))
        return Link(title, icon, ICON_SIZE, ICON_SIZE, title, large=False)
    picture = request.build_absolute_uri(image.file.url)
    return Link(title, picture, image.width, image.height, image.alt or pictured.title, large=True)
