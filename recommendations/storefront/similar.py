"""The similar items of a product page: a fragment that the page fetches when its place comes near the window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from catalog.models import Product
from recommendations.models import EmbeddingModel, Strip
from recommendations.search.request import MOST_EXAMPLES, SearchRequest, build_request
from recommendations.search.results import Source
from recommendations.strips.cards import Cards, available
from recommendations.strips.cheaper import saving_of
from recommendations.strips.product_strip import product_strip, refined_strip
from recommendations.strips.swatches import swatches_for

#: Parameters of a product page's address with any of which the strip is part of the page. `similar` is that of the
#: link that works without scripts; the others say what to show, so that a shared address shows it.
ASKING = frozenset({"similar", "colour", "more", "less"})


@dataclass(frozen=True)
class Asked:
    """What an address asks of a product's strip. The links of the strip are others of these.

    Attributes:
        colour: as the shop writes it; empty for the product's own.
        more, less: examples, at most `MOST_EXAMPLES` each.
    """

    product: Product
    colour: str = ""
    more: tuple[Product, ...] = ()
    less: tuple[Product, ...] = ()

    @property
    def request(self) -> SearchRequest:
        values = {"in_colour": self.colour, "more": self.more, "less": self.less}
        return build_request(values, default_limit=settings.SIMILAR_PRODUCTS)

    @property
    def has_examples(self) -> bool:
        return bool(self.more or self.less)

    @property
    def link(self) -> str:
        """Works without scripts."""
        return f"{self.product.get_absolute_url()}{self._query or '?similar=1'}#similar-title"

    @property
    def page(self) -> str:
        """The address of the page that shows this."""
        return f"{self.product.get_absolute_url()}{self._query}"

    @property
    def fragment(self) -> str:
        return reverse("recommendations:similar", args=[self.product.slug]) + self._query

    @property
    def without_examples(self) -> Asked:
        return replace(self, more=(), less=())

    def in_colour(self, colour: str) -> Asked:
        return replace(self, colour=colour)

    def more_like(self, example: Product) -> Asked | None:
        """None where there are as many examples as there may be."""
        return replace(self, more=(*self.more, example)) if len(self.more) < MOST_EXAMPLES else None

    def less_like(self, example: Product) -> Asked | None:
        """Likewise."""
        return replace(self, less=(*self.less, example)) if len(self.less) < MOST_EXAMPLES else None

    def without(self, example: Product) -> Asked:
        more, less = (tuple(each for each in some if each != example) for some in (self.more, self.less))
        return replace(self, more=more, less=less)

    @property
    def _query(self) -> str:
        pairs = [("colour", self.colour)] if self.colour else []
        pairs += [("more", each.slug) for each in self.more] + [("less", each.slug) for each in self.less]
        return f"?{urlencode(pairs)}" if pairs else ""


@require_safe
def similar(request: HttpRequest, slug: str) -> HttpResponse:
    """The strip alone. Empty where the shop has nothing to show."""
    product = get_object_or_404(Product.objects.published().for_page(), slug=slug)
    response = render(request, "recommendations/strip.html", strip_context(product, request.GET))
    response["X-Robots-Tag"] = "noindex"  # search engines know the product's page
    return response


def is_asked_for(values: QueryDict) -> bool:
    """Whether a product page with these parameters shows the strip at once."""
    return not ASKING.isdisjoint(values)


def has_others(product: Product) -> bool:
    """Whether the shop has anything to show next to the product. One query, by which a page reserves no empty place."""
    others = Product.objects.published().filter(available().conditions()).exclude(pk=product.pk)
    return others.order_by().exists()


def strip_context(product: Product, values: QueryDict) -> dict[str, Any]:
    """What `recommendations/strip.html` shows: the strip, or what the values ask for instead."""
    model = EmbeddingModel.objects.active()
    colours = swatches_for(product, model) if model else []
    asked = _asked(product, values, colours)
    if asked == Asked(product):
        results = product_strip(product, settings.SIMILAR_PRODUCTS, model=model, whole=True)
    else:
        results = refined_strip(product, asked.request, model=model)
    strip = Strip.REFINED if asked.has_examples else Strip.COLOUR if asked.colour else Strip.SIMILAR
    is_compared = any(match.source == Source.VISUAL for match in results.matches)
    return {
        "product": product,
        "asked": asked,
        "strip": strip.value,
        "results": results,
        "cheaper": Cards(results.model, results.cheaper),
        "saving": saving_of(product, results.cheaper),
        "takes_examples": is_compared,
        "original": asked.in_colour(""),
        "swatches": [(colour, asked.in_colour(colour)) for colour in colours],
        "examples": [(each, asked.without(each), each in asked.more) for each in (*asked.more, *asked.less)],
    }


def _asked(product: Product, values: QueryDict, colours: list[str]) -> Asked:
    """What the values ask for, without what the shop does not have (any more)."""
    wanted = values.get("colour", "").casefold()
    colour = next((colour for colour in colours if colour.casefold() == wanted), "")
    named = {name: [slug for slug in values.getlist(name) if "\0" not in slug] for name in ("more", "less")}
    named = {name: list(dict.fromkeys(slugs))[:MOST_EXAMPLES] for name, slugs in named.items()}
    slugs = {*named["more"], *named["less"]} - {product.slug}
    if not slugs:
        return Asked(product, colour)
    found = {each.slug: each for each in Product.objects.published().filter(slug__in=slugs)}
    more = tuple(found[slug] for slug in named["more"] if slug in found)
    less = tuple(found[slug] for slug in named["less"] if slug in found and found[slug] not in more)
    return Asked(product, colour, more, less)
