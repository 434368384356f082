"""`/metrics`, as Prometheus reads it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text_format

from catalog.models import MediaState
from recommendations.models import (
    EmbeddingModel,
    ImageEmbedding,
    SearchHealth,
    Stage,
    StagePictures,
    StageTime,
    Worker,
)
from recommendations.pipeline import control, stage_metrics, worker
from tests.shopkeeper import Shopkeeper

FILTERS = [
    {"share": 1.0, "recall": 0.9975, "p50_ms": 3.0, "p95_ms": 5.5},
    {"share": 0.01, "recall": 1.0, "p50_ms": 8.0, "p95_ms": 9.0},
    {"share": 0.5, "recall": None, "p50_ms": None, "p95_ms": None},
]


#: Every metric with its type and the labels of its samples, as docs/reference/monitoring.md lists them.
FAMILIES = {
    "lookalike_pictures": ("gauge", {"state"}),
    "lookalike_oldest_pending_seconds": ("gauge", set()),
    "lookalike_failures": ("gauge", {"code"}),
    "lookalike_pictures_per_minute": ("gauge", set()),
    "lookalike_paused": ("gauge", set()),
    "lookalike_workers": ("gauge", set()),
    "lookalike_pictures_without_renditions": ("gauge", {"state"}),
    "lookalike_lost_files": ("gauge", set()),
    "lookalike_quarantined_files": ("gauge", set()),
    "lookalike_rows_behind": ("gauge", set()),
    "lookalike_files_checked_timestamp_seconds": ("gauge", set()),
    "lookalike_recall_measured_timestamp_seconds": ("gauge", set()),
    "lookalike_recall_at_10": ("gauge", {"model", "selectivity"}),
    "lookalike_search_seconds": ("gauge", {"model", "selectivity", "quantile"}),
    "lookalike_stage_seconds": ("histogram", {"stage", "le"}),
    "lookalike_stage_pictures": ("counter", {"stage", "outcome"}),
}


def answer(client: Client, token: str, accept: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token}"} | ({"Accept": accept} if accept else {})
    found = client.get("/metrics", headers=headers)
    assert found.status_code == 200
    return found


def metrics(client: Client, token: str) -> dict[str, float]:
    found = answer(client, token)
    assert found["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = found.content.decode().splitlines()
    assert all(re.fullmatch(r'(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? \S+)', line) for line in lines)
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"}


@pytest.mark.django_db
def test_without_a_token_there_is_no_such_page(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("header", [None, "Bearer wrong", "secret", "Bearer sécret"])
def test_only_whoever_knows_the_token_is_answered(client: Client, settings: Any, header: str | None) -> None:
    settings.METRICS_TOKEN = "secret"
    headers = {"Authorization": header} if header else {}
    assert client.get("/metrics", headers=headers).status_code == 401


def test_pictures_and_the_last_check_are_told(
    client: Client, settings: Any, shop: Shopkeeper, plane: EmbeddingModel
) -> None:
    settings.METRICS_TOKEN = "secret"
    shop.embedded(plane, "red", [1, 0, 0])
    shop.image(shop.product())
    before = metrics(client, "secret")
    assert before['lookalike_pictures{state="ready"}'] == 1
    assert before['lookalike_pictures{state="pending"}'] == 1
    assert before["lookalike_oldest_pending_seconds"] >= 0
    assert not any("recall" in name for name in before)
    row = SearchHealth.objects.create(model=plane, lowest=0.9975, report={"k": 10, "filters": FILTERS})
    found = metrics(client, "secret")
    assert found['lookalike_recall_at_10{model="plane",selectivity="1"}'] == 0.9975
    assert found['lookalike_recall_at_10{model="plane",selectivity="0.01"}'] == 1
    assert not any('selectivity="0.5"' in name for name in found)
    assert found['lookalike_search_seconds{model="plane",quantile="0.95",selectivity="1"}'] == 0.0055
    assert found["lookalike_recall_measured_timestamp_seconds"] == pytest.approx(row.measured_at.timestamp())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html, */*", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text; version=nonsense", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ],
)
def test_the_format_is_negotiated_and_names_types_and_labels_stay(
    client: Client,
    settings: Any,
    shop: Shopkeeper,
    plane: EmbeddingModel,
    accept: str,
    content_type: str,
    django_assert_num_queries: Any,
) -> None:
    settings.METRICS_TOKEN = "secret"
    image = shop.image(shop.product())
    ImageEmbedding.objects.create(
        image=image, model=plane, digest=image.digest, state="failed", error_code='odd "code"\n', error="Odd."
    )
    SearchHealth.objects.create(model=plane, lowest=0.9975, report={"k": 10, "filters": FILTERS})
    MediaState.objects.update_or_create(defaults={"checked_at": timezone.now()})
    stage_metrics.took(Stage.DECODE, 0.3)
    stage_metrics.passed(Stage.DECODE)
    stage_metrics.flush()
    with django_assert_num_queries(15):
        found = answer(client, "secret", accept)
    assert found["Content-Type"] == content_type
    assert "Accept" in found["Vary"]
    parse = openmetrics if content_type.startswith("application") else text_format
    families = {
        family.name: (family.type, {label for sample in family.samples for label in sample.labels})
        for family in parse(found.content.decode())
    }
    assert families == FAMILIES
    assert "_created" not in found.content.decode()
    (failure,) = (s for f in parse(found.content.decode()) if f.name == "lookalike_failures" for s in f.samples)
    assert (failure.labels, failure.value) == ({"code": 'odd "code"\n'}, 1)


def test_stages_are_added_up_over_processes_as_a_histogram(client: Client, settings: Any, db: None) -> None:
    settings.METRICS_TOKEN = "secret"
    stage_metrics.flush()  # figures of other tests in this process
    StageTime.objects.all().delete()
    StagePictures.objects.all().delete()
    for seconds in (0.001, 0.004, 0.005, 0.3, 99.0):
        stage_metrics.took(Stage.DECODE, seconds)
    stage_metrics.passed(Stage.DECODE, 4)
    stage_metrics.passed(Stage.DECODE, 1, "corrupt")
    stage_metrics.flush()
    stage_metrics.took(Stage.DECODE, 0.3)  # another process, or this one later
    stage_metrics.passed(Stage.DECODE, 1)
    stage_metrics.flush()
    stage_metrics.flush()
    found = metrics(client, "secret")
    buckets = {le: found[f'lookalike_stage_seconds_bucket{{le="{le}",stage="decode"}}'] for le in
               ("0.001", "0.005", "0.5", "+Inf")}  # fmt: skip
    assert buckets == {"0.001": 1, "0.005": 3, "0.5": 5, "+Inf": 6}, "cumulative"
    assert found['lookalike_stage_seconds_count{stage="decode"}'] == 6
    assert found['lookalike_stage_seconds_sum{stage="decode"}'] == pytest.approx(99.61)
    assert found['lookalike_stage_pictures_total{outcome="ok",stage="decode"}'] == 5
    assert found['lookalike_stage_pictures_total{outcome="corrupt",stage="decode"}'] == 1


def test_figures_wait_for_a_database_that_is_away(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    stage_metrics.flush()

    def away(*_: object) -> None:
        raise OperationalError("the connection is closed")

    stage_metrics.passed(Stage.WRITE, 3)
    stage_metrics.took(Stage.WRITE, 0.2)
    before = sum(StagePictures.objects.filter(stage="write", outcome="ok").values_list("count", flat=True))
    with monkeypatch.context() as patch:
        patch.setattr(StagePictures.objects, "add", away)
        stage_metrics.flush()
    stage_metrics.passed(Stage.WRITE, 2)
    stage_metrics.flush()
    assert StagePictures.objects.get(stage="write", outcome="ok").count == before + 5


@pytest.mark.slow
def test_the_pipeline_counts_what_each_stage_did_with_each_picture(shop: Shopkeeper, network: EmbeddingModel) -> None:
    stage_metrics.flush()
    StageTime.objects.all().delete()
    StagePictures.objects.all().delete()
    images = [shop.image(shop.product()) for _ in range(5)]
    images[0].file.storage.delete(images[0].file.name)
    worker.embed_now([image.pk for image in images])
    counts = {(row.stage, row.outcome): row.count for row in StagePictures.objects.all()}
    assert counts == {
        ("claim", "ok"): 5,
        ("read", "ok"): 4,
        ("read", "missing_file"): 1,
        ("decode", "ok"): 4,
        ("preprocess", "ok"): 4,
        ("inference", "ok"): 4,
        ("write", "ok"): 4,
        ("write", "missing_file"): 1,
    }
    times = {
        stage: sum(StageTime.objects.filter(stage=stage).values_list("count", flat=True)) for stage in Stage.values
    }
    # The last claim finds nothing and is timed too. Reading a missing file is timed as well.
    assert times == {"claim": 2, "read": 5, "decode": 4, "preprocess": 4, "inference": 1, "write": 1}


def test_failures_by_reason_rate_and_living_workers_are_gauges(
    client: Client, settings: Any, shop: Shopkeeper, plane: EmbeddingModel
) -> None:
    settings.METRICS_TOKEN = "secret"
    for product in ("red", "green"):
        shop.embedded(plane, product, [1, 0, 0])
    image = shop.image(shop.product())
    ImageEmbedding.objects.create(
        image=image, model=plane, digest=image.digest, state="failed", error_code="timeout", error="Too slow."
    )
    now = timezone.now()
    for name, age in (("a/1", 5), ("b/2", 20), ("dead/3", 600)):
        Worker.objects.create(name=name, started_at=now, seen_at=now - timedelta(seconds=age))
    found = metrics(client, "secret")
    assert found['lookalike_failures{code="timeout"}'] == 1
    assert found["lookalike_pictures_per_minute"] == 2
    assert found["lookalike_workers"] == 2
    assert found["lookalike_paused"] == 0
    control.pause()
    assert metrics(client, "secret")["lookalike_paused"] == 1
