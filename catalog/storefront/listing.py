"""Lists of products: filters, order, pages, and "Load more"."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.core.paginator import Page
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from catalog.facets.choice import SORTS, Choice
from catalog.facets.counts import counts
from catalog.facets.panel import panel
from catalog.facets.tree import Node
from catalog.models import Product
from catalog.pages import BoundedPaginator
from catalog.querysets import ProductQuerySet
from catalog.search.finding import Ranked

#: Pages that "Load more" collects on one. After them it leads to the next page.
TOGETHER = 10
MORE = "cards"  # the id of what "Load more" adds to


def listing(
    request: HttpRequest,
    products: QuerySet[Product] | Ranked,
    scope: ProductQuerySet,
    choice: Choice,
    sorts: tuple[str, ...],
    nodes: list[Node],
    path: str = "",
    kept: tuple[tuple[str, str], ...] = (),
    *,
    with_panel: bool = True,
) -> dict[str, Any]:
    """The context of `catalog/_listing.html`.

    `?page=2` is the second page. `?page=2&upto=4` are pages 2 to 4, as "Load more" leaves the address.

    Args:
        products: filtered and ordered.
        scope: the products without any filter, for the counts.
        path: of the category of the page.
        kept: parameters of the address besides filters and order.
        with_panel: whether the facets are shown; counting them may take most of the page's time.
    """
    paginator = BoundedPaginator(products, settings.PRODUCTS_PER_PAGE)
    first = paginator.get_page(request.GET.get("page")).number
    last = min(max(first, _number(request.GET.get("upto", ""))), paginator.num_pages, first + TOGETHER - 1)
    added = is_more(request)
    start = (last - 1 if added else first - 1) * paginator.per_page
    shown = list(products[start : min(last * paginator.per_page, paginator.count)])
    page: Page[Product] = Page(shown, last, paginator)
    own = choice.query(*kept)
    context = {
        "page": page,
        "first": first,
        "choice": choice,
        "own_query": own,
        "sorts": [(value, SORTS[value], value == (choice.sort or sorts[0])) for value in sorts],
        "kept": [pair for pair in kept if pair[1]],
    }
    if page.has_next():
        joiner = "" if own == "?" else "&"
        context["more"] = f"{own}{joiner}page={last + 1}"
        if last + 1 - first < TOGETHER:
            page_of = f"page={first}&" if first > 1 else ""
            context["more_here"] = f"{own}{joiner}{page_of}upto={last + 1}"
    if with_panel and not added:
        context["panel"] = panel(counts(scope, choice), choice, nodes, path, kept)
    return context


def is_more(request: HttpRequest) -> bool:
    """Whether only the cards of the last page are wanted."""
    return request.headers.get("HX-Target") == MORE


def answer(request: HttpRequest, response: HttpResponse, query: str) -> HttpResponse:
    """The same address has different answers for htmx, which the browser must not mix up when somebody goes back."""
    patch_vary_headers(response, ("HX-Request", "HX-Target"))
    if request.headers.get("HX-Request") and not is_more(request):
        response["HX-Push-Url"] = request.path if query == "?" else f"{request.path}{query}"
    return response


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0
