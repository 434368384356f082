"""The storefront. Every list shows one page of cards and takes the same number of queries, however long it is."""

from __future__ import annotations

import re
from typing import cast

from csp.constants import NONE
from csp.decorators import csp
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.paginator import Page
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from catalog.attributes import described
from catalog.facets import choice as choosing
from catalog.facets.choice import Choice
from catalog.facets.tree import tree
from catalog.media import quarantine, rendition_files
from catalog.models import Category, Product
from catalog.models.category import by_name
from catalog.models.image import FOLDER, MIME
from catalog.querysets import ProductQuerySet
from catalog.search import misses
from catalog.search.finding import Found, Ranked, find
from catalog.search.statements import among
from catalog.search.suggestions import suggested
from catalog.signals import product_viewed
from catalog.storefront import markdown, shared, structured
from catalog.storefront.contact import mail_link
from catalog.storefront.listing import answer, listing

HOME_PRODUCTS = 12
COLLAGE = 4  # pictures at the top of the home page
PICTURE = re.compile(rf"{FOLDER}/[0-9a-f]{{2}}/[0-9a-f]{{32}}\.({'|'.join(MIME)})")


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    newest = list(Product.objects.published().for_cards()[: HOME_PRODUCTS + COLLAGE])
    others = newest[HOME_PRODUCTS:]
    return render(
        request,
        "catalog/home.html",
        {
            "categories": by_name(Category.objects.get_root_nodes()),
            "products": newest[:HOME_PRODUCTS],
            # A small shop has no others to show.
            "collage": others if len(others) == COLLAGE else newest[:COLLAGE],
            "canonical": _canonical(request, request.path),
            "shared": shared.link(request, settings.SHOP_NAME, next(iter(newest), None)),
            "json_ld": structured.home(request),
        },
    )


@require_safe
def category(request: HttpRequest, address: str, as_markdown: bool = False) -> HttpResponse:
    shown = get_object_or_404(Category, address=address)
    nodes, sorts = tree(), (choosing.NEWEST, choosing.CHEAPEST, choosing.DEAREST)
    choice = choosing.read(request.GET, sorts)
    scope = Product.objects.published().in_subtree(shown)
    products, before = scope.filter(choice.conditions()), None if choice.sort else _older_than(request)
    if before is not None:
        products = products.filter(pk__lt=before)
    if choice.sort:
        products = products.order_by(*choice.order)
    as_markdown = as_markdown or markdown.is_wanted(request)
    cards_of = products.for_cards()
    listed = listing(request, cards_of, scope, choice, sorts, nodes, shown.path, with_panel=not as_markdown)
    page, first = listed["page"], listed["first"]
    children = by_name(Category.objects.get_children(shown))
    if as_markdown:
        return _by_accept(markdown.category(request, shown, children, page))
    trail, cards = shown.trail, list(page)
    address = shown.get_absolute_url()
    plain = not choice.active and not choice.sort
    response = render(
        request,
        "catalog/category.html",
        {
            **listed,
            "category": shown,
            "trail": trail,
            "children": children,
            "before": before,
            "older": None if choice.sort else _end_of(page),
            "canonical": _canonical(request, address, first),
            "previous": _canonical(request, address, first - 1) if first > 1 and plain else None,
            "next": _canonical(request, address, page.number + 1) if page.has_next() and plain else None,
            "shared": shared.link(request, shown.name, next(iter(cards), None)),
            "json_ld": structured.category(request, trail, cards),
            "markdown": markdown.address(shown),
        },
    )
    return _by_accept(answer(request, response, listed["own_query"]))


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    text = request.GET.get("q", "").strip().replace("\0", "")[:200]
    sorts = (choosing.BEST, choosing.NEWEST, choosing.CHEAPEST, choosing.DEAREST)
    choice = choosing.read(request.GET, sorts)
    visible = Product.objects.published()
    found = find(text, visible)
    if found.missed and not choice.pairs and "page" not in request.GET and not request.user.is_staff:
        misses.note(text)
    scope = _found(found, visible)
    listed = listing(request, _ordered(text, found, scope, choice), scope, choice, sorts, tree(), kept=(("q", text),))
    response = render(request, "catalog/search.html", {"query": text, "found": found, **listed})
    return answer(request, response, listed["own_query"])


def _found(found: Found, visible: ProductQuerySet) -> ProductQuerySet:
    """All products that were found, in no order."""
    return visible.filter(among(found.ids)) if found.more is None else cast(ProductQuerySet, found.more)


def _ordered(text: str, found: Found, scope: ProductQuerySet, choice: Choice) -> QuerySet[Product] | Ranked:
    filtered = scope.filter(choice.conditions())
    if choice.sort:
        return filtered.order_by(*choice.order).for_cards()
    ids = found.ids
    if choice.active and found.more is None:
        left = set(filtered.order_by().values_list("pk", flat=True))
        ids = [pk for pk in ids if pk in left]
    elif choice.active:  # more products than were ranked
        visible = Product.objects.published()
        ids = find(text, visible.filter(choice.conditions()), visible=visible).ids
    return Ranked(ids, Product.objects.published().for_cards())


@require_safe
def suggestions(request: HttpRequest) -> HttpResponse:
    """What the search box offers while somebody types: a fragment for `static/js/suggestions.js`."""
    text = request.GET.get("q", "").replace("\0", "")[:200]
    return render(request, "catalog/_suggestions.html", {"suggestions": suggested(text), "query": text.strip()})


@require_safe
def product(request: HttpRequest, slug: str, as_markdown: bool = False) -> HttpResponse:
    shown = get_object_or_404(Product.objects.published().for_page(), slug=slug)
    trail = shown.category.trail
    if as_markdown or markdown.is_wanted(request):
        return _by_accept(markdown.product(request, shown, trail, described(shown.attributes)))
    context = {
        "product": shown,
        "images": list(shown.images.all()),
        "trail": trail,
        "details": described(shown.attributes),
        "mail": mail_link(shown, _canonical(request, shown.get_absolute_url())),
        "json_ld": structured.product(request, shown, trail),
        "shared": shared.link(request, shown.title, shown),
        "canonical": _canonical(request, shown.get_absolute_url()),
        "markdown": markdown.address(shown),
    }
    response = _by_accept(render(request, "catalog/product.html", context))
    product_viewed.send(Product, request=request, product=shown)
    return response


@require_safe
@csp({"default-src": [NONE], "sandbox": True})
def media(request: HttpRequest, name: str) -> FileResponse | HttpResponse:
    """Product pictures and their renditions, if no proxy serves them. Nothing else in the storage is public."""
    is_rendition = rendition_files.PATTERN.fullmatch(name) is not None
    if not is_rendition and PICTURE.fullmatch(name) is None:
        raise Http404
    max_age = "max-age=31536000, immutable"  # names are never reused
    try:
        try:
            file = default_storage.open(name)
        except FileNotFoundError:
            if is_rendition:
                max_age = "max-age=60"  # until the rendition is made again
                name = rendition_files.original_of(name) or name
            elif not quarantine.recover(name):
                raise
            file = default_storage.open(name)
    except ConnectionError:  # a storage on other hosts that is unavailable
        return HttpResponse(status=503, headers={"Retry-After": "5"})
    except OSError as error:
        raise Http404 from error
    response = FileResponse(file, content_type=MIME[name.rpartition(".")[2]])
    response["Cache-Control"] = f"public, {max_age}"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _canonical(request: HttpRequest, path: str, page: int = 1) -> str:
    """The one address of what this page shows, whatever else its own address says (a colour, a campaign)."""
    return request.build_absolute_uri(path if page == 1 else f"{path}?page={page}")


def _by_accept(response: HttpResponse) -> HttpResponse:
    """Keeps caches from answering a browser with Markdown."""
    patch_vary_headers(response, ["Accept"])
    return response


def _end_of(page: Page[Product]) -> str | None:
    """On the last numbered page of a longer list, the id below which the list continues."""
    shown = list(page)
    return str(shown[-1].pk) if shown and page.paginator.count.more and not page.has_next() else None  # type: ignore[attr-defined]


def _older_than(request: HttpRequest) -> int | None:
    """The id below which a category's products continue after its numbered pages."""
    text = request.GET.get("before", "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
