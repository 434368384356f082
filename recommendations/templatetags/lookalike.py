"""What catalog pages and the admin show of this app, without knowing it."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings

from catalog.models import Product
from recommendations.models import EmbeddingModel
from recommendations.search import Wish, similar_products
from recommendations.status import model_warnings

register = template.Library()


@register.inclusion_tag("recommendations/strip.html")
def similar_strip(product: Product) -> dict[str, Any]:
    """The row of similar products on a product page; four queries, however long."""
    results = similar_products(product, Wish(settings.SIMILAR_PRODUCTS), fill=True)
    return {"matches": results.matches}


@register.inclusion_tag("recommendations/admin_banner.html")
def model_banner() -> dict[str, Any]:
    """What staff must know of the embedding model."""
    return {"warnings": model_warnings(EmbeddingModel.objects.active())}


@register.filter
def percent(share: float | None) -> str:
    """`.934` → `93 %`; a dash where there is nothing to say."""
    return "–" if share is None else f"{100 * share:.0f} %"
