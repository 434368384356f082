"""ONNX Runtime: what workers and web processes run. Needs no TensorFlow."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common.files import sha256_of
from ml.maps.outputs import ACTIVATION, FEATURE_MAP, Maps, mapped_task, with_maps
from ml.runtimes import golden
from ml.runtimes.base import MAX_BATCH, Runtime, checked, stack
from ml.runtimes.golden import MIN_COSINE, WrongNumbers
from ml.spec import ModelSpec
from ml.weights import LABELS, VECTORS, GraphMeta, WeightsError, read_graph_meta

logger = logging.getLogger(__name__)

_MISSING = "Graph {path} does not exist. Make it with `python -m ml export --out {path}`."
_REMEDY = (
    "Copy or export the graph again and install the pinned packages again; if that does not help, this machine must "
    "not embed pictures."
)


class OnnxEmbedder(Runtime):
    """A graph that `ml.networks.export` wrote, loaded, and checked to compute the same vectors as where it was made.
    Safe to call from several threads.

    Attributes:
        spec: read from the graph.
        meta: also read from the graph; see `ml.weights.GraphMeta`.
        in_int8: whether it computes in int8.
        cosine: the smallest cosine with its golden vectors (`ml.runtimes.golden`); None if it has none.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int | None = None,
        expected_sha256: str | None = None,
        or_floats: bool = True,
        maps: bool = False,
    ) -> None:
        """Load and check the graph; takes half a second.

        Args:
            threads: for one forward pass; by default one for each core that this process may use.
            expected_sha256: hex digest that the file must have.
            or_floats: run an int8 graph that computes wrong vectors in int8 in floats, with a warning.
            maps: also compute what `maps` returns, which is added to the graph in memory if the file lacks it.

        Raises:
            WrongNumbers: the graph computes other vectors here than where it was made.
            WeightsError: the file is missing, damaged, not the expected one, or not a graph of this program.
        """
        if expected_sha256 is not None:
            _check_digest(path, expected_sha256)
        if not path.is_file():
            raise WeightsError(_MISSING.format(path=path))
        self.meta: GraphMeta = read_graph_meta(path)
        self.spec: ModelSpec = self.meta.spec
        how = _How(threads, maps)
        opened = _open_int8(path, self.meta, how, or_floats) if self.meta.precision == "int8" else None
        self.in_int8 = opened is not None
        self._session, self.cosine = opened or _open_floats(path, self.meta, how)
        self._input = self._session.get_inputs()[0].name
        self._outputs = [VECTORS, *(LABELS + task.name for task in self.spec.labels)]
        self._maps = [FEATURE_MAP, *([ACTIVATION] if mapped_task(self.spec) else [])] if maps else []

    def maps(self, images: Sequence[np.ndarray]) -> Maps:
        """What `embed_labelled` returns, and where in the pictures it comes from.

        Args:
            images: as for `embed`, at least one.

        Raises:
            ValueError: there is no image, one has another shape or type, or the graph was opened without maps.
            BadVector: the network produced something that must not be stored.
        """
        if not self._maps:
            raise ValueError("the graph was opened without maps: open it with maps=True")
        batch = stack(images, self.spec)
        if not len(batch):
            raise ValueError("maps need at least one image")
        names = [*self._outputs, *self._maps]
        passes = [
            self._session.run(names, {self._input: batch[start : start + MAX_BATCH]})
            for start in range(0, len(batch), MAX_BATCH)
        ]
        found = dict(zip(names, (np.concatenate(column) for column in zip(*passes, strict=True)), strict=True))
        return Maps(
            vectors=checked(found[VECTORS], len(batch), self.spec),
            probabilities={task.name: found[LABELS + task.name] for task in self.spec.labels},
            feature_map=found[FEATURE_MAP],
            activation=found.get(ACTIVATION),
        )

    def _run(self, images: np.ndarray) -> list[np.ndarray]:
        outputs: list[np.ndarray] = self._session.run(self._outputs, {self._input: images})
        return outputs


class _How(NamedTuple):
    """How to open a graph."""

    threads: int | None
    maps: bool


def _open_floats(path: Path, meta: GraphMeta, how: _How) -> tuple[Any, float | None]:
    session = open_session(path, precision="float" if meta.precision == "float" else "compact", **how._asdict())
    expected = golden.known_vectors(meta)
    if expected is None:
        return session, None
    cosine = golden.smallest_cosine(golden.run(session, meta.spec), expected)
    if cosine < MIN_COSINE:
        raise WrongNumbers(f"{_compared(path, 'floats', cosine)} {_REMEDY}", cosine)
    return session, cosine


def _open_int8(path: Path, meta: GraphMeta, how: _How, or_floats: bool) -> tuple[Any, float] | None:
    """None if the graph must compute in floats; a warning was logged."""
    expected = golden.known_vectors(meta)
    if expected is None:  # an older graph: int8 must match its own steps summed up in floats
        expected = golden.run(open_session(path, threads=how.threads, precision="compact"), meta.spec)
    try:
        session = open_session(path, **how._asdict())
    except WeightsError as error:
        if not or_floats:
            raise
        logger.warning("%s An earlier release may have made it. Trying it in floats, which is slower.", error)
        return None
    cosine = golden.smallest_cosine(golden.run(session, meta.spec), expected)
    if cosine >= MIN_COSINE:
        return session, cosine
    wrong = _compared(path, "int8", cosine)
    if not or_floats:
        raise WrongNumbers(f"{wrong} Use the float or compact graph of the same weights.", cosine)
    logger.warning("%s It runs in floats, which is slower: use the float or compact graph instead.", wrong)
    return None


def _compared(path: Path, precision: str, cosine: float) -> str:
    return (
        f"In {precision}, graph {path.name} gives other vectors on this machine than where it was made: smallest "
        f"cosine {cosine:.4f} over {golden.COUNT} golden pictures, at least {MIN_COSINE} is needed."
    )


def open_session(path: Path, *, threads: int | None = None, precision: str | None = None, maps: bool = False) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU, set up for the graph's precision.

    Args:
        precision: instead of the graph's own; see `session_of`.
        maps: return maps too; see `ml.maps.outputs`.

    Raises:
        WeightsError: the file is missing, damaged, or not a graph of this program.
    """
    if not path.is_file():
        raise WeightsError(_MISSING.format(path=path))
    precision = precision or read_graph_meta(path).precision
    graph = with_maps(path.read_bytes(), read_graph_meta(path).spec) if maps else str(path)
    try:
        return session_of(graph, precision=precision, threads=threads)
    except Exception as error:  # its exceptions share no base class but this one
        raise WeightsError(
            f"Graph {path} is damaged or not an ONNX file ({str(error)[:120]}). "
            "Delete it and make it again with `python -m ml export`."
        ) from error


def session_of(graph: str | bytes, *, precision: str, threads: int | None = None) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU.

    Args:
        graph: a file name, or the content of a file.
        precision: the precision that the graph was written for; see `ml.weights.GraphMeta`. A graph for "int8" opened
            as "compact" rounds as int8 does and sums up in floats, which is slow and correct on every processor.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded
    import onnxruntime  # noqa: PLC0415 (ONNX Runtime: 0.1 s, and 23 MB in every web process)

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
    # "All" lays channels out in blocks for the processor. The arena gains nothing measurable and stays on, as it
    # relieves the system's allocator; mem_pattern plans memory for one batch size, and ours vary.
    options.enable_mem_pattern = False
    # Threads that spin between operations gain nothing measurable (80 px, 2 cores, batches of 16: 175 images/s with,
    # 176 without), and take cores from the database and the web server.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if precision == "int8":
        # Shifts kernels to uint8, which is exact, on processors where uint8 times int8 saturates (x86 without VNNI).
        options.add_session_config_entry("session.x64quantprecision", "1")
    if precision == "compact":
        # Otherwise kernels would be converted to floats on every pass, not once.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    # It would round the kernels of depthwise convolutions, kept in floats for their precision, to int8 with one scale.
    left_out = ["WeightBiasQuantization"]
    return onnxruntime.InferenceSession(
        graph, options, providers=["CPUExecutionProvider"], disabled_optimizers=left_out
    )


def usable_cores() -> int:
    """The number of cores that this process may run on; a container or `taskset` may allow fewer than exist."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_digest(path: Path, expected: str) -> None:
    if not path.is_file():
        raise WeightsError(_MISSING.format(path=path))
    found = sha256_of(path)
    if found != expected:
        raise WeightsError(
            f"Graph {path} is not the expected one: its sha256 is {found}, expected {expected}. "
            "Delete it and download or make it again."
        )
