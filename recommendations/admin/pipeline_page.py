"""The page where staff watch the pipeline, pause it and retry failed pictures."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.options import BaseModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from catalog.admin.permissions import require
from catalog.media import files, renditions
from recommendations.embeddings import claims
from recommendations.embeddings.coverage import Coverage, coverage
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding, Pipeline, Worker
from recommendations.monitoring import throughput
from recommendations.monitoring.failures import FailureGroup, failure_groups
from recommendations.pipeline import control, nudges
from recommendations.pipeline.heartbeat import ALIVE, alive

EXAMPLES = 8  # per reason
WORKERS = 20  # listed by name
LOST = 12  # pictures without a file, listed by name
BUSY_SECONDS, IDLE_SECONDS, MOST_SECONDS = 3, 15, 120  # between two updates
SHARE = 20  # an update may take 1/20 of the time: at a million pictures, counting alone takes a second
PERMISSION = "recommendations.change_pipeline"
BAR = (EmbeddingState.READY, EmbeddingState.PROCESSING, EmbeddingState.PENDING, EmbeddingState.FAILED)


@dataclass(frozen=True)
class Row:
    """One model and its pictures."""

    model: EmbeddingModel
    found: Coverage
    per_minute: float
    outlook: str
    groups: list[FailureGroup]

    @property
    def rate(self) -> str:
        """Rounded like the outlook; empty when nothing was embedded recently."""
        return gettext("%(rate)s a minute") % {"rate": f"{self.per_minute:,.0f}"} if self.per_minute else ""

    @property
    def oldest(self) -> str:
        """How long the oldest pending picture has waited; empty if none is pending."""
        return "" if self.found.oldest_pending_s is None else throughput.duration(self.found.oldest_pending_s)

    @property
    def parts(self) -> list[tuple[EmbeddingState, int, float]]:
        """The sections of the bar: state, pictures, percentage. Every section stays wide enough to see."""
        counts = [(state, getattr(self.found, state.value)) for state in BAR]
        return [(state, count, max(100 * count / self.found.total, 0.5)) for state, count in counts if count]


def pipeline_page(request: HttpRequest, model_admin: BaseModelAdmin) -> HttpResponse:
    """The whole page, or the changed parts if the page's script requests them (`?seen=`)."""
    request.current_app = model_admin.admin_site.name
    began = time.monotonic()
    paused = control.current()
    rows = _rows(paused is not None)
    seen = _fingerprint(rows)
    busy = any(row.found.missing for row in rows) or not rows
    problems = files.problems()
    waiting, failed = renditions.missing()
    pictures = rows[0].found.total if rows else 0
    context = {
        "opts": Pipeline._meta,
        "rows": rows,
        "failing": [row for row in rows if row.groups],
        "several": len(rows) > 1,
        "paused": paused,
        "workers": Worker.objects.filter(alive()).order_by("name")[:WORKERS],
        "workers_alive_s": int(ALIVE.total_seconds()),
        "failed_rows": _failed_rows_address(),
        "renditions": {"made": pictures - waiting - failed, "waiting": waiting, "failed": failed, "of": pictures},
        "problems": problems,
        "lost": files.lost_pictures(LOST) if problems else [],
        "may_change": request.user.has_perm(PERMISSION),
        "may_open_products": _may_open(request, "catalog", "product"),
        "may_list_rows": _may_open(request, "recommendations", "imageembedding"),
        "again": f"{request.path}?{urlencode({'seen': seen})}",
        "seconds": _pause(time.monotonic() - began, busy=busy),
    }
    if "seen" in request.GET:
        context["failures_changed"] = request.GET["seen"] != seen
        return TemplateResponse(request, "recommendations/_pipeline_update.html", context)
    context |= {
        **model_admin.admin_site.each_context(request),
        "title": gettext("Pipeline"),
        "model_admin": model_admin,
    }
    return TemplateResponse(request, "recommendations/pipeline.html", context)


def retry(request: HttpRequest) -> HttpResponse:
    """POST `row` to retry one picture, `model` and `code` those with one reason, `model` all failed ones."""
    require(request, PERMISSION)
    try:
        numbers = {name: int(request.POST[name]) for name in ("row", "model") if name in request.POST}
    except ValueError:
        return HttpResponseBadRequest("`row` and `model` must be numbers.")
    if "row" in numbers:
        row = get_object_or_404(ImageEmbedding.objects.filter(state=EmbeddingState.FAILED), pk=numbers["row"])
        count = claims.retry_rows([row.pk])
    elif "model" in numbers:
        model = get_object_or_404(EmbeddingModel.objects.kept(), pk=numbers["model"])
        code = request.POST.get("code")
        count = claims.retry_reason(model, code) if code else claims.retry(model)
    else:
        return HttpResponseBadRequest("Send `row` or `model`.")
    nudges.nudge_bulk()
    message = ngettext("%(count)s picture will be tried again.", "%(count)s pictures will be tried again.", count)
    messages.success(request, message % {"count": f"{count:,}"})
    return _back()


def switch(request: HttpRequest) -> HttpResponse:
    """POST `to`: "pause" or "resume"."""
    require(request, PERMISSION)
    to = request.POST.get("to")
    if to == "pause":
        control.pause(by=request.user.get_username())
        messages.success(
            request, gettext("Pipeline paused. Workers finish or release claimed pictures within seconds.")
        )
    elif to == "resume":
        control.resume()
        messages.success(request, gettext("Pipeline resumed."))
    else:
        return HttpResponseBadRequest("`to` must be pause or resume.")
    return _back()


def _may_open(request: HttpRequest, app: str, model: str) -> bool:
    return any(request.user.has_perm(f"{app}.{action}_{model}") for action in ("view", "change"))


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:recommendations_pipeline_changelist"))


def _rows(paused: bool) -> list[Row]:
    models = list(EmbeddingModel.objects.kept())
    rates = throughput.pictures_a_minute(models) if models else {}
    found = []
    for model in models:
        covered = coverage(model)
        outlook = throughput.outlook(covered.missing, rates[model.pk], paused=paused)
        groups = failure_groups(model, covered.failures, examples=EXAMPLES)
        found.append(Row(model, covered, rates[model.pk], outlook, groups))
    return found


def _fingerprint(rows: list[Row]) -> str:
    """A hash of everything that the failures section shows."""
    shown = [(row.model.pk, g.code, g.count, [e.pk for e in g.examples]) for row in rows for g in row.groups]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def _pause(took: float, *, busy: bool) -> int:
    return min(max(BUSY_SECONDS if busy else IDLE_SECONDS, round(took * SHARE)), MOST_SECONDS)


def _failed_rows_address() -> str:
    """The address of the list of failed pictures. The page adds model and code."""
    address = reverse("admin:recommendations_imageembedding_changelist")
    return f"{address}?{urlencode({'state__exact': EmbeddingState.FAILED.value})}"
