"""Weights → an artifact: an ONNX graph with its own description."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from common.files import replacing
from common.files import sha256_of as file_digest
from ml.maps.outputs import with_maps
from ml.networks.tensorflow import TensorFlowEmbedder
from ml.runtimes import BadVector, golden, stack
from ml.runtimes.onnx import OnnxEmbedder
from ml.spec import ModelSpec
from ml.weights import Weights, WeightsError, read_graph_meta, sha256_of

MIN_PARITY = 0.9999  # cosine between the vectors of the two runtimes; measured 0.9999998
PRECISIONS = ("float", "compact", "int8")


def export_onnx(
    weights: Weights,
    destination: Path,
    *,
    precision: str | None = None,
    calibration: Sequence[np.ndarray] = (),
    maps: bool = False,
) -> str:
    """Write the graph (uint8 [N, S, S, 3] → float32 [N, D], any N) and return the file's sha256, hex.

    The graph stores its vectors of a few pictures (`ml.runtimes.golden`), so that every host can check whether it
    computes the same. Takes about a second, without TensorFlow. The file is written whole or not at all, and only
    after the graph has run. Weights that are already a graph are copied, which does not need the onnx package.

    Args:
        precision: "float"; "compact", kernels as int8 in the file and as floats in memory; "int8", which also computes
            in int8 (see `ml.networks.quantise`). None: the precision of a graph, and "float" for other weights.
        calibration: pictures for "int8", uint8 [S, S, 3] each, as `ml.pictures.codec.to_input` makes them. A "compact"
            graph stores the ranges measured on them, so that it can be converted to int8 later without pictures.
        maps: the graph also returns what `ml.maps.outputs` describes; its first outputs stay the same.

    Raises:
        WeightsError: the weights cannot be loaded, they compute unusable vectors, or int8 lacks pictures.
        OSError: the destination cannot be written.
    """
    with replacing(destination) as draft:
        try:
            _draft(weights, draft, precision, calibration)
            if maps:
                draft.write_bytes(with_maps(draft.read_bytes(), weights.spec))
            OnnxEmbedder(draft).embed_batch(_noise(weights.spec))  # damaged weights may load and compute nonsense
        except BadVector as error:
            raise WeightsError(
                f"The weights of {weights.name} ({weights.path}, sha256 {weights.sha256}) are damaged: {error}. "
                "Copy the file again from its source."
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
        from ml.networks import writing  # noqa: PLC0415 (onnx: 0.4 s; web processes lack it)
    except ImportError as error:
        raise WeightsError(
            f"A graph of {weights.name} cannot be made here because the package onnx is not installed: use an .onnx "
            "file, or make the graph where requirements/worker.txt is installed."
        ) from error
    return writing


def verify(weights: Weights, graph: Path, pictures: Sequence[np.ndarray] = ()) -> float:
    """The smallest cosine between the graph's vectors and those of the Keras network; loads TensorFlow.

    Args:
        pictures: uint8 [S, S, 3] each; noise if there are none.

    Raises:
        WeightsError: the weights are a graph, or cannot be loaded.
    """
    batch = stack(pictures, weights.spec) if len(pictures) else _noise(weights.spec)
    ours, reference = OnnxEmbedder(graph).embed_batch(batch), TensorFlowEmbedder(weights).embed_batch(batch)
    return golden.smallest_cosine(ours, reference)


def _noise(spec: ModelSpec) -> Any:
    return np.random.default_rng(0).integers(0, 256, (2, spec.input_size, spec.input_size, 3), dtype=np.uint8)
