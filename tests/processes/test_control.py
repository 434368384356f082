"""Pausing, stopping and sharing the work: real workers and commands in the middle of a backfill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.db.models import Count

from catalog.models import ProductImage
from recommendations.embeddings.indexes import index_exists
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.monitoring.status import pipeline_status
from recommendations.pipeline import control, nudges
from tests.processes.conftest import Process, Start, services, until
from tests.processes.test_worker import write_pictures
from tests.shopkeeper import Shopkeeper

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]

# A lease that outlasts every test: claims that are not released stay `processing`.
LONG = {"EMBEDDING_LEASE_SECONDS": "600", "EMBEDDING_BATCH_SIZE": "8"}
EMBED = [sys.executable, "manage.py", "embed_catalog"]


def backlog(folder: Path, count: int) -> None:
    write_pictures(folder, count)
    call_command("import_catalog", folder)


def rows(**which: Any) -> int:
    return ImageEmbedding.objects.filter(**which).count()


def attempts() -> dict[int, int]:
    return dict(ImageEmbedding.objects.values_list("attempts").annotate(Count("id")))


def ended(process: Process) -> int:
    """Its exit status, once it has ended; waits far longer than it may take."""
    try:
        return process.popen.wait(timeout=120)
    except subprocess.TimeoutExpired:
        pytest.fail(f"It did not end. {process.log}")


def test_a_worker_rests_while_the_pipeline_is_paused(start: Start, network: EmbeddingModel, tmp_path: Path) -> None:
    backlog(tmp_path, 300)
    worker = start("worker", **LONG)
    until(lambda: rows(state="ready") > 40, 60, lambda: worker.log)
    control.pause(reason="a test")
    until(lambda: not rows(state="processing"), 30, lambda: worker.log)
    done = rows(state="ready")
    assert done < 300, "in the middle"
    shop = Shopkeeper()
    image = shop.image(shop.product())
    nudges.nudge_bulk()
    # A task sent after the two: when it has run, the worker has seen both of them.
    sentinel(worker, "bulk")
    assert (rows(state="ready"), rows(state="processing")) == (done, 0), worker.log
    status = pipeline_status()
    assert (status.ready, status.pending) == (done, 301 - done)
    assert status.paused
    control.resume()
    until(lambda: pipeline_status().settled, 90, lambda: worker.log)
    assert ImageEmbedding.objects.get(image=image).state == "ready"
    assert attempts() == {1: 301}, "the pause cost no picture an attempt"


def sentinel(worker: Process, queue: str) -> None:
    from recommendations.tasks import prune_strip_counts
    from shop.celery import app

    def waiting() -> int:
        with app.connection_for_read() as broker:
            channel: Any = broker.default_channel
            return sum(channel.queue_declare(name).message_count for name in ("interactive", "bulk"))

    prune_strip_counts.apply_async(queue=queue)
    until(lambda: not waiting(), 60, lambda: worker.log)
    prune_strip_counts.apply_async(queue=queue)  # taken only after the first has run: prefetch is 1
    until(lambda: not waiting(), 60, lambda: worker.log)


def test_an_upload_is_embedded_in_the_middle_of_a_backfill(
    start: Start, network: EmbeddingModel, tmp_path: Path
) -> None:
    backlog(tmp_path, 3000)
    worker = start("worker", **LONG)
    until(lambda: rows(state="ready") > 40, 60, lambda: worker.log)
    shop = Shopkeeper()
    image = shop.image(shop.product())
    until(lambda: rows(image=image, state="ready") == 1, 60, lambda: worker.log)
    assert rows(state="ready") < 2000, "the backfill is not nearly done"
    control.pause()  # the rest is of no interest


def test_a_worker_with_a_backlog_calls_those_that_have_nothing_to_do(
    start: Start, network: EmbeddingModel, tmp_path: Path
) -> None:
    backlog(tmp_path, 3000)  # one message, which no worker takes yet, and no scheduler to send another
    workers = [start("worker", **LONG) for _ in range(3)]
    until(lambda: all("Vector of" in worker.log for worker in workers), 90, lambda: workers[0].log)
    control.pause()


def test_an_upload_is_embedded_while_the_index_is_built(start: Start, network: EmbeddingModel, tmp_path: Path) -> None:
    """An index build of controlled duration: it waits for all older transactions."""
    backlog(tmp_path, 30)
    with psycopg.connect(services()["DATABASE_URL"]) as older:
        older.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        older.execute("SELECT count(*) FROM recommendations_imageembedding")
        worker = start("worker", EMBEDDING_INDEX_MIN_ROWS="20", **LONG)
        until(building, 60, lambda: worker.log)
        shop = Shopkeeper()
        image = shop.image(shop.product())
        until(lambda: rows(image=image, state="ready") == 1, 60, lambda: worker.log)
        assert building()
    until(lambda: index_exists(network), 60, lambda: worker.log)


def building() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_progress_create_index")
        return bool(cursor.fetchone()[0])


def test_two_commands_at_once_share_the_work(start: Start, network: EmbeddingModel, tmp_path: Path) -> None:
    backlog(tmp_path, 200)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(services()["DATABASE_URL"]) as starter, connection.cursor() as cursor:
        starter.execute("LOCK TABLE recommendations_imageembedding IN SHARE MODE")
        both = [start("embed", command=EMBED, **LONG) for _ in range(2)]
        until(lambda: cursor.execute(waiting) or cursor.fetchone() == (2,), 60, lambda: both[0].log + both[1].log)
    assert [ended(one) for one in both] == [0, 0], [one.log for one in both]
    counts = [int(one.log.split(" pictures embedded")[0].split()[-1]) for one in both]
    assert sum(counts) == 200, "none was embedded twice"
    assert min(counts) > 0
    assert attempts() == {1: 200}
    assert rows(state="ready") == 200


@pytest.mark.parametrize("option", ["--all", "--failed"])
def test_two_commands_that_start_afresh_at_once_lose_nothing(
    start: Start, network: EmbeddingModel, tmp_path: Path, option: str
) -> None:
    backlog(tmp_path, 120)
    call_command("embed_catalog")
    if option == "--failed":
        ImageEmbedding.objects.update(state="failed", error_code="corrupt")
    before = set(ImageEmbedding.objects.values_list("embedded_at", flat=True))
    both = [start("embed", option, command=[*EMBED, option], **LONG) for _ in range(2)]
    assert [ended(one) for one in both] == [0, 0], [one.log for one in both]
    assert rows(state="ready") == ImageEmbedding.objects.count() == 120
    assert not before & set(ImageEmbedding.objects.values_list("embedded_at", flat=True))


@pytest.mark.parametrize("group", [False, True], ids=["the worker", "its whole group"])
def test_a_worker_that_is_told_to_stop_leaves_nothing_behind(
    start: Start, network: EmbeddingModel, tmp_path: Path, group: bool
) -> None:
    """Supervisors differ in which processes they signal."""
    backlog(tmp_path, 300)
    worker = start("worker", **LONG)
    until(lambda: rows(state="ready") > 40, 60, lambda: worker.log)
    tell(worker, signal.SIGTERM, group=group)
    assert ended(worker) == 0, worker.log
    assert rows(state="processing") == 0, "finished, or given back"
    assert rows(state="ready") < 300, "in the middle"
    assert set(attempts()) == {0, 1}
    call_command("embed_catalog")
    assert attempts() == {1: 300}
    assert rows(state="ready") == 300


def tell(process: Process, number: int, *, group: bool = False) -> None:
    (os.killpg if group else os.kill)(process.popen.pid, number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_command_that_is_told_to_stop_leaves_nothing_behind(
    start: Start, network: EmbeddingModel, tmp_path: Path, number: int
) -> None:
    backlog(tmp_path, 300)
    command = start("embed", command=EMBED, **LONG)
    until(lambda: rows(state="ready") > 40, 60, lambda: command.log)
    tell(command, number, group=True)
    assert ended(command) == 1, command.log
    assert "continue with the rest" in command.log
    assert rows(state="processing") == 0, "finished, or given back"
    assert 0 < rows(state="ready") < 300, "in the middle"
    again = start("embed", command=EMBED, **LONG)
    assert ended(again) == 0, again.log
    assert attempts() == {1: 300}
    assert rows(state="ready") == 300


@pytest.mark.parametrize("name", ["worker", "embed"])
def test_a_batch_that_cannot_be_finished_is_given_back(
    start: Start, network: EmbeddingModel, tmp_path: Path, name: str
) -> None:
    """One of the files is a pipe without a writer: reading it never ends."""
    backlog(tmp_path, 24)
    name_of_file = ProductImage.objects.order_by("id")[20].file.name
    default_storage.delete(name_of_file)
    os.mkfifo(settings.MEDIA_ROOT / name_of_file)
    process = start(name, command=EMBED if name == "embed" else None, **LONG)
    until(lambda: rows(state="ready") == 16, 60, lambda: process.log)
    until(lambda: rows(state="processing") == 8, 60, lambda: process.log)
    tell(process, signal.SIGTERM)
    ended(process)
    assert (rows(state="processing"), rows(state="pending", attempts=0)) == (0, 8), process.log
