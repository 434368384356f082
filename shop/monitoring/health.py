"""`/healthz`: this process is running. `/readyz`: it can serve shoppers; also reports other problems."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from catalog.media import files
from recommendations.checks import pgvector_problem
from recommendations.embeddings.coverage import waiting_s
from recommendations.lifecycle import artifacts
from recommendations.lifecycle.refusals import refusals
from recommendations.models import EmbeddingModel
from recommendations.monitoring.status import weights_disagreement
from recommendations.pipeline import control
from recommendations.pipeline.nudges import BROKER_ERRORS, broker

logger = logging.getLogger(__name__)

OK = "ok"
UNKNOWN = "unknown: the database does not answer"


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """A value that starts with "ok" is fine. A web process without a database can serve nothing, so a load balancer
    should use another one. Everything else is reported and keeps the process in service, because pages work without it.
    If the database does not answer, the other checks skip it, so that a probe waits for one time-out, not three."""
    details = {"database": _database(), "broker": _broker()}
    for name, check in (("weights", _weights), ("files", _files), ("backlog", _backlog)):
        details[name] = _checked(check) if details["database"] == OK else UNKNOWN
    broken = {name for name, found in details.items() if not found.startswith(OK)}
    # The backlog fails readiness only if the operator has set READY_BACKLOG_SECONDS.
    unavailable = bool(broken & {"database", "backlog"})
    status = "unavailable" if unavailable else "degraded" if broken else OK
    return JsonResponse({"status": status, **details}, status=503 if unavailable else 200)


def _checked(check: Callable[[], str]) -> str:
    try:
        return check()
    except (DatabaseError, OSError) as error:
        return _brief(error)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return pgvector_problem() or OK
    except DatabaseError as error:
        return _brief(error)


def _broker() -> str:
    try:
        with broker():
            return OK
    except BROKER_ERRORS as error:
        return _brief(error)


def _weights() -> str:
    model = EmbeddingModel.objects.active()
    if model is None:
        return OK  # the first picture creates it
    return artifacts.problem(model) or weights_disagreement(model) or _refusals(model) or OK


def _refusals(model: EmbeddingModel) -> str:
    """The number of hosts only: this page is public, and their names are not."""
    hosts = len(refusals(model))
    return f"{hosts} of the hosts would compute wrong embeddings and refuse to: see pipeline_status" if hosts else ""


def _files() -> str:
    return " ".join(files.problems()) or OK


def _backlog() -> str:
    """The backlog is reported but never fails readiness, unless READY_BACKLOG_SECONDS is set and the pipeline is not
    paused."""
    seconds, limit = waiting_s(EmbeddingModel.objects.active()), settings.READY_BACKLOG_SECONDS
    if not seconds:
        return OK
    waited = f"the oldest picture has waited {seconds:.0f} s"
    if control.current() is not None:
        return f"{OK}: paused, {waited}"
    return f"{waited}, more than {limit} s" if 0 < limit < seconds else f"{OK}: {waited}"


def _brief(error: Exception) -> str:
    """Only the type of the error on a production site, where this page is public; the log has the details."""
    logger.error("%s", error)
    return str(error).strip() if settings.DEBUG else type(error).__name__
