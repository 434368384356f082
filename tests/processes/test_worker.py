"""Workers and the scheduler as real processes with a real broker."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.models import Count
from PIL import Image

from bench.profiles import labelled, made
from catalog.models import ProductImage
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.monitoring.status import pipeline_status
from shop.celery import app
from tests.pictures import picture
from tests.processes.conftest import Start, until
from tests.shopkeeper import Shopkeeper

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]

QUICK = {"EMBEDDING_LEASE_SECONDS": "4", "EMBEDDING_SWEEP_SECONDS": "2"}


def write_pictures(folder: Path, count: int) -> None:
    (folder / "Things").mkdir()
    for number in range(count):
        data = picture(seed=number, size=(24, 32))
        (folder / "Things" / f"{number:04d}.jpg").write_bytes(data)


def test_an_uploaded_picture_is_embedded_by_the_worker(start: Start, network: EmbeddingModel) -> None:
    worker = start("worker")
    shop = Shopkeeper()
    image = shop.image(shop.product())
    until(lambda: pipeline_status().ready == 1, 60, lambda: worker.log)
    row = ImageEmbedding.objects.get(image=image)
    assert (row.state, row.attempts, row.model) == ("ready", 1, network)


def test_killing_the_child_in_the_middle_of_2000_pictures_loses_none(
    start: Start, network: EmbeddingModel, tmp_path: Path
) -> None:
    total = 2000
    write_pictures(tmp_path, total)
    call_command("import_catalog", tmp_path)
    assert ProductImage.objects.count() == total
    worker, scheduler = start("worker", **QUICK), start("scheduler", **QUICK)
    until(lambda: pipeline_status().ready > 300, 120, lambda: worker.log)
    (child,) = worker.children()
    os.kill(child, signal.SIGKILL)
    assert not pipeline_status().settled, "in the middle"
    until(lambda: pipeline_status().settled, 240, lambda: worker.log + scheduler.log)
    status = pipeline_status()
    assert (status.total, status.ready, status.failed) == (total, total, 0)
    attempts = dict(ImageEmbedding.objects.values_list("attempts").annotate(Count("id")))
    assert sum(attempts.values()) == total, "one row a picture"
    # The child may die between two batches, without claims; claims are retried once, never more often.
    assert {1} <= set(attempts) <= {1, 2}


def test_without_any_message_the_sweep_finds_the_work(start: Start, network: EmbeddingModel) -> None:
    shop = Shopkeeper()
    images = [shop.image(shop.product()) for _ in range(5)]
    with app.connection_for_write() as broker:
        broker.default_channel.client.flushall()
    worker, scheduler = start("worker", **QUICK), start("scheduler", **QUICK)
    until(lambda: pipeline_status().ready == len(images), 90, lambda: worker.log + scheduler.log)


UPLOAD = """
from catalog.models import Product
from catalog.services import add_image
from tests.pictures import picture
add_image(product=Product.objects.get(), data=picture())
print("uploaded")
"""


@pytest.mark.parametrize("broker", ["refuses", "never answers"])
def test_an_upload_succeeds_in_bounded_time_while_the_broker_is_away(
    start: Start, network: EmbeddingModel, broker: str
) -> None:
    Shopkeeper().product()
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        if broker == "never answers":
            hole.listen()
        port = hole.getsockname()[1]
        upload = start(
            "upload", command=[sys.executable, "manage.py", "shell", "-v", "0", "-c", UPLOAD],
            REDIS_URL=f"redis://127.0.0.1:{port}/0",
        )  # fmt: skip
        assert upload.popen.wait(timeout=60) == 0, upload.log
    assert "uploaded" in upload.log
    assert "the next sweep will find the work" in upload.log
    assert pipeline_status().pending == 1


def test_a_worker_without_a_network_leaves_pictures_pending_and_says_why(start: Start, tmp_path: Path) -> None:
    shop = Shopkeeper()
    shop.image(shop.product())
    worker = start("worker", EMBEDDING_WEIGHTS=str(tmp_path / "absent.npz"), **QUICK)
    scheduler = start("scheduler", **QUICK)
    until(lambda: "absent.npz" in worker.log, 90, lambda: worker.log + scheduler.log)
    status = pipeline_status()
    assert (status.pending, status.failed) == (1, 0)


def test_a_web_process_is_small_before_its_first_photo_search(start: Start) -> None:
    port = "8471"
    web = start("web", "--bind", f"127.0.0.1:{port}")
    until(lambda: answers(port, "/"), 60, lambda: web.log)
    (serving,) = web.children()
    assert answers(port, "/search/photo/")
    assert resident_mb(serving) <= 200
    modules = Path(f"/proc/{serving}/maps").read_text()
    assert "tensorflow" not in modules
    assert "onnxruntime" not in modules


def answers(port: str, path: str) -> bool:
    from urllib.error import URLError
    from urllib.request import urlopen

    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return response.status == 200
    except (URLError, OSError):
        return False


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def test_a_worker_renews_vectors_of_an_earlier_decoder_although_it_is_killed(
    start: Start, network: EmbeddingModel
) -> None:
    shop = Shopkeeper()
    mode, profile = made("Display P3")
    files = [labelled(Image.new("RGB", (48, 48), (200, number, 40)), mode, profile, "PNG") for number in range(120)]
    images = [shop.image(shop.product(), data) for data in files]
    first = start("worker", **QUICK)
    until(lambda: pipeline_status().ready == len(images), 120, lambda: first.log)
    first.stop()
    ImageEmbedding.objects.update(decoder=2)
    worker, scheduler = start("worker", **QUICK), start("scheduler", **QUICK)
    until(lambda: pipeline_status().outdated < len(images), 90, lambda: worker.log + scheduler.log)
    for child in worker.children():
        os.kill(child, signal.SIGKILL)
    until(lambda: pipeline_status().outdated == 0, 180, lambda: worker.log + scheduler.log)
    assert pipeline_status().ready == len(images), "never out of the search"
