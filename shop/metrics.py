"""`/metrics`: what the pipeline and the search are like, in the text format that Prometheus reads.

Written by hand: a dozen gauges read from the database, the same from every web process, need no client library and no
files shared between processes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from recommendations.status import PipelineStatus, pipeline_status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("ready", "pending", "processing", "failed")
Samples = list[tuple[dict[str, str], float]]


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever knows METRICS_TOKEN; without one there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse(
            "Unauthorized\n", status=401, headers={"WWW-Authenticate": "Bearer"}, content_type="text/plain"
        )
    return HttpResponse("".join(_lines(pipeline_status())), content_type=CONTENT_TYPE)


def _lines(status: PipelineStatus) -> Iterator[str]:
    counts: Samples = [({"state": state}, getattr(status, state)) for state in STATES]
    yield from _gauge("lookalike_pictures", "Accepted pictures, by the state of their vector.", counts)
    yield from _gauge("lookalike_oldest_pending_seconds", "Age of the oldest picture without a vector; 0 for none.",
                      [({}, status.oldest_pending_s or 0.0)])  # fmt: skip
    if status.recall is None:
        return
    measured = datetime.fromisoformat(status.recall["measured_at"]).timestamp()
    yield from _gauge("lookalike_recall_measured_timestamp_seconds", "When the search was last checked.",
                      [({}, measured)])  # fmt: skip
    filters: list[dict[str, Any]] = [each for each in status.recall["filters"] if each["recall"] is not None]
    recall: Samples = [(_labels(status, each), each["recall"]) for each in filters]
    yield from _gauge("lookalike_recall_at_10", "Of the nearest ten, the share that searches find, by the share of the "
                      "catalog that the filter leaves.", recall)  # fmt: skip
    seconds: Samples = [
        ({**_labels(status, each), "quantile": quantile}, each[key] / 1000)
        for each in filters
        for quantile, key in (("0.5", "p50_ms"), ("0.95", "p95_ms"))
    ]
    yield from _gauge("lookalike_search_seconds", "A search for look-alikes in that check.", seconds)


def _labels(status: PipelineStatus, each: dict[str, Any]) -> dict[str, str]:
    return {"model": status.model or "", "selectivity": f"{each['share']:g}"}


def _gauge(name: str, text: str, samples: Samples) -> Iterator[str]:
    yield f"# HELP {name} {text}\n# TYPE {name} gauge\n"
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        yield f"{name}{{{inner}}} {value}\n" if inner else f"{name} {value}\n"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
