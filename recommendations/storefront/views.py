"""For shoppers: searching by photo, clearing what they viewed, and the reports of their browsers on strips."""

from __future__ import annotations

import logging
import math
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from catalog import refusals
from catalog.api.errors import TOO_LARGE
from catalog.models import Category
from catalog.models.category import by_name
from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import DecoderBusy, DecoderUnavailable
from recommendations.lifecycle.artifacts import UNAVAILABLE, ModelUnavailable
from recommendations.search.photo import PhotoForgotten, SeenPhoto, embed_photo, from_token, of_product
from recommendations.search.query_vectors import has_colour_part
from recommendations.search.throttling import PhotoSearchThrottle, StripReportThrottle
from recommendations.storefront.forms import PhotoSearchForm
from recommendations.storefront.words import chips
from recommendations.strips import click_reports
from recommendations.strips.cards import photo_cards
from recommendations.strips.recently_viewed import asks_for_privacy, viewed_of

RETRY_SECONDS = 5
BUSY = gettext_lazy("Many photos are being searched right now. Try again in {seconds} seconds.")

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
def photo_search(request: HttpRequest) -> HttpResponse:
    """A page with a form and, for a photo, its results. The photo is not stored: the page and the address of its
    results carry its signed vector, with which a search is refined, reloaded and shared."""
    is_link = request.method != "POST"
    if is_link and not {"seen", "product"} & set(request.GET):
        shown = {"form": PhotoSearchForm(), "canonical": request.build_absolute_uri(request.path)}
        return render(request, "recommendations/photo_search.html", shown)
    throttle = PhotoSearchThrottle()
    # Only a new photo is expensive enough to limit.
    is_new = "photo" in request.FILES or bool(request.POST.get("sample"))
    if is_new and not throttle.allow_request(request, None):
        return _unavailable(request, 429, _("Too many searches. Wait a moment and try again."), throttle.wait())
    form = PhotoSearchForm(_linked(request), None) if is_link else PhotoSearchForm(request.POST, request.FILES)
    is_valid = form.is_valid()
    like = form.like
    if is_link and "seen" not in request.GET and like is None:
        return redirect("recommendations:photo-search")
    context: dict[str, Any] = {"form": form, "is_link": is_link, "like": like}
    try:
        photo, token = _photo(form)
    except ImageRejected as error:
        form.reject_photo(error)
    except PhotoForgotten as error:
        form.add_error("photo", str(error))
        context["photo_again"] = True
    except ModelUnavailable as error:
        logger.error("%s", error)
        return _unavailable(request, 503, str(UNAVAILABLE))
    except DecoderBusy as error:
        return _unavailable(request, 503, BUSY.format(seconds=error.seconds), error.seconds)
    except DecoderUnavailable as error:
        logger.error("No photo was decoded: %s", error.details)
        return _unavailable(request, 503, str(UNAVAILABLE))
    else:
        if photo is None and like is not None:  # its page says what it is waiting for
            return redirect(like)
        if photo is not None:
            context |= _refining(form, photo, token)
            if is_valid:
                context |= _found(form, photo)
    status = 200 if "results" in context else 400
    if any(code in TOO_LARGE for code in form.error_codes().get("photo", [])):
        status = 413
    response = render(request, "recommendations/photo_search.html", context, status=status)
    patch_cache_control(response, private=True)
    if "results" in context and not form.cleaned_data["cursor"]:
        # htmx shows this address. Refining and cropping replace it, so that Back leaves the search.
        is_first = form.has_new_photo and not form.cleaned_data["cropped"]
        response["HX-Push-Url" if is_first else "HX-Replace-Url"] = context["link"]
    return response


def _linked(request: HttpRequest) -> QueryDict:
    """The parameters of a link, which cannot name a sample: only POST runs the network."""
    values = request.GET.copy()
    values.pop("sample", None)
    return values


def _photo(form: PhotoSearchForm) -> tuple[SeenPhoto | None, str]:
    """The photo to search with, and its token. Also where another field is invalid, so that nobody has to send a photo
    twice.

    Raises:
        ImageRejected, ModelUnavailable, DecoderUnavailable, PhotoForgotten
    """
    data, token = form.cleaned_data.get("photo"), form.cleaned_data.get("seen", "")
    if data is not None:
        photo = embed_photo(data, door=refusals.PAGE)
        return photo, photo.to_token()
    if token and "photo" not in form.errors:
        return from_token(token), token
    if form.like is not None:
        found = of_product(form.like)
        return found, found.to_token() if found else ""
    return None, ""


def _refining(form: PhotoSearchForm, photo: SeenPhoto, token: str) -> dict[str, Any]:
    return {
        "token": token,
        "link": form.link(token),
        "types": _types(form, photo),
        "chosen": form.chosen_type,
        "has_colour": has_colour_part(photo.model.spec),
    }


def _types(form: PhotoSearchForm, photo: SeenPhoto) -> list[Category]:
    """To choose from: what the photo seems to show, and what a link asks for."""
    types = [each.category for each in photo.types]
    chosen = form.chosen_type
    return types if chosen is None or chosen in types else [*types, chosen]


def _found(form: PhotoSearchForm, photo: SeenPhoto) -> dict[str, Any]:
    photo, search_request, reading = form.asked(photo)
    results = photo_cards(photo, search_request, form.like)
    nothing_similar = results.nothing_similar and not search_request.shown
    return {
        "results": results,
        "search_request": search_request,
        "reading": reading,
        "word_chips": chips(reading, search_request.filters),
        "budget": search_request.filters.price_max,
        "nothing_similar": nothing_similar,
        "categories": by_name(Category.objects.get_root_nodes()) if nothing_similar else [],
    }


def _unavailable(request: HttpRequest, status: int, sentence: str, wait: float | None = None) -> HttpResponse:
    context = {"form": PhotoSearchForm(), "unavailable": sentence}
    response = render(request, "recommendations/photo_search.html", context, status=status)
    response["Retry-After"] = math.ceil(wait or RETRY_SECONDS)
    return response


@require_POST
def clear_viewed(request: HttpRequest) -> HttpResponse:
    """Clear what this shopper viewed, and confirm it on the home page."""
    viewed_of(request).clear()
    return redirect(f"{reverse('catalog:home')}?viewed=cleared#viewed")


@csrf_exempt  # it acts for no account, and other sites cannot send JSON here (no CORS)
@require_POST
def strips_seen(request: HttpRequest) -> HttpResponse:
    """A page's report on its strips, sent by `static/js/strips.js`, which ignores the answer."""
    if not settings.STRIP_CLICKS:
        raise Http404
    if request.content_type != "application/json":
        return HttpResponse(status=415)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > click_reports.MAX_BYTES:
        return HttpResponse(status=413)
    if not StripReportThrottle().allow_request(request, None):
        return HttpResponse(status=429)
    try:
        counts = click_reports.read_report(request.body)
    except click_reports.BadReport:
        return HttpResponse(status=400)
    if not asks_for_privacy(request):
        click_reports.count(counts)
    return HttpResponse(status=204)
