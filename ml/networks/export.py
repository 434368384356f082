"""Weights → an ONNX graph that describes itself."""

import hashlib
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ml.runtimes import BadVector, checked, golden, stack
from ml.runtimes.processor import multiplies_int8
from ml.spec import ModelSpec
from ml.weights import (
    GOLDEN,
    Weights,
    WeightsError,
    graph_properties,
    parse_graph_meta,
    read_graph_meta,
    read_variables,
    sha256_of,
)

MIN_PARITY = 0.9999  # cosine between the vectors of the two runtimes; measured 0.9999998
PRECISIONS = ("float", "compact", "int8")
MIN_INT8_COSINE = 0.99  # with floats, of every picture: what shoppers find stays the same
_COMPARED_EVERY = 4  # of the pictures for int8: not calibrated on, but compared on


def computes_best_in_int8(graph: Path) -> bool:
    """Whether this machine should run the graph in int8: it was calibrated on real pictures, int8 stayed close to
    floats on others, and the processor is made for it.

    Raises:
        WeightsError: the graph is damaged.
    """
    if not (multiplies_int8() and importlib.util.find_spec("onnx")):
        return False
    measured = read_graph_meta(graph).int8_cosine
    return measured is not None and measured >= MIN_INT8_COSINE


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
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".export-") as folder:
        draft = Path(folder) / "graph.onnx"
        if weights.path and weights.ready_made:
            has = read_graph_meta(weights.path).precision
            if precision in (None, has):
                _copy(weights, weights.path, draft)
            elif (has, precision) == ("compact", "int8"):  # which may remember its ranges
                _save_int8(_onnx(weights).load(str(weights.path)), weights, draft, calibration)
            else:
                _write(weights, draft, precision, calibration)
        else:
            _write(weights, draft, precision or "float", calibration)
        _try(weights, draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        draft.replace(destination)
    return digest


def _copy(weights: Weights, source: Path, draft: Path) -> None:
    shutil.copyfile(source, draft)
    if (found := sha256_of(draft)) != weights.sha256:
        raise WeightsError(f"{source} changed while it was read: its sha256 is {found}, was {weights.sha256}.")


def _write(weights: Weights, draft: Path, precision: str, calibration: Sequence[np.ndarray]) -> None:
    onnx = _onnx(weights)
    from ml.networks.graph import build_graph

    is_compact = precision != "float"
    variables = read_variables(weights)
    full = build_graph(weights.spec, variables, {})
    properties = graph_properties(weights, precision="compact" if is_compact else "float")
    properties[GOLDEN] = _golden(weights, full, "float")
    model = build_graph(weights.spec, variables, properties, compact=True) if is_compact else full
    onnx.helper.set_model_props(model, properties)
    if precision == "int8":
        _save_int8(model, weights, draft, calibration)
        return
    if is_compact and len(calibration):
        from ml.networks import quantise

        ranges = _calibrated(model, weights, calibration)
        quantise.remember_ranges(model, ranges, stack(calibration[::_COMPARED_EVERY], weights.spec))
    onnx.save(model, str(draft))


def _save_int8(model: Any, weights: Weights, draft: Path, calibration: Sequence[np.ndarray]) -> None:
    onnx = _onnx(weights)
    from ml.networks import quantise

    ranges = quantise.remembered_ranges(model)
    if len(calibration) or not ranges:
        ranges = _calibrated(model, weights, calibration)
    made = quantise.to_int8(model, ranges)
    if not any(entry.key == GOLDEN for entry in made.metadata_props):  # the compact graph is older
        entry = made.metadata_props.add()
        entry.key, entry.value = GOLDEN, _golden(weights, model, "compact")
    _require_close(weights, made)
    onnx.save(made, str(draft))


def _require_close(weights: Weights, made: Any) -> None:
    """Its own steps, summed up in floats: what int8 gives where nothing goes wrong."""
    from ml.runtimes.onnx import session_of

    described = parse_graph_meta({entry.key: entry.value for entry in made.metadata_props}, weights.name)
    expected = golden.known_vectors(described)
    found = golden.run(session_of(made.SerializeToString(), precision="compact"), weights.spec)
    if expected is not None and (cosine := golden.smallest_cosine(found, expected)) < golden.MIN_COSINE:
        raise WeightsError(
            f"{weights.name} in int8 is too far from floats: smallest cosine {cosine:.4f} over {golden.COUNT} golden "
            f"pictures, at least {golden.MIN_COSINE} is needed. Export it as compact, or give --calibrate more "
            "pictures like those that it will see."
        )


def _golden(weights: Weights, model: Any, precision: str) -> str:
    """What `ml.runtimes.golden` compares: as the graph says that the weights are read from, else as this host computes
    it in floats."""
    from ml.runtimes.onnx import session_of

    vectors = golden.known_vectors(read_graph_meta(weights.path)) if weights.path and weights.ready_made else None
    if vectors is None:
        vectors = golden.run(session_of(model.SerializeToString(), precision=precision), weights.spec)
        try:
            checked(vectors, golden.COUNT, weights.spec)
        except BadVector as error:
            raise _damaged(weights, error) from error
    return golden.describe(vectors)


def _calibrated(model: Any, weights: Weights, pictures: Sequence[np.ndarray]) -> dict[str, tuple[float, float]]:
    from ml.networks import quantise

    if len(pictures) < quantise.MIN_PICTURES:
        raise WeightsError(
            f"To compute in int8, {weights.name} has to see real pictures first, at least {quantise.MIN_PICTURES}, "
            f"not {len(pictures)}: name a folder or zip of them with --calibrate."
        )
    fitted = [picture for index, picture in enumerate(pictures) if index % _COMPARED_EVERY]
    return quantise.calibrate(model, stack(fitted, weights.spec))


def _onnx(weights: Weights) -> Any:
    try:
        import onnx
    except ImportError as error:
        raise WeightsError(
            f"A graph of {weights.name} cannot be made here, as the package onnx is not installed: use an .onnx file, "
            "or make the graph where requirements/worker.txt is installed."
        ) from error
    return onnx


def _try(weights: Weights, draft: Path) -> None:
    """A graph that loads can still compute nonsense, where its weights are damaged or this machine is."""
    from ml.runtimes.onnx import OnnxEmbedder

    try:
        OnnxEmbedder(draft).embed_batch(_noise(weights.spec))
    except BadVector as error:
        raise _damaged(weights, error) from error


def _damaged(weights: Weights, error: BadVector) -> WeightsError:
    return WeightsError(
        f"The weights of {weights.name} ({weights.path}, sha256 {weights.sha256}) are damaged: {error}. "
        "Copy the file again from where it came."
    )


def verify(weights: Weights, graph: Path, pictures: Sequence[np.ndarray] = ()) -> float:
    """The smallest cosine between the graph's vectors and those of the network in Keras; starts TensorFlow.

    Args:
        pictures: uint8 [S, S, 3] each; noise where there are none.

    Raises:
        WeightsError: the weights are a graph themselves, or cannot be loaded.
    """
    from ml.networks.tensorflow import TensorFlowEmbedder
    from ml.runtimes.onnx import OnnxEmbedder

    batch = stack(pictures, weights.spec) if len(pictures) else _noise(weights.spec)
    ours, reference = OnnxEmbedder(graph).embed_batch(batch), TensorFlowEmbedder(weights).embed_batch(batch)
    return golden.smallest_cosine(ours, reference)


def _noise(spec: ModelSpec) -> Any:
    return np.random.default_rng(0).integers(0, 256, (2, spec.input_size, spec.input_size, 3), dtype=np.uint8)
