"""Pictures a second through a real worker process, against what ONNX Runtime alone does on the same inputs."""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import time

import numpy as np
from django.core.management import call_command
from django.db import connection

from bench.shop import ScratchShop
from ml.images import to_input
from ml.runtimes.onnx import OnnxEmbedder
from recommendations import graphs
from recommendations.lifecycle import ensure_active_model
from recommendations.models import EmbeddingModel
from recommendations.status import pipeline_status

RAW_IMAGES = 1024


def measure(shop: ScratchShop, *, images: int) -> None:
    model = ensure_active_model(log=lambda line: print(f"  {line}"))
    call_command("import_catalog", shop.catalog(), limit=images, verbosity=0, stderr=io.StringIO())
    inputs = _inputs(model)
    network = graphs.embedder(model)
    print(f"{images:,} products, {shop.describe()}, {model.input_size} px, on an otherwise idle machine?")
    raw = [_raw_rate(network, inputs)]
    through = _worker_rate(shop)
    raw.append(_raw_rate(network, inputs))
    base = statistics.mean(raw)
    print(f"  raw ONNX Runtime, batches of 32:  {raw[0]:6.1f} before, {raw[1]:6.1f} after, mean {base:6.1f} images/s")
    print(f"  worker, from file to stored row:  {through:6.1f} images/s")
    print(f"  ratio: {through / base:.3f}")


def _inputs(model: EmbeddingModel) -> np.ndarray:
    """uint8 [RAW_IMAGES, S, S, 3], already decoded."""
    from catalog.models import ProductImage

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


def _worker_rate(shop: ScratchShop) -> float:
    """From the rows' own times, so that start-up and idling are not counted; the first second is a warm-up."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "shop", "worker"], cwd=shop.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "shop", "scheduler"], cwd=shop.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not pipeline_status().settled:
            time.sleep(2)
    finally:
        for process in (worker, scheduler):
            process.terminate()
            process.wait()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH warm AS (SELECT embedded_at FROM recommendations_imageembedding
                           WHERE embedded_at > (SELECT min(embedded_at) + interval '1 second'
                                                  FROM recommendations_imageembedding))
            SELECT (SELECT count(*) FROM warm w WHERE w.embedded_at > (SELECT min(embedded_at) FROM warm)),
                   extract(epoch FROM max(embedded_at) - min(embedded_at)) FROM warm
            """
        )
        count, seconds = cursor.fetchone()
    return count / float(seconds)
