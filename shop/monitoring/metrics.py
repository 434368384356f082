"""`/metrics`: what the pipeline and the search are like, in the text format that Prometheus reads.

Written by hand: everything is read from the database, where workers add up what they measure
(`recommendations.pipeline.stage_metrics`), so that every web process tells the same of all hosts. That needs no
client library, no files shared between processes, and no port of each worker for Prometheus to find.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe

from catalog.models import MediaState
from recommendations.models import StagePictures, StageTime, Worker
from recommendations.monitoring.status import PipelineStatus, pipeline_status
from recommendations.pipeline.heartbeat import alive

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
    lines = [*_lines(pipeline_status()), *_stages()]
    return HttpResponse("".join(lines), content_type=CONTENT_TYPE)


def _stages() -> Iterator[str]:
    """Counters begin with the shop, not with a process: they never go back."""
    buckets: defaultdict[str, dict[float, tuple[int, float]]] = defaultdict(dict)
    for row in StageTime.objects.all():
        buckets[row.stage][row.le] = row.count, row.seconds
    name = "lookalike_stage_seconds"
    yield _head(name, "histogram", "A stage of embedding: one picture in read, decode and preprocess, else one batch.")
    for stage, found in sorted(buckets.items()):
        count, seconds = 0, 0.0
        for le in sorted({*found, float("inf")}):
            more = found.get(le, (0, 0.0))
            count, seconds = count + more[0], seconds + more[1]
            yield _sample(f"{name}_bucket", {"stage": stage, "le": "+Inf" if le == float("inf") else f"{le:g}"}, count)
        yield _sample(f"{name}_sum", {"stage": stage}, seconds)
        yield _sample(f"{name}_count", {"stage": stage}, count)
    name = "lookalike_stage_pictures_total"
    yield _head(name, "counter", "Pictures that came out of a stage: ok, dropped, or the code they failed with.")
    for pictures in StagePictures.objects.order_by("stage", "outcome"):
        yield _sample(name, {"stage": pictures.stage, "outcome": pictures.outcome}, pictures.count)


def _lines(status: PipelineStatus) -> Iterator[str]:
    counts: Samples = [({"state": state}, getattr(status, state)) for state in STATES]
    yield from _gauge("lookalike_pictures", "Accepted pictures, by the state of their vector.", counts)
    yield from _gauge("lookalike_oldest_pending_seconds", "Age of the oldest picture without a vector; 0 for none.",
                      [({}, status.oldest_pending_s or 0.0)])  # fmt: skip
    failures: Samples = [({"code": code}, count) for code, count in sorted(status.failures.items())]
    yield from _gauge("lookalike_failures", "Failed pictures, by the reason.", failures)
    yield from _gauge("lookalike_pictures_per_minute", "Embedded in the last minutes.", [({}, status.per_minute)])
    yield from _gauge("lookalike_paused", "1 while somebody holds the pipeline.", [({}, int(bool(status.paused)))])
    workers = Worker.objects.filter(alive()).count()
    yield from _gauge("lookalike_workers", "Workers that were heard from lately.", [({}, workers)])
    yield from _files()
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


def _files() -> Iterator[str]:
    """As the last check of the media storage found them; nothing before the first."""
    state = MediaState.objects.first()
    if state is None or state.checked_at is None:
        return
    yield from _gauge("lookalike_lost_files", "Pictures whose file is not in the media storage.", [({}, state.lost)])
    yield from _gauge("lookalike_quarantined_files", "Files without a row, in quarantine.", [({}, state.quarantined)])
    yield from _gauge("lookalike_rows_behind", "1 while the database is older than its media storage.",
                      [({}, int(bool(state.refused)))])  # fmt: skip
    yield from _gauge("lookalike_files_checked_timestamp_seconds", "When the files were last compared with the rows.",
                      [({}, state.checked_at.timestamp())])  # fmt: skip


def _labels(status: PipelineStatus, each: dict[str, Any]) -> dict[str, str]:
    return {"model": status.model or "", "selectivity": f"{each['share']:g}"}


def _gauge(name: str, text: str, samples: Samples) -> Iterator[str]:
    yield _head(name, "gauge", text)
    for labels, value in samples:
        yield _sample(name, labels, value)


def _head(name: str, kind: str, text: str) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def _sample(name: str, labels: dict[str, str], value: float) -> str:
    inner = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
    return f"{name}{{{inner}}} {value}\n" if inner else f"{name} {value}\n"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
