"""Search by photo, for shoppers; forgetting what they viewed; what their browsers report of strips."""

from __future__ import annotations

import logging
import math

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from catalog.api.errors import TOO_LARGE
from ml.images import ImageRejected
from recommendations import counting
from recommendations.forms import PhotoSearchForm
from recommendations.graphs import ModelUnavailable
from recommendations.models import EmbeddingModel
from recommendations.search import Results
from recommendations.strips import photo_cards
from recommendations.throttling import PhotoSearchThrottle, StripReportThrottle
from recommendations.viewed import asks_for_privacy, viewed_of

RETRY_SECONDS = 5

logger = logging.getLogger(__name__)


@require_http_methods(["GET", "HEAD", "POST"])
def photo_search(request: HttpRequest) -> HttpResponse:
    """A page with a form; with a photo, the same page with what looks like it. The photo is not kept."""
    form = PhotoSearchForm(request.POST or None, request.FILES or None)
    results: Results | None = None
    unavailable = ""
    status = 200
    if request.method == "POST":
        throttle = PhotoSearchThrottle()
        status = 400
        if not throttle.allow_request(request, None):  # type: ignore[arg-type]
            unavailable, status = "That were many searches in a short time. Please wait a moment.", 429
        elif form.is_valid():
            try:
                results = photo_cards(form.cleaned_data["photo"], form.wish)
                status = 200
            except ImageRejected as error:
                logger.info("Photo refused: %s", error.code)
                form.reject_photo(error)
            except ModelUnavailable as error:
                logger.error("%s", error)
                unavailable, status = "Photo search is not available just now. Please try again later.", 503
        if any(code in TOO_LARGE for code in form.error_codes().get("photo", [])):
            status = 413
    context = {
        "form": form,
        "results": results,
        "budget": form.cleaned_data.get("price_max") if form.is_bound else None,
        "unavailable": unavailable,
        "model": results.model if results else EmbeddingModel.objects.active(),
    }
    response = render(request, "recommendations/photo_search.html", context, status=status)
    if status in {429, 503}:
        response["Retry-After"] = math.ceil((throttle.wait() if status == 429 else None) or RETRY_SECONDS)
    return response


@require_POST
def clear_viewed(request: HttpRequest) -> HttpResponse:
    """Forget what this shopper viewed, and say so on the home page."""
    viewed_of(request).clear()
    return redirect(f"{reverse('catalog:home')}?viewed=cleared#viewed")


@csrf_exempt  # nobody is signed in by it, and other sites cannot send JSON here (no CORS)
@require_POST
def strips_seen(request: HttpRequest) -> HttpResponse:
    """A page's report of its strips, from `static/js/strips.js`. Its answer is read by nobody."""
    if not settings.STRIP_CLICKS:
        raise Http404
    if request.content_type != "application/json":
        return HttpResponse(status=415)
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > counting.MAX_BYTES:
        return HttpResponse(status=413)
    if not StripReportThrottle().allow_request(request, None):  # type: ignore[arg-type]
        return HttpResponse(status=429)
    try:
        counts = counting.read_report(request.body)
    except counting.BadReport:
        return HttpResponse(status=400)
    if not asks_for_privacy(request):
        counting.count(counts)
    return HttpResponse(status=204)
