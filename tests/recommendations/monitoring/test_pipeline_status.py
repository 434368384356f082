"""How far the pipeline is, how fast, until when, and what went wrong: every figure by hand from the rows."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.models import ProductImage
from recommendations.embeddings import claims
from recommendations.embeddings.coverage import waiting_s
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.monitoring import throughput
from recommendations.monitoring.failures import failure_groups
from recommendations.monitoring.reasons import REASONS
from recommendations.monitoring.status import pipeline_status
from tests.processes.conftest import services, until
from tests.shopkeeper import Shopkeeper


def row(shop: Shopkeeper, model: EmbeddingModel, state: str = "ready", *, age_s: float = 0, code: str = "") -> Any:
    """One picture in this state; `age_s` is when that was asked for, or done."""
    then = timezone.now() - timedelta(seconds=age_s)
    image = shop.image(shop.product())
    made = ImageEmbedding.objects.create(
        image=image, model=model, digest=image.digest, state=state,
        error_code=code, error=f"It is {code}." if code else "",
        vector=[1, 0, 0] if state == "ready" else None, embedded_at=then if state == "ready" else None,
        lease_expires_at=then if state == "processing" else None,
    )  # fmt: skip
    ImageEmbedding.objects.filter(pk=made.pk).update(created_at=then)
    return made


@pytest.fixture
def answered() -> Any:
    def ask(*options: str) -> Any:
        out = io.StringIO()
        call_command("pipeline_status", *options, stdout=out)
        return json.loads(out.getvalue()) if "--json" in options else out.getvalue()

    return ask


# Rate and remaining time


@pytest.mark.parametrize(
    ("pictures", "seconds", "expected"),
    [(0, 0, 0), (1, 3, 1), (30, 60, 30), (30, 10, 30), (600, 240, 150), (7, 300, 1.4)],
)
def test_the_rate_is_pictures_over_the_time_since_the_first_of_them(
    pictures: int, seconds: float, expected: float
) -> None:
    assert throughput.rate(pictures, seconds) == expected


@pytest.mark.parametrize(
    ("missing", "per_minute", "seconds", "sentence"),
    [
        (0, 0, 0, "Nothing is waiting."),
        (0, 90, 0, "Nothing is waiting."),
        (10, 60, 10, "Less than a minute left, at 60 pictures a minute."),
        (60, 60, 60, "About 1 minute left, at 60 pictures a minute."),
        (9000, 600, 900, "About 15 minutes left, at 600 pictures a minute."),
        (1_000_000, 6000, 10_000, "About 3 hours left, at 6,000 pictures a minute."),
        (1_000_000, 100, 600_000, "About 7 days left, at 100 pictures a minute."),
        (5, 0, None, "No picture was embedded in the last 5 minutes. Check that a worker is running."),
    ],
)
def test_what_is_left_is_told_in_the_unit_that_a_person_would_use(
    missing: int, per_minute: float, seconds: float | None, sentence: str
) -> None:
    assert throughput.remaining_s(missing, per_minute) == seconds
    assert throughput.outlook(missing, per_minute) == sentence


def test_a_pause_is_the_outlook_while_anything_waits() -> None:
    assert throughput.outlook(5, 60, paused=True).startswith("Paused")
    assert throughput.outlook(0, 60, paused=True) == "Nothing is waiting."


@pytest.mark.slow
def test_only_what_was_embedded_lately_and_by_this_model_counts(
    shop: Shopkeeper, plane: EmbeddingModel, coloured_ready: EmbeddingModel
) -> None:
    for age in (10, 60, 120, 299, 301, 4000):
        row(shop, plane, age_s=age)
    row(shop, plane, "failed", code="corrupt")
    found = throughput.pictures_a_minute([plane, coloured_ready])
    assert found[plane.pk] == pytest.approx(60 * 4 / 299, abs=0.1)
    assert found[coloured_ready.pk] == 0


@pytest.fixture
def coloured_ready(db: None) -> EmbeddingModel:
    return EmbeddingModel.objects.create(
        name="line", source="file", backbone="resnet50", weights_sha256="1" * 64, graph_sha256="1" * 64,
        input_size=40, fit="stretch", pooling="max", dimension=2, state="ready",
    )  # fmt: skip


@pytest.mark.slow
def test_rate_failures_and_age_are_read_from_their_indexes(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    """At a million rows anything else takes seconds."""
    _many_rows(shop, plane)
    asked: dict[str, Callable[[], object]] = {
        "embedding_done": lambda: throughput.pictures_a_minute([plane]),
        "embedding_failed": lambda: failure_groups(plane, {"corrupt": 3, "timeout": 3}, examples=8),
        "embedding_waiting": lambda: waiting_s(plane),
    }
    for index, ask in asked.items():
        with CaptureQueriesContext(connection) as captured:
            ask()
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {captured[0]['sql']}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert index in plan, plan
        assert "Seq Scan on recommendations_imageembedding" not in plan
        if index == "embedding_done":
            assert re.search(r"Index Cond: .*embedded_at >", plan), f"old rows are read only to be left out: {plan}"


def _many_rows(shop: Shopkeeper, model: EmbeddingModel, count: int = 10_000) -> None:
    """As many failed pictures, and as many ready, pending and unknown ones, inserted at once."""
    product = shop.product()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_productimage (product_id, file, alt, position, width, height, digest, created_at) "
            "SELECT %s, 'products/' || n, '', 0, 9, 9, lpad(n::text, 64, '0'), now() - interval '1 hour' "
            "FROM generate_series(1, 4 * %s) n",
            [product.pk, count],
        )
        cursor.execute(
            "INSERT INTO recommendations_imageembedding (image_id, model_id, digest, state, attempts, error_code, "
            "error, vector, created_at, embedded_at) "
            "SELECT id, %s, digest, (ARRAY['failed', 'ready', 'pending'])[1 + id %% 3], "
            "1, CASE id %% 3 WHEN 0 THEN (ARRAY['corrupt', 'timeout', 'missing_file'])[1 + (id / 3) %% 3] ELSE '' END, "
            "'', CASE id %% 3 WHEN 1 THEN '[1,0,0]'::halfvec END, now() - interval '1 hour', "
            "CASE id %% 3 WHEN 1 THEN now() - id * interval '1 second' END "
            "FROM catalog_productimage WHERE product_id = %s AND id %% 4 > 0",
            [model.pk, product.pk],
        )
        cursor.execute("ANALYZE catalog_productimage, recommendations_imageembedding")


@pytest.mark.slow
def test_ten_thousand_failures_cost_no_more_queries_than_one(
    shop: Shopkeeper, plane: EmbeddingModel, django_assert_num_queries: Any
) -> None:
    row(shop, plane, "failed", code="corrupt")
    # model, coverage, last check (twice), rate, pause, examples: which and what, refusals, files
    with django_assert_num_queries(10):
        pipeline_status()
    _many_rows(shop, plane)
    with django_assert_num_queries(10):
        found = pipeline_status()
    assert found.failed == ImageEmbedding.objects.filter(state="failed").count() > 9_000
    assert [len(group.examples) for group in found.reasons] == [1, 1, 1]


# Ages


def test_the_age_counts_from_when_a_picture_was_last_asked_for(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    old = row(shop, plane, "failed", age_s=90_000, code="corrupt")
    assert pipeline_status().oldest_pending_s is None
    assert waiting_s(plane) == 0
    claims.retry_rows([old.pk])
    assert pipeline_status().oldest_pending_s < 60  # type: ignore[operator]
    assert waiting_s(plane) < 60

    replaced = row(shop, plane, age_s=90_000)
    ProductImage.objects.filter(pk=replaced.image_id).update(digest="a" * 64)
    assert pipeline_status().pending == 2
    claims.add_missing_rows(plane)
    assert pipeline_status().oldest_pending_s < 60  # type: ignore[operator]


def test_what_waits_is_the_same_by_the_cheap_way_as_by_the_whole_count(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    assert waiting_s(None) == 0
    image = shop.image(shop.product())
    ProductImage.objects.filter(pk=image.pk).update(created_at=timezone.now() - timedelta(seconds=500))
    assert waiting_s(None) == pytest.approx(500, abs=30)
    assert waiting_s(plane) == pytest.approx(500, abs=30), "no worker has heard of it"
    row(shop, plane, "pending", age_s=900)
    assert waiting_s(plane) == pytest.approx(900, abs=30)
    assert pipeline_status().oldest_pending_s == pytest.approx(900, abs=30)
    row(shop, plane, "processing", age_s=2000)
    assert waiting_s(plane) == pytest.approx(2000, abs=30), "its worker died: the lease is over"


# The command


@pytest.mark.slow
def test_the_command_tells_what_failed_with_an_example_and_the_remedy(
    shop: Shopkeeper, plane: EmbeddingModel, answered: Any
) -> None:
    for age in range(0, 240, 20):  # far from every rounding: the seconds that this test takes change no word
        row(shop, plane, age_s=age)
    for code in ("corrupt", "corrupt", "missing_file"):
        last = row(shop, plane, "failed", code=code)
    for _ in range(12):
        row(shop, plane, "pending", age_s=40)
    found = answered("--json")
    fixed = ("model", "total", "ready", "pending", "processing", "failed", "failures")
    assert [found[name] for name in fixed] == ["plane", 27, 12, 12, 0, 3, {"corrupt": 2, "missing_file": 1}]
    assert next(iter(found)) == "model"
    assert found["oldest_pending_s"] == pytest.approx(40, abs=20)
    assert found["per_minute"] == pytest.approx(3.2, abs=0.4)
    assert found["eta_s"] == pytest.approx(235, abs=20)
    assert found["outlook"] == "About 4 minutes left, at 3 pictures a minute."
    assert found["paused"] is None
    assert [(group["code"], group["count"]) for group in found["reasons"]] == [("corrupt", 2), ("missing_file", 1)]
    assert found["reasons"][1] == {
        "code": "missing_file", "count": 1, **REASONS["missing_file"]._asdict(),
        "example": {"image": last.image_id, "sku": last.image.product.sku, "error": "It is missing_file."},
    }  # fmt: skip
    text = answered()
    assert f"missing_file: 1. {REASONS['missing_file'].means} {REASONS['missing_file'].remedy}" in text
    assert f"for example {last.image.product.sku}: It is missing_file." in text
    assert found["outlook"] in text
    assert "embed_catalog --failed" in text


def test_an_empty_shop_has_nothing_to_tell(db: None, answered: Any) -> None:
    found = answered("--json")
    assert (found["model"], found["total"], found["eta_s"], found["reasons"]) == (None, 0, 0, [])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_watching_draws_again_what_has_changed(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    row(shop, plane)
    ours, theirs = pty.openpty()
    command = [sys.executable, "manage.py", "pipeline_status", "--watch", "1"]
    watching = subprocess.Popen(
        command, cwd=settings.BASE_DIR, env={**os.environ, **services()}, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = bytearray()

    def shows(text: bytes) -> bool:
        seen.extend(os.read(ours, 65536))
        return text in seen

    try:
        until(lambda: shows(b"Failed      0"), 60, lambda: seen.decode())
        row(shop, plane, "failed", code="corrupt")
        until(lambda: shows(b"Failed      1"), 60, lambda: seen.decode())
        assert b"\x1b[" in seen, "over what stood there"
        watching.send_signal(signal.SIGINT)
        assert watching.wait(timeout=30) == 0
    finally:
        watching.kill()
        watching.wait()
        os.close(ours)
