"""The numbers themselves."""

import numpy as np

from ml import layout
from ml.weights.errors import WeightsError
from ml.weights.found import Weights
from ml.weights.h5 import read_h5
from ml.weights.npz import read_npz


def read_variables(weights: Weights) -> dict[str, np.ndarray]:
    """Variable path → float32 array: the backbone's, and `head/…` and `labels/…` where the model has them.

    Raises:
        WeightsError: the file is gone, damaged, has other variables than its spec asks for, or is a graph.
    """
    if weights.path is None:
        return layout.untrained_variables(weights.spec.backbone)
    if weights.ready_made:
        raise WeightsError(
            f"{weights.path} is a graph for ONNX Runtime: it can neither be trained further nor run on TensorFlow. "
            "Name the .npz file that it was made from."
        )
    if weights.path.suffix == ".npz":
        arrays, _, _ = read_npz(weights.path)
        return {path: array.astype(np.float32) for path, array in arrays.items()}
    variables, backbone = read_h5(weights.path)
    if backbone != weights.spec.backbone:
        raise WeightsError(f"Weights file {weights.path} holds {backbone}, not {weights.spec.backbone}.")
    return variables
