"""The similar items of a product page: a fragment that the page fetches when its place comes near the window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from catalog.models import Product
from recommendations.models import EmbeddingModel
from recommendations.strips.cards import available
from recommendations.strips.product_strip import product_strip, recoloured_strip
from recommendations.strips.swatches import swatches_for

#: Parameters of a product page's address with any of which the strip is part of the page. `similar` is that of the
#: link that works without scripts; the others say what to show, so that a shared address shows it.
ASKING = frozenset({"similar", "colour"})


@require_safe
def similar(request: HttpRequest, slug: str) -> HttpResponse:
    """The strip alone. Empty where the shop has nothing to show."""
    product = get_object_or_404(Product.objects.published().for_page(), slug=slug)
    response = render(request, "recommendations/strip.html", strip_context(product, request.GET))
    response["X-Robots-Tag"] = "noindex"  # search engines know the product's page
    return response


def is_asked_for(values: Mapping[str, Any]) -> bool:
    """Whether a product page with these parameters shows the strip at once."""
    return not ASKING.isdisjoint(values)


def has_others(product: Product) -> bool:
    """Whether the shop has anything to show next to the product. One query, by which a page reserves no empty place."""
    others = Product.objects.published().filter(available().conditions()).exclude(pk=product.pk)
    return others.order_by().exists()


def strip_context(product: Product, values: Mapping[str, Any]) -> dict[str, Any]:
    """What `recommendations/strip.html` shows: the strip, or that of the product in the colour that the values name."""
    model = EmbeddingModel.objects.active()
    colours = swatches_for(product, model) if model else []
    asked = values.get("colour", "").casefold()
    chosen = next((colour for colour in colours if colour.casefold() == asked), None)
    if chosen is None:
        results = product_strip(product, settings.SIMILAR_PRODUCTS, model=model)
    else:
        results = recoloured_strip(product, chosen, settings.SIMILAR_PRODUCTS, model=model)
    return {"product": product, "results": results, "colours": colours, "chosen": chosen}
