"""The steps above the list of embedding models: add a bundled one, build it, compare, activate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from catalog.admin.permissions import require
from catalog.models import ProductImage
from recommendations.embeddings.coverage import Coverage, coverage
from recommendations.lifecycle import bundled, switching
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.lifecycle.bundled import ADD
from recommendations.lifecycle.switching import FailedInstead, LifecycleError, NotCovered
from recommendations.models import EmbeddingModel, ModelState
from recommendations.monitoring import throughput
from recommendations.pipeline import control, nudges

CHANGE = "recommendations.change_embeddingmodel"
#: States with a next step. The active model has none, and a retired one is added again.
STEPS = (ModelState.DRAFT, ModelState.BUILDING, ModelState.READY)


@dataclass(frozen=True)
class Step:
    """A model that is not active, and what comes next.

    Attributes:
        found: None for a draft.
        outlook: how long its build will take, as a sentence; empty if it is complete.
        compare: the address of its comparison with the active model; empty before there is anything to compare.
    """

    model: EmbeddingModel
    found: Coverage | None
    outlook: str
    compare: str


def panel(request: HttpRequest) -> dict[str, Any]:
    """The context of `recommendations/_models_panel.html`."""
    active = EmbeddingModel.objects.active()
    return {
        "steps": [_step(model, active) for model in EmbeddingModel.objects.filter(state__in=STEPS).order_by("pk")],
        "offers": bundled.offers(),
        "active": active,
        "may_add": request.user.has_perm(ADD),
        "may_change": request.user.has_perm(CHANGE),
    }


def _offer(request: HttpRequest) -> bundled.Offer | None:
    return next((each for each in bundled.offers() if each.edition.name == request.POST.get("edition")), None)


def _model(request: HttpRequest) -> EmbeddingModel | None:
    """
    Raises:
        Http404: there is no such model.
    """
    number = request.POST.get("model", "")
    if not number.isascii() or not number.isdecimal() or len(number) > 18:
        return None
    return get_object_or_404(EmbeddingModel, pk=int(number))


def _of_a_model(view: Callable[[HttpRequest, EmbeddingModel], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Of those who may change models: `view` with the one that `model` names."""

    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        require(request, CHANGE)
        model = _model(request)
        return HttpResponseBadRequest("`model` must be a number.") if model is None else view(request, model)

    return checked


def _of_an_offer(view: Callable[[HttpRequest, bundled.Offer], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Of those who may add models: `view` with the offer that `edition` names."""

    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        require(request, ADD)
        offer = _offer(request)
        if offer is None:
            return HttpResponseBadRequest("`edition` must be a bundled model that the shop does not have.")
        return view(request, offer)

    return checked


@_of_an_offer
def add(request: HttpRequest, offer: bundled.Offer) -> HttpResponse:
    """POST `edition`: a draft of it, with its artifact in the media storage."""
    try:
        # By its model's name, as the command does, so that a shop with one edition of each has short names.
        model = switching.add_model(offer.edition.model, wait=False)
    except (LifecycleError, ModelUnavailable) as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request,
            gettext("%(model)s was added as a draft. Build it next.") % {"model": model.name},
        )
    return _back()


@_of_a_model
def build(request: HttpRequest, model: EmbeddingModel) -> HttpResponse:
    """POST `model`: workers embed every picture with it, after uploads."""
    try:
        switching.begin_build(model.name)
    except LifecycleError as error:
        messages.error(request, str(error))
    else:
        nudges.nudge_bulk()
        messages.success(request, gettext("Workers now build %(model)s.") % {"model": model.name})
    return _back()


@_of_a_model
def activate(request: HttpRequest, model: EmbeddingModel) -> HttpResponse:
    """POST `model`: pages and searches use it from the next request on."""
    try:
        switch = switching.activate(model.name)
    except NotCovered as error:
        nudges.nudge_bulk()
        missing = error.coverage.missing
        sentence = ngettext(
            "%(model)s still lacks %(count)s picture. Workers embed it now. Try again in a moment.",
            "%(model)s still lacks %(count)s pictures. Workers embed them now. Try again in a moment.",
            missing,
        )
        messages.warning(request, sentence % {"model": model.name, "count": f"{missing:,}"})
    except FailedInstead as error:
        sentence = gettext("%(reason)s Retry them on the Pipeline page first.")
        messages.error(request, sentence % {"reason": error})
    except LifecycleError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _activated(switch))
    return _back()


@_of_an_offer
def dismiss(request: HttpRequest, offer: bundled.Offer) -> HttpResponse:
    """POST `edition`: stop suggesting it to the staff of this shop."""
    bundled.dismiss(offer.edition, by=request.user.get_username())
    messages.success(
        request,
        gettext("%(model)s is no longer suggested. You can still add it under Embedding models.")
        % {"model": offer.edition.model},
    )
    return HttpResponseRedirect(reverse("admin:index"))


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:recommendations_embeddingmodel_changelist"))


def _activated(switch: switching.Switch) -> str:
    if switch.previous is None:
        return gettext("%(model)s is active.") % {"model": switch.model.name}
    return gettext("%(model)s is active. %(former)s stays ready; activate it to switch back.") % {
        "model": switch.model.name, "former": switch.previous.name,
    }  # fmt: skip


def _step(model: EmbeddingModel, active: EmbeddingModel | None) -> Step:
    if model.state == ModelState.DRAFT:
        return Step(model, None, _estimate(model), "")
    found = coverage(model)
    compare = comparison_address(active, model) if active and found.ready else ""
    return Step(model, found, _outlook(model, found), compare)


def _estimate(model: EmbeddingModel) -> str:
    count = ProductImage.objects.count()
    pictures = ngettext("%(count)s picture", "%(count)s pictures", count) % {"count": f"{count:,}"}
    seconds = bundled.build_seconds(model, count)
    if seconds is None:
        return gettext("%(pictures)s to embed.") % {"pictures": pictures}
    return gettext("%(pictures)s to embed: %(duration)s on one processor core.") % {
        "pictures": pictures, "duration": throughput.duration(seconds),
    }  # fmt: skip


def _outlook(model: EmbeddingModel, found: Coverage) -> str:
    if not found.missing:
        return ""
    rate = throughput.pictures_a_minute([model])[model.pk]
    return throughput.outlook(found.missing, rate, paused=control.current() is not None)


def comparison_address(first: EmbeddingModel, second: EmbeddingModel) -> str:
    """The comparison page with these two models."""
    address = reverse("admin:recommendations_embeddingmodel_compare")
    return f"{address}?{urlencode({'first': first.pk, 'second': second.pk})}"
