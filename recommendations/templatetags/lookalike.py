"""What catalog pages and the admin show of this app without importing it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.template import Context
from django.utils.html import format_html

from catalog.attributes import text_of
from catalog.media import files
from catalog.models import Product
from recommendations.lifecycle import bundled
from recommendations.lifecycle.bundled import ADD
from recommendations.models import EmbeddingModel, Strip
from recommendations.monitoring.status import model_warnings
from recommendations.search.results import Results
from recommendations.storefront.samples import Sample, samples
from recommendations.storefront.similar import Asked, has_others, is_asked_for, strip_context
from recommendations.strips.click_reports import label_of
from recommendations.strips.recently_viewed import viewed_of
from recommendations.strips.taste import inspired_by

register = template.Library()
register.filter("attribute_text", text_of)


@register.simple_tag
def photo_samples() -> tuple[Sample, ...]:
    """Photos to try the photo search with."""
    return samples()


@register.inclusion_tag("recommendations/similar.html", takes_context=True)
def similar_strip(context: Context, product: Product) -> dict[str, Any]:
    """The similar items on a product page: the strip if the address asks for it, otherwise a place for it."""
    values = context["request"].GET
    if is_asked_for(values):
        return {"shown": True, **strip_context(product, values)}
    return {"product": product, "waiting": has_others(product)}


@register.filter
def more_like(asked: Asked, example: Product) -> Asked | None:
    """The strip with more like this product."""
    return asked.more_like(example)


@register.filter
def less_like(asked: Asked, example: Product) -> Asked | None:
    return asked.less_like(example)


@register.simple_tag
def strip_link(to: Asked) -> str:
    """The attributes of a link that replaces the strip and, without scripts, the page."""
    return format_html('href="{}" hx-get="{}" hx-replace-url="{}"', to.link, to.fragment, to.page)


@register.inclusion_tag("recommendations/personal_strip.html", takes_context=True)
def personal_strip(context: Context, shown: Iterable[Product] = ()) -> dict[str, Any]:
    """Products like those that this shopper viewed; nothing for shoppers who are not remembered.

    Args:
        shown: products that the page shows elsewhere; they are left out.
    """
    request: HttpRequest = context["request"]
    if not settings.PERSONAL_STRIP:
        return {}
    viewed = viewed_of(request).ids
    if not viewed:
        return {"cleared": request.GET.get("viewed") == "cleared"}
    excluded = frozenset(product.pk for product in shown)
    return {"results": inspired_by(viewed, settings.SIMILAR_PRODUCTS, excluded=excluded)}


@register.inclusion_tag("recommendations/viewed_row.html", takes_context=True)
def viewed_row(context: Context, shown: Product) -> dict[str, Any]:
    """The products that this shopper viewed before `shown`; nothing for shoppers who are not remembered."""
    if not settings.PERSONAL_STRIP:
        return {}
    ids = [pk for pk in viewed_of(context["request"]).ids if pk != shown.pk][: settings.SIMILAR_PRODUCTS]
    found = Product.objects.published().for_cards().in_bulk(ids) if ids else {}
    return {"viewed": [found[pk] for pk in ids if pk in found], "csrf_token": context.get("csrf_token")}


@register.simple_tag
def strip_label(strip: str, results: Results) -> str:
    """The attribute `data-strip` of a list of cards; empty if strips are not counted."""
    return label_of(Strip(strip), results) if settings.STRIP_CLICKS else ""


@register.inclusion_tag("recommendations/_counting.html")
def strip_counting() -> dict[str, Any]:
    """The script that reports which cards are seen and clicked. A page may include it more than once."""
    return {"counted": settings.STRIP_CLICKS}


@register.inclusion_tag("recommendations/admin_banner.html")
def model_banner() -> dict[str, Any]:
    """What staff must know about the embedding model and the pictures' files."""
    return {"warnings": [*model_warnings(EmbeddingModel.objects.active()), *files.problems()]}


@register.inclusion_tag("recommendations/model_suggestion.html", takes_context=True)
def model_suggestion(context: Context) -> dict[str, Any]:
    """A bundled model that this shop does not have, for users who may add it."""
    request: HttpRequest = context["request"]
    offer = bundled.suggestion() if request.user.has_perm(ADD) else None
    return {"offer": offer, "csrf_token": context.get("csrf_token")}


@register.filter
def percent(share: float | None) -> str:
    """`.934` → `93 %`; a dash for None."""
    return "–" if share is None else f"{100 * share:.0f} %"
