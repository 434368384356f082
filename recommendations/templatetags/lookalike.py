"""What catalog pages and the admin show of this app, without knowing it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.template import Context

from catalog.attributes import text_of
from catalog.media import files
from catalog.models import Product
from recommendations.models import EmbeddingModel, Strip
from recommendations.monitoring.status import model_warnings
from recommendations.search.query_vectors import NoColourPart
from recommendations.search.service import Results
from recommendations.strips.cards import Cards
from recommendations.strips.click_reports import label_of
from recommendations.strips.product_strip import product_strip, recoloured_strip
from recommendations.strips.recently_viewed import viewed_of
from recommendations.strips.swatches import swatches_for
from recommendations.strips.taste import inspired_by

register = template.Library()
register.filter("attribute_text", text_of)


@register.inclusion_tag("recommendations/strip.html", takes_context=True)
def similar_strip(context: Context, product: Product) -> dict[str, Any]:
    """The row of similar products on a product page, or of the same in the colour that its address asks for."""
    colours = swatches_for(product)
    asked = context["request"].GET.get("colour", "").casefold()
    chosen = next((colour for colour in colours if colour.casefold() == asked), None)
    if chosen is None:
        results = product_strip(product, settings.SIMILAR_PRODUCTS)
    else:
        try:
            results = recoloured_strip(product, chosen, settings.SIMILAR_PRODUCTS)
        except NoColourPart:  # another model became the active one a moment ago
            results = Cards(None, [])
    return {"product": product, "results": results, "colours": colours, "chosen": chosen}


@register.inclusion_tag("recommendations/personal_strip.html", takes_context=True)
def personal_strip(context: Context, shown: Iterable[Product] = ()) -> dict[str, Any]:
    """Inspired by what this shopper viewed; nothing for whom nothing is remembered.

    Args:
        shown: what is on the page anyway, and need not be there twice.
    """
    request: HttpRequest = context["request"]
    if not settings.PERSONAL_STRIP:
        return {}
    viewed = viewed_of(request).ids
    if not viewed:
        return {"cleared": request.GET.get("viewed") == "cleared"}
    excluded = frozenset(product.pk for product in shown)
    return {"results": inspired_by(viewed, settings.SIMILAR_PRODUCTS, excluded=excluded)}


@register.simple_tag
def strip_label(strip: str, results: Results) -> str:
    """For the attribute `data-strip` of the list of cards; empty where strips are not counted."""
    return label_of(Strip(strip), results) if settings.STRIP_CLICKS else ""


@register.inclusion_tag("recommendations/_counting.html")
def strip_counting() -> dict[str, Any]:
    """The script that reports which cards of strips are seen and followed. Several times on a page is once."""
    return {"counted": settings.STRIP_CLICKS}


@register.inclusion_tag("recommendations/admin_banner.html")
def model_banner() -> dict[str, Any]:
    """What staff must know of the embedding model, and of the pictures' files."""
    return {"warnings": [*model_warnings(EmbeddingModel.objects.active()), *files.problems()]}


@register.filter
def percent(share: float | None) -> str:
    """`.934` → `93 %`; a dash where there is nothing to say."""
    return "–" if share is None else f"{100 * share:.0f} %"
