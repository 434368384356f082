"""What catalog pages and the admin show of this app, without knowing it."""

from __future__ import annotations

from typing import Any

from django import template
from django.conf import settings

from catalog.models import Product
from recommendations.models import EmbeddingModel
from recommendations.status import model_warnings
from recommendations.strips import product_strip

register = template.Library()


@register.inclusion_tag("recommendations/strip.html")
def similar_strip(product: Product) -> dict[str, Any]:
    """The row of similar products on a product page."""
    return {"matches": product_strip(product, settings.SIMILAR_PRODUCTS).matches}


@register.inclusion_tag("recommendations/admin_banner.html")
def model_banner() -> dict[str, Any]:
    """What staff must know of the embedding model."""
    return {"warnings": model_warnings(EmbeddingModel.objects.active())}
