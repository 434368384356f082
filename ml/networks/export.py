"""Weights → an ONNX graph that describes itself."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from common.files import replacing
from common.files import sha256_of as file_digest
from ml.networks.tensorflow import TensorFlowEmbedder
from ml.runtimes import BadVector, golden, stack
from ml.runtimes.onnx import OnnxEmbedder
from ml.spec import ModelSpec
from ml.weights import Weights, WeightsError, read_graph_meta, sha256_of

MIN_PARITY = 0.9999  # cosine between the vectors of the two runtimes; measured 0.9999998
PRECISIONS = ("float", "compact", "int8")


def export_onnx(
    weights: Weights, destination: Path, *, precision: str | None = None, calibration: Sequence[np.ndarray] = ()
) -> str:
    """Write the graph (uint8 [N, S, S, 3] → float32 [N, D], any N) and return the file's sha256, hex.

    It carries its vectors of a few pictures (`ml.runtimes.golden`), so that every host can tell whether it computes
    the same. About a second, without TensorFlow. The file appears whole or not at all, and only once it has run.
    Weights that are a graph already are copied; that needs not even the onnx package.

    Args:
        precision: "float"; "compact", kernels as int8 in the file and as floats in memory; "int8", computing in
            int8 too (see `ml.networks.quantise`). None: as a graph is, and "float" for weights.
        calibration: pictures for "int8", uint8 [S, S, 3] each, as `ml.pictures.codec.to_input` makes them; a "compact"
            graph remembers what was learned from them, so that it can be made int8 later without.

    Raises:
        WeightsError: the weights cannot be loaded, or what they compute cannot be used; or int8 lacks pictures.
        OSError: the destination cannot be written.
    """
    with replacing(destination) as draft:
        try:
            _draft(weights, draft, precision, calibration)
            OnnxEmbedder(draft).embed_batch(_noise(weights.spec))  # damaged weights load, and compute nonsense
        except BadVector as error:
            raise WeightsError(
                f"The weights of {weights.name} ({weights.path}, sha256 {weights.sha256}) are damaged: {error}. "
                "Copy the file again from where it came."
            ) from error
        return file_digest(draft)


def _draft(weights: Weights, draft: Path, precision: str | None, calibration: Sequence[np.ndarray]) -> None:
    written = read_graph_meta(weights.path).precision if weights.path and weights.ready_made else None
    if written and weights.path and precision in (None, written):
        _copy(weights, weights.path, draft)
    elif (written, precision) == ("compact", "int8"):
        _writing(weights).write_int8(weights, draft, calibration)
    else:
        _writing(weights).write(weights, draft, precision or "float", calibration)


def _copy(weights: Weights, source: Path, draft: Path) -> None:
    shutil.copyfile(source, draft)
    if (found := sha256_of(draft)) != weights.sha256:
        raise WeightsError(f"{source} changed while it was read: its sha256 is {found}, was {weights.sha256}.")


def _writing(weights: Weights) -> ModuleType:
    try:
        from ml.networks import writing  # noqa: PLC0415 (onnx: 0.5 s; web processes lack it)
    except ImportError as error:
        raise WeightsError(
            f"A graph of {weights.name} cannot be made here, as the package onnx is not installed: use an .onnx file, "
            "or make the graph where requirements/worker.txt is installed."
        ) from error
    return writing


def verify(weights: Weights, graph: Path, pictures: Sequence[np.ndarray] = ()) -> float:
    """The smallest cosine between the graph's vectors and those of the network in Keras; starts TensorFlow.

    Args:
        pictures: uint8 [S, S, 3] each; noise where there are none.

    Raises:
        WeightsError: the weights are a graph themselves, or cannot be loaded.
    """
    batch = stack(pictures, weights.spec) if len(pictures) else _noise(weights.spec)
    ours, reference = OnnxEmbedder(graph).embed_batch(batch), TensorFlowEmbedder(weights).embed_batch(batch)
    return golden.smallest_cosine(ours, reference)


def _noise(spec: ModelSpec) -> Any:
    return np.random.default_rng(0).integers(0, 256, (2, spec.input_size, spec.input_size, 3), dtype=np.uint8)
