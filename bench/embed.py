"""Pictures per second, from JPEG bytes to unit vectors, against the usual ways to run the same network."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ml import Embedder
from ml.embedder import GRAPH_VERSION, default_cache_dir
from ml.files.pictures import Source, find, read_ahead
from ml.networks.export import export_onnx
from ml.pictures.codec import to_input
from ml.runtimes.onnx import OnnxEmbedder, usable_cores
from ml.spec import ModelSpec
from ml.weights import Weights, resolve
from ml.weights.layout import variable_shapes

ROUNDS = 3  # each way is timed once per round; the best round counts, because disturbances only slow it down
BATCH = 16
_KERAS = """
import json, sys, time
import numpy as np
import keras
size, seconds = int(sys.argv[1]), float(sys.argv[2])
network = keras.applications.ResNet50(include_top=False, weights=None, pooling="avg", input_shape=(size, size, 3))
def rate(batch):
    pictures = np.random.default_rng(0).uniform(0, 255, (batch, size, size, 3)).astype("float32")
    one = lambda: network.predict(keras.applications.resnet50.preprocess_input(pictures.copy()), verbose=0)
    one(); one()
    began, done = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        one(); done += batch
    return done / (time.perf_counter() - began)
print(json.dumps([rate(1), rate(16)]))
"""


@dataclass(frozen=True)
class Way:
    """One row of the table: the best images per second."""

    name: str
    rate: float


def measure(*, sizes: str, seconds: float, weights: str | None) -> None:
    data = os.environ.get("LOOKALIKE_DATA")
    print(
        f"{usable_cores()} cores; best of {ROUNDS} rounds in turn, {seconds:g} s each; needs an otherwise idle machine"
    )
    small = resolve(weights, cache_dir=default_cache_dir())
    usual: float | None = None  # (a) of the first table, the reference for a bundled model of another size
    for text in sizes.split(","):
        if text == "bundled":
            photos = _photos(Path(data) / "fashion-small.zip" if data else None, 512)
            _table(small, photos, seconds, usual)
        else:
            photos = _photos(Path(data) / "fashion-large.zip" if data else None, 256)
            found = _table(_at(int(text)), photos, seconds)
            usual = usual or found


def _at(size: int) -> Weights:
    """Untrained weights: speed does not depend on their quality."""
    untrained = resolve("untrained", cache_dir=default_cache_dir())
    return replace(untrained, spec=replace(untrained.spec, input_size=size, fit="stretch"))


def _photos(archive: Path | None, count: int) -> list[bytes]:
    if archive is None:
        print("LOOKALIKE_DATA is not set: noise instead of photos, which decodes more slowly.")
        random = np.random.default_rng(0)
        return [_jpeg(random.integers(0, 256, (320, 240, 3), dtype=np.uint8)) for _ in range(8 * BATCH)]
    sources = list(find([archive]))
    return [source.read() for source in sources[:: max(1, len(sources) // count)][:count]]


def _jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def _table(weights: Weights, photos: list[bytes], seconds: float, usual: float | None = None) -> float:
    """Print the table; returns the rate of (a).

    Args:
        usual: the rate of (a) in another table, to compare with too.
    """
    spec = weights.spec
    inputs = np.stack([to_input(photo, spec) for photo in photos[: 8 * BATCH]])
    networks = {"fp32": graph_of(weights, "float", inputs), "int8": graph_of(weights, "int8", inputs)}
    ways: dict[str, Callable[[], int]] = {}
    for precision, network in networks.items():
        ways[f"(d) raw ONNX Runtime {precision}, batch {BATCH}"] = _raw(network, inputs, BATCH)
        ways[f"    raw ONNX Runtime {precision}, batch 1"] = _raw(network, inputs, 1)
        ways[f"(c) JPEG bytes → vectors, {precision}"] = _whole(network, spec, photos)
        ways[f"    JPEG bytes → vector, {precision}, one by one"] = _single(network, weights, photos)
    rates = _best(ways, seconds)
    keras = _keras(spec.input_size, seconds)
    rates = {"(a) Keras predict, one image a call": keras[0], f"(b) Keras predict, batch {BATCH}": keras[1]} | rates
    limit = _matrix_rate(seconds) / _operations(spec.input_size)
    rates["(e) matrix multiplication at this machine's best, fp32"] = limit
    print(f"\n{weights.name}, {spec.input_size} px, {spec.fit}, {len(photos)} JPEG files")
    for name, rate in rates.items():
        print(f"  {name:<56} {rate:8.1f} images/s   {rate / keras[0]:6.1f} × (a)")
    for precision in networks:
        whole = (
            rates[f"(c) JPEG bytes → vectors, {precision}"] / rates[f"(d) raw ONNX Runtime {precision}, batch {BATCH}"]
        )
        alone = rates[f"    raw ONNX Runtime {precision}, batch 1"]
        latency = alone / rates[f"    JPEG bytes → vector, {precision}, one by one"]
        print(f"  {precision}: (c) / (d) = {whole:.3f}; latency of one picture = {latency:.2f} × the raw graph's")
        if usual:
            times = rates[f"(c) JPEG bytes → vectors, {precision}"] / usual
            print(f"  {precision}: (c) = {times:.1f} × (a) of the first table")
    return keras[0]


def graph_of(weights: Weights, precision: str, inputs: np.ndarray) -> OnnxEmbedder:
    if weights.ready_made and weights.path and precision == "float":
        return OnnxEmbedder(weights.path)
    spec = weights.spec
    path = default_cache_dir() / "bench" / f"{weights.sha256[:16]}-{spec.input_size}-{precision}-{GRAPH_VERSION}.onnx"
    export_onnx(weights, path, precision=precision, calibration=() if weights.ready_made else list(inputs))
    return OnnxEmbedder(path, or_floats=False)  # a line for int8 must not measure floats


def _raw(network: OnnxEmbedder, inputs: np.ndarray, batch: int) -> Callable[[], int]:
    def once() -> int:
        network.embed_batch(inputs[:batch])
        return batch

    return once


def _whole(network: OnnxEmbedder, spec: ModelSpec, photos: list[bytes]) -> Callable[[], int]:
    """Embed as `python -m ml embed` does: the next batch is decoded while the network runs on this one."""
    sources = [Source(str(number), lambda photo=photo: photo) for number, photo in enumerate(photos)]  # type: ignore[misc]

    def once() -> int:
        for reads in read_ahead(sources, spec, batch=BATCH, workers=usable_cores()):
            network.embed([read.pixels for read in reads if read.pixels is not None])
        return len(sources)

    return once


def _single(network: OnnxEmbedder, weights: Weights, photos: list[bytes]) -> Callable[[], int]:
    embedder = Embedder(network, weights)
    turn = iter(photos * 100_000)

    def once() -> int:
        embedder.embed([next(turn)])
        return 1

    return once


def _best(ways: dict[str, Callable[[], int]], seconds: float) -> dict[str, float]:
    best = dict.fromkeys(ways, 0.0)
    for once in ways.values():
        once()
    for _ in range(ROUNDS):
        for name, once in ways.items():
            began, done = time.perf_counter(), 0
            while time.perf_counter() - began < seconds:
                done += once()
            best[name] = max(best[name], done / (time.perf_counter() - began))
    return best


def _keras(size: int, seconds: float) -> list[float]:
    """Keras in a separate process with TensorFlow's defaults: two runtimes would share threads and memory."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)
    command = [sys.executable, "-c", _KERAS, str(size), str(seconds)]
    rounds = [
        json.loads(
            subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.splitlines()[-1]
        )
        for _ in range(ROUNDS)
    ]
    return [max(rates) for rates in zip(*rounds, strict=True)]


def _matrix_rate(seconds: float) -> float:
    """Operations per second of a 2048 × 2048 float32 product; a multiplication and an addition count as two."""
    left, right = (np.random.default_rng(seed).standard_normal((2048, 2048), dtype=np.float32) for seed in (0, 1))
    product = _best({"product": lambda: int((left @ right).size > 0)}, seconds)["product"]
    return product * 2 * 2048**3


def _operations(size: int) -> float:
    """Operations for one picture in the convolutions of ResNet50, counted in the same way: 7.7 billion at 224 px."""
    side = {"conv1": -(-size // 2)}
    side["conv2"] = -(-side["conv1"] // 2)
    for before, stage in (("conv2", "conv3"), ("conv3", "conv4"), ("conv4", "conv5")):
        side[stage] = -(-side[before] // 2)
    return float(
        sum(
            2 * np.prod(shape) * side[path.split("_")[0]] ** 2
            for path, shape in variable_shapes().items()
            if path.endswith("kernel")
        )
    )
