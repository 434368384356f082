"""`/healthz`: this process runs. `/readyz`: what it depends on answers; says what does not."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from recommendations import graphs
from recommendations.checks import pgvector_problem
from recommendations.models import EmbeddingModel
from recommendations.nudges import BROKER_ERRORS, broker
from recommendations.status import weights_disagreement

logger = logging.getLogger(__name__)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    checks: dict[str, Callable[[], str | None]] = {
        "database": _database,
        "broker": _broker,
        "weights": _weights,
    }
    problems = {name: problem for name, check in checks.items() if (problem := check())}
    body = {name: problems.get(name, "ok") for name in checks}
    return JsonResponse(body, status=503 if problems else 200)


def _database() -> str | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return pgvector_problem()
    except DatabaseError as error:
        return _brief(error)


def _broker() -> str | None:
    try:
        with broker():
            return None
    except BROKER_ERRORS as error:
        return _brief(error)


def _weights() -> str | None:
    try:
        model = EmbeddingModel.objects.active()
    except DatabaseError:
        return "unknown: the database does not answer"
    if model is None:
        return None  # made with the first picture
    return graphs.problem(model) or weights_disagreement(model)


def _brief(error: Exception) -> str:
    """The details are in the log; the public page of a production site tells only what is wrong."""
    logger.error("%s", error)
    return str(error).strip() if settings.DEBUG else type(error).__name__
