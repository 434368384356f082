"""Reading the weights of a model."""

from pathlib import Path

import numpy as np

from ml.spec import ModelSpec
from ml.weights import layout
from ml.weights.errors import WeightsError
from ml.weights.found import Weights
from ml.weights.graphs import read_graph_meta
from ml.weights.h5 import read_h5
from ml.weights.npz import read_npz
from ml.weights.pth import read_pth


def read_variables(weights: Weights) -> dict[str, np.ndarray]:
    """Variable path → float32 array: those of the backbone, and `head/…` and `labels/…` if the model has them.

    Raises:
        WeightsError: the file is missing or damaged, its variables do not fit its spec, or it is a graph that computes
            in int8.
    """
    if weights.path is None:
        return layout.untrained_variables(weights.spec.backbone)
    if weights.ready_made:
        return _of_graph(weights.path, weights.spec)
    if weights.path.suffix == ".npz":
        arrays, _, _ = read_npz(weights.path)
        return {path: array.astype(np.float32) for path, array in arrays.items()}
    if weights.path.suffix == ".pth":
        return read_pth(weights.path, weights.spec.backbone)
    variables, backbone = read_h5(weights.path)
    if backbone != weights.spec.backbone:
        raise WeightsError(f"Weights file {weights.path} contains {backbone}, not {weights.spec.backbone}.")
    return variables


def _of_graph(path: Path, spec: ModelSpec) -> dict[str, np.ndarray]:
    if read_graph_meta(path).precision == "int8":
        raise WeightsError(
            f"{path} computes in int8, so it can neither be trained nor run on TensorFlow. "
            "Name the compact graph or the .npz file that it was made from."
        )
    try:
        from ml.weights.constants import read_constants  # noqa: PLC0415 (onnx: 0.4 s; web processes lack it)
    except ImportError as error:
        raise WeightsError(
            f"The weights in {path} cannot be read here because the package onnx is not installed: "
            "install requirements/worker.txt."
        ) from error
    try:
        return read_constants(path, spec)
    except Exception as error:  # protobuf's own errors share no other base class
        raise WeightsError(
            f"{path} is damaged or not a graph of this program ({str(error)[:120]}). Copy it again from its source."
        ) from error
