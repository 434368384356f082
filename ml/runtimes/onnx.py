"""ONNX Runtime: what workers and web processes run. Needs no TensorFlow."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.runtimes import in_passes, stack
from ml.spec import ModelSpec
from ml.weights import LABELS, VECTORS, WeightsError, read_graph_meta

_MISSING = "Graph {path} does not exist. Make it with `python -m ml export --out {path}`."


class OnnxEmbedder:
    """A graph that `ml.export` wrote, ready to run; safe to call from several threads.

    Attributes:
        spec: read from the graph itself.
        meta: also from the graph, see `ml.weights.GraphMeta`.
    """

    def __init__(self, path: Path, *, threads: int | None = None, expected_sha256: str | None = None) -> None:
        """Load and check the graph; takes half a second.

        Args:
            threads: of one forward pass; by default as many as this process may use.
            expected_sha256: hex digest that the file must have.

        Raises:
            WeightsError: missing, damaged, another file than expected, or not a graph of this program.
        """
        if expected_sha256 is not None:
            _check_digest(path, expected_sha256)
        self._session = open_session(path, threads=threads)
        self.meta = read_graph_meta(path)
        self.spec: ModelSpec = self.meta.spec
        self._input = self._session.get_inputs()[0].name
        self._outputs = [VECTORS, *(LABELS + task.name for task in self.spec.labels)]

    def embed(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """See `ml.runtimes.Embedder.embed`."""
        return self.embed_labelled(images)[0]

    def embed_labelled(self, images: Sequence[np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """See `ml.runtimes.Embedder.embed_labelled`."""
        return in_passes(self._run, stack(images, self.spec), self.spec)

    def embed_batch(self, images: np.ndarray) -> np.ndarray:
        """`embed` for one array, uint8 [n, S, S, 3] → float32 [n, D]."""
        return in_passes(self._run, images, self.spec)[0]

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        outputs: list[np.ndarray] = self._session.run(self._outputs, {self._input: images})
        return outputs


def open_session(path: Path, *, threads: int | None = None) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU, set up for the graph's precision.

    Raises:
        WeightsError: missing, damaged, or not a graph of this program.
    """
    if not path.is_file():
        raise WeightsError(_MISSING.format(path=path))
    precision = read_graph_meta(path).precision
    try:
        return session_of(str(path), precision=precision, threads=threads)
    except Exception as error:  # its exceptions share no base class but this one
        raise WeightsError(
            f"Graph {path} is damaged or not an ONNX file ({str(error)[:120]}). "
            "Delete it and make it anew with `python -m ml export`."
        ) from error


def session_of(graph: str | bytes, *, precision: str, threads: int | None = None) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU.

    Args:
        graph: the name of a file, or its content.
        precision: what the graph was written for, see `ml.weights.GraphMeta`.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or usable_cores()
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    # Images per second of processor time, ResNet50 at 80 px, one thread, batches of 16, best of 8 in turn:
    #            all  extended  basic  mem_pattern  no arena  |  batch of 1    4    8   16   32
    #   float    110        75     74          111       111  |          74   98  108  110  112
    #   int8     382       291     67          375       372  |         227  329  283  284  367
    # "All" lays channels out in blocks for the processor. The arena gains nothing measurable and is left on, as it
    # spares the system's allocator; mem_pattern plans memory for one batch size, and ours vary.
    options.enable_mem_pattern = False
    # Threads that spin between operations gain nothing measurable (80 px, 2 cores, batches of 16: 175
    # images/s with, 176 without), and burn cores that the database and the web server share.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if precision == "compact":
        # Otherwise kernels would be turned into floats on every pass, not once.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def usable_cores() -> int:
    """Processors that this process may run on; a container or `taskset` may leave fewer than exist."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_digest(path: Path, expected: str) -> None:
    if not path.is_file():
        raise WeightsError(_MISSING.format(path=path))
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise WeightsError(
            f"Graph {path} is not the expected one: its sha256 is {found}, expected {expected}. "
            "Delete it and fetch or make it anew."
        )
