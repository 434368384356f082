"""`/metrics`: the state of the pipeline and of search, for Prometheus.

All figures come from the database, where workers add up what they measure (`recommendations.pipeline.stage_metrics`).
Every web process therefore reports the same totals for all hosts, and Prometheus needs no port on any worker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from catalog.media import renditions
from catalog.models import MediaState
from recommendations.models import StagePictures, StageTime, Worker
from recommendations.monitoring.status import PipelineStatus, pipeline_status
from recommendations.pipeline.heartbeat import alive

STATES = ("ready", "pending", "processing", "failed")
QUANTILES = {"0.5": "p50_ms", "0.95": "p95_ms"}


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Requires METRICS_TOKEN as a bearer token; 404 while the setting is empty."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse(
            "Unauthorized\n", status=401, headers={"WWW-Authenticate": "Bearer"}, content_type="text/plain"
        )
    try:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    except TypeError:  # the header asks for a version that is not a number
        encode, content_type = choose_encoder("")
    response = HttpResponse(encode(registry), content_type=content_type)
    patch_vary_headers(response, ["Accept"])
    return response


class ShopCollector(Collector):
    """Reads the database at each scrape; nothing is kept between scrapes."""

    def collect(self) -> Iterator[Metric]:
        status = pipeline_status()
        yield from _pipeline(status)
        yield from _renditions()
        yield from _files()
        yield from _search(status)
        yield from _stages()


#: A registry of our own: the client's default one adds figures of the single web process that happens to answer.
registry = CollectorRegistry()
registry.register(ShopCollector())


def _pipeline(status: PipelineStatus) -> Iterator[Metric]:
    states = (([state], getattr(status, state)) for state in STATES)
    yield _gauges("lookalike_pictures", "Accepted pictures by state of their embedding.", ["state"], states)
    yield GaugeMetricFamily(
        "lookalike_oldest_pending_seconds",
        "Age of the oldest picture that waits for its embedding; 0 if none waits.",
        status.oldest_pending_s or 0.0,
    )
    failures = (([code], count) for code, count in sorted(status.failures.items()))
    yield _gauges("lookalike_failures", "Failed pictures by reason.", ["code"], failures)
    yield GaugeMetricFamily(
        "lookalike_pictures_per_minute", "Pictures embedded per minute, over the last minutes.", status.per_minute
    )
    yield GaugeMetricFamily("lookalike_paused", "1 while the pipeline is paused.", int(bool(status.paused)))
    yield GaugeMetricFamily(
        "lookalike_workers", "Workers with a recent heartbeat.", Worker.objects.filter(alive()).count()
    )


def _renditions() -> Iterator[Metric]:
    states = zip((["waiting"], ["failed"]), renditions.missing(), strict=True)
    yield _gauges("lookalike_pictures_without_renditions", "Pictures that pages show as they are.", ["state"], states)


def _files() -> Iterator[Metric]:
    """Results of the last check of the media storage; nothing before the first check."""
    state = MediaState.objects.first()
    if state is None or state.checked_at is None:
        return
    yield GaugeMetricFamily("lookalike_lost_files", "Pictures whose file is missing.", state.lost)
    yield GaugeMetricFamily(
        "lookalike_quarantined_files", "Files without a database row, in quarantine.", state.quarantined
    )
    yield GaugeMetricFamily(
        "lookalike_rows_behind", "1 while the database is older than its media storage.", int(bool(state.refused))
    )
    yield GaugeMetricFamily(
        "lookalike_files_checked_timestamp_seconds",
        "Time of the last check of files against database rows.",
        state.checked_at.timestamp(),
    )


def _search(status: PipelineStatus) -> Iterator[Metric]:
    """Results of the last recall check; nothing before the first check."""
    if status.recall is None:
        return
    yield GaugeMetricFamily(
        "lookalike_recall_measured_timestamp_seconds",
        "Time of the last recall check.",
        datetime.fromisoformat(status.recall["measured_at"]).timestamp(),
    )
    measured: list[dict[str, Any]] = [each for each in status.recall["filters"] if each["recall"] is not None]
    labels = [[status.model or "", f"{each['share']:g}"] for each in measured]
    yield _gauges(
        "lookalike_recall_at_10",
        "Share of the 10 nearest products that search finds, by the share of the catalog that the filter keeps.",
        ["model", "selectivity"],
        ((both, each["recall"]) for both, each in zip(labels, measured, strict=True)),
    )
    yield _gauges(
        "lookalike_search_seconds",
        "Duration of a similarity search in the last recall check.",
        ["model", "selectivity", "quantile"],
        (
            ([*both, quantile], each[key] / 1000)
            for both, each in zip(labels, measured, strict=True)
            for quantile, key in QUANTILES.items()
        ),
    )


def _stages() -> Iterator[Metric]:
    """Counters since the shop was set up: unlike a process's own, they never restart from 0."""
    stages: defaultdict[str, dict[float, StageTime]] = defaultdict(dict)
    for row in StageTime.objects.all():
        stages[row.stage][row.le] = row
    times = HistogramMetricFamily(
        "lookalike_stage_seconds",
        "Duration of a pipeline stage: per picture for read, decode and preprocess, per batch for the others.",
        labels=["stage"],
    )
    for stage, found in sorted(stages.items()):
        bounds = sorted({*found, float("inf")})
        counts = accumulate(found[le].count if le in found else 0 for le in bounds)
        buckets = [
            ("+Inf" if le == float("inf") else f"{le:g}", count) for le, count in zip(bounds, counts, strict=True)
        ]
        times.add_metric([stage], buckets, sum(row.seconds for row in found.values()))
    yield times
    pictures = CounterMetricFamily(
        "lookalike_stage_pictures_total",
        "Pictures that left a pipeline stage, by outcome: ok, dropped or a failure code.",
        labels=["stage", "outcome"],
    )
    for left in StagePictures.objects.order_by("stage", "outcome"):
        pictures.add_metric([left.stage, left.outcome], left.count)
    yield pictures


def _gauges(
    name: str, text: str, labels: Sequence[str], samples: Iterable[tuple[Sequence[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
