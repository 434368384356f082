"""Pictures per second through a real worker process, against raw ONNX Runtime on the same inputs."""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import numpy as np
from django.core.management import call_command
from django.db import connection

from bench.emptying import empty_shop
from bench.shop import ScratchShop
from catalog.models import ProductImage
from ml.pictures.codec import to_input
from ml.runtimes.onnx import OnnxEmbedder
from recommendations.lifecycle import artifacts
from recommendations.lifecycle.switching import ensure_active_model
from recommendations.models import EmbeddingModel
from recommendations.monitoring.status import pipeline_status
from recommendations.pipeline import control

RAW_IMAGES = 384
WARM_SECONDS, SECONDS = 1.0, 5.0
LEAST_LEFT = 2500  # pictures; with fewer, a fast machine would run out of them during a turn
BETWEEN_BATCHES = 0.02  # seconds; the rows of one batch are written within less


def measure(shop: ScratchShop, *, images: int) -> None:
    empty_shop()
    model = ensure_active_model(log=lambda line: print(f"  {line}"))
    call_command("import_catalog", shop.catalog(), limit=images, verbosity=0, stderr=io.StringIO())
    inputs = _inputs(model)
    network = artifacts.embedder(model)
    print(f"{images:,} products, {shop.describe()}, {model.input_size} px, on an otherwise idle machine?")
    raws, workers, ratios = [], [], []
    with _worker(shop):
        # In turns, many times: other load changes the speed of a machine from one minute to the next.
        while not raws or pipeline_status().missing > LEAST_LEFT:
            before = _raw_rate(network, inputs)
            through = _worker_rate()
            raw = (before + _raw_rate(network, inputs)) / 2
            print(f"  raw {raw:6.1f} images/s, worker {through:6.1f}, ratio {through / raw:.3f}", flush=True)
            raws.append(raw), workers.append(through), ratios.append(through / raw)
        control.resume()
    print(f"  raw ONNX Runtime, batches of 32:  {statistics.median(raws):6.1f} images/s, the median of {len(raws)}")
    print(f"  worker, from file to stored row:  {statistics.median(workers):6.1f} images/s")
    print(f"  ratio: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def _inputs(model: EmbeddingModel) -> np.ndarray:
    """uint8 [RAW_IMAGES, S, S, 3], already decoded."""
    made = []
    for image in ProductImage.objects.order_by("id")[:RAW_IMAGES]:
        with image.file.open() as file:
            made.append(to_input(file.read(), model.spec))
    return np.stack((made * (RAW_IMAGES // len(made) + 1))[:RAW_IMAGES])


def _raw_rate(network: OnnxEmbedder, inputs: np.ndarray) -> float:
    network.embed_batch(inputs[:32])
    began = time.perf_counter()
    network.embed_batch(inputs)
    return len(inputs) / (time.perf_counter() - began)


@contextmanager
def _worker(shop: ScratchShop) -> Iterator[None]:
    """A paused worker that is loaded and warm."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "shop", "worker"], cwd=shop.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not pipeline_status().ready:
            time.sleep(0.2)
        _pause()
        yield
    finally:
        worker.terminate()
        worker.wait()


def _pause() -> None:
    control.pause(reason="bench pipeline")
    while pipeline_status().processing:
        time.sleep(0.1)


def _worker_rate() -> float:
    """Pictures per second over `SECONDS` in the middle of a backlog, from the times in the rows."""
    control.resume()
    resumed = _now()
    time.sleep(WARM_SECONDS + SECONDS)
    end = _now()
    _pause()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM embedded_at)::float8 FROM recommendations_imageembedding "
            "WHERE embedded_at > %s + make_interval(secs => %s) AND embedded_at < %s ORDER BY 1",
            [resumed, WARM_SECONDS, end],
        )
        stored = np.array([moment for (moment,) in cursor.fetchall()])
    if len(stored) < 2:
        sys.exit("All pictures were embedded before the measurement. Use more with --images.")
    # From the end of one batch to the end of another.
    ends = np.flatnonzero(np.diff(stored, append=np.inf) > BETWEEN_BATCHES)
    first, last = ends[0], ends[-1] if len(ends) > 1 else len(stored) - 1
    return float(last - first) / float(stored[last] - stored[first])


def _now() -> datetime:
    """The time on the database's clock, which the rows use."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment
