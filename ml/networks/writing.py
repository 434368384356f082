"""Graph files, written with the onnx package; `ml.networks.export` imports this module only to write one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ml.networks import quantise
from ml.networks.nodes import build_graph
from ml.runtimes import checked, golden, stack
from ml.runtimes.onnx import session_of
from ml.weights import (
    GOLDEN,
    Weights,
    WeightsError,
    graph_properties,
    parse_graph_meta,
    read_graph_meta,
    read_variables,
)

_COMPARED_EVERY = 4  # every fourth picture is used to compare, the others to calibrate


def write(weights: Weights, draft: Path, precision: str, calibration: Sequence[np.ndarray]) -> None:
    """Write the graph of `weights`, see `ml.networks.export.export_onnx`.

    Raises:
        WeightsError: the weights cannot be loaded, or int8 lacks pictures or is too far from floats.
        BadVector: the weights compute vectors that cannot be used.
    """
    is_compact = precision != "float"
    variables = read_variables(weights)
    full = build_graph(weights.spec, variables, {})
    properties = graph_properties(weights, precision="compact" if is_compact else "float")
    properties[GOLDEN] = _golden(weights, full, "float")
    model = build_graph(weights.spec, variables, properties, compact=True) if is_compact else full
    onnx.helper.set_model_props(model, properties)
    if precision == "int8":
        _write_int8(model, weights, draft, calibration)
        return
    if is_compact and len(calibration):
        ranges = _calibrated(model, weights, calibration)
        quantise.remember_ranges(model, ranges, stack(calibration[::_COMPARED_EVERY], weights.spec))
    onnx.save(model, str(draft))


def write_int8(weights: Weights, draft: Path, calibration: Sequence[np.ndarray]) -> None:
    """Write the int8 graph of weights that are a compact graph, which may remember its ranges.

    Raises:
        WeightsError: there are neither remembered ranges nor enough pictures, or int8 is too far from floats.
    """
    _write_int8(onnx.load(str(weights.path)), weights, draft, calibration)


def _write_int8(model: Any, weights: Weights, draft: Path, calibration: Sequence[np.ndarray]) -> None:
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
    """Compare the int8 graph, summed up in floats, with the golden vectors: int8 gives the same on a sound host."""
    described = parse_graph_meta({entry.key: entry.value for entry in made.metadata_props}, weights.name)
    expected = golden.known_vectors(described)
    found = golden.run(session_of(made.SerializeToString(), precision="compact"), weights.spec)
    if expected is not None and (cosine := golden.smallest_cosine(found, expected)) < golden.MIN_COSINE:
        raise WeightsError(
            f"{weights.name} in int8 is too far from floats: smallest cosine {cosine:.4f} over {golden.COUNT} golden "
            f"pictures, at least {golden.MIN_COSINE} is needed. Export it as compact, or give --calibrate more "
            "pictures like those that it will be used on."
        )


def _golden(weights: Weights, model: Any, precision: str) -> str:
    """The golden vectors (`ml.runtimes.golden`): those of the graph that the weights are read from, or else as this
    host computes them in floats."""
    vectors = golden.known_vectors(read_graph_meta(weights.path)) if weights.path and weights.ready_made else None
    if vectors is None:
        vectors = golden.run(session_of(model.SerializeToString(), precision=precision), weights.spec)
        checked(vectors, golden.COUNT, weights.spec)
    return golden.describe(vectors)


def _calibrated(model: Any, weights: Weights, pictures: Sequence[np.ndarray]) -> dict[str, tuple[float, float]]:
    if len(pictures) < quantise.MIN_PICTURES:
        raise WeightsError(
            f"To compute in int8, {weights.name} must be calibrated on at least {quantise.MIN_PICTURES} real pictures, "
            f"not {len(pictures)}: name a folder or zip of them with --calibrate."
        )
    fitted = [picture for index, picture in enumerate(pictures) if index % _COMPARED_EVERY]
    return quantise.calibrate(model, stack(fitted, weights.spec))
