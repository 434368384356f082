"""Accuracy and speed of int8 on this processor, for each way to compute it.

The graph is the bundled model's, or another compact one that was calibrated. Pictures are real photos; the ten nearest
are looked for among them.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from ml.datasets import open_set
from ml.embedder import default_cache_dir
from ml.evaluation.ranking import nearest
from ml.networks import quantise
from ml.pictures.codec import to_input
from ml.runtimes.onnx import session_of
from ml.runtimes.processor import multiplies_int8
from ml.weights import INPUT, VECTORS, resolve

FLOATS = "floats"
SETS = ("fashion-small.zip", "clothing-photos.zip")
BATCH, LISTED, ROUNDS = 16, 10, 6


def measure(*, limit: int, weights: str | None, seconds: float) -> None:
    folder = os.environ.get("LOOKALIKE_DATA")
    if folder is None:
        raise SystemExit(f"LOOKALIKE_DATA must name a folder with {' and '.join(SETS)}.")
    found = resolve(weights, cache_dir=default_cache_dir())
    compact = onnx.load(str(found.path)) if found.ready_made else None
    ranges = quantise.remembered_ranges(compact) if compact else {}
    if compact is None or not ranges:
        raise SystemExit(f"{found.name} is no compact graph that was calibrated: `python -m ml export` makes one.")
    pictures = np.concatenate([_some(Path(folder) / name, limit, found.spec) for name in SETS])
    int8 = quantise.to_int8(compact, ranges).SerializeToString()
    sessions = {
        FLOATS: session_of(compact.SerializeToString(), precision="compact", threads=1),
        "int8, as ONNX Runtime does by itself": session_of(int8, precision="float", threads=1),
        "int8, kernels of 7 bits": session_of(_seven_bits(compact, ranges), precision="float", threads=1),
        "int8, as the shop computes it": session_of(int8, precision="int8", threads=1),
        "int8, summed up in floats": session_of(int8, precision="compact", threads=1),
    }
    print(f"{found.name}, {len(pictures)} pictures, one thread, {'VNNI' if multiplies_int8() else 'no VNNI'}")
    print(f"  {'':<38} cosine: mean  smallest  ten nearest  × {FLOATS}")
    rates = _rates(sessions, pictures[:BATCH], seconds)
    vectors = {name: _vectors(session, pictures) for name, session in sessions.items()}
    expected = _lists(vectors[FLOATS])
    for name, some in vectors.items():
        cosines = (some * vectors[FLOATS]).sum(axis=1)
        same = np.mean([len(set(a) & set(b)) / LISTED for a, b in zip(expected, _lists(some), strict=True)])
        speed = rates[name] / rates[FLOATS]
        print(f"  {name:<38} {cosines.mean():12.4f} {cosines.min():9.4f} {same:12.3f} {speed:9.2f}")


def _some(archive: Path, limit: int, spec: Any) -> np.ndarray:
    samples = open_set(archive)
    return np.stack([to_input(sample.read(), spec) for sample in samples[:: max(1, len(samples) // limit)][:limit]])


def _seven_bits(compact: onnx.ModelProto, ranges: quantise.Ranges) -> bytes:
    """Kernels of 7 bits: sums of two of their products stay within 16 bits."""
    narrow = onnx.ModelProto()
    narrow.CopyFrom(compact)
    constants = {constant.name: constant for constant in narrow.graph.initializer}
    for name, constant in constants.items():
        if name.endswith("_int8"):
            steps = np.rint(numpy_helper.to_array(constant) * (63 / 127)).astype(np.int8)
            constant.CopyFrom(numpy_helper.from_array(steps, name))
            scale = constants[name.removesuffix("_int8") + "_scale"]
            wider = (numpy_helper.to_array(scale) * (127 / 63)).astype(np.float32)
            scale.CopyFrom(numpy_helper.from_array(wider, scale.name))
    made: bytes = quantise.to_int8(narrow, ranges).SerializeToString()
    return made


def _vectors(session: Any, pictures: np.ndarray) -> np.ndarray:
    passes = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]
    return np.concatenate([session.run([VECTORS], {INPUT: batch})[0] for batch in passes])


def _lists(vectors: np.ndarray) -> np.ndarray:
    return nearest(vectors, vectors, np.arange(len(vectors)), LISTED)


def _rates(sessions: dict[str, Any], batch: np.ndarray, seconds: float) -> dict[str, float]:
    """Pictures per second, the best of several turns."""
    best = dict.fromkeys(sessions, 0.0)
    for _ in range(ROUNDS):
        for name, session in sessions.items():
            began, done = time.perf_counter(), 0
            while time.perf_counter() - began < seconds / ROUNDS:
                session.run([VECTORS], {INPUT: batch})
                done += len(batch)
            best[name] = max(best[name], done / (time.perf_counter() - began))
    return best
