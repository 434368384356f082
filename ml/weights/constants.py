"""The variables of a model, read from a graph that `ml.networks.nodes` wrote; needs the onnx package."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx

from ml.spec import ModelSpec
from ml.weights.architectures import ARCHITECTURES, Architecture, Convolution
from ml.weights.layout import model_shapes


def read_constants(path: Path, spec: ModelSpec) -> dict[str, np.ndarray]:
    """Variable path → float32 array. Batch normalisations change nothing, because they are folded into the kernels.

    Raises:
        KeyError: the graph lacks a variable, as a graph that computes in int8 does.
    """
    graph = onnx.load(str(path)).graph
    constants = {constant.name: onnx.numpy_helper.to_array(constant) for constant in graph.initializer}
    architecture = ARCHITECTURES[spec.backbone]
    reader = _Reader(constants, architecture)
    architecture.describe(reader, "")
    shapes = model_shapes(spec)
    for name in shapes:
        if name.startswith(("head/", "labels/")):
            reader.variables[name] = _kernel(constants, name, axis=1)
    return {name: np.ascontiguousarray(reader.variables[name], np.float32) for name in shapes}


def _kernel(constants: Mapping[str, np.ndarray], name: str, axis: int) -> np.ndarray:
    if name in constants:
        return constants[name]
    steps = constants[f"{name}_int8"]
    return steps * constants[f"{name}_scale"].reshape([-1 if other == axis else 1 for other in range(steps.ndim)])


class _Reader:
    """Collects the variables of an architecture's convolutions (an `ml.weights.architectures.Network`)."""

    def __init__(self, constants: Mapping[str, np.ndarray], architecture: Architecture) -> None:
        self.constants = constants
        self.architecture = architecture
        self.variables: dict[str, np.ndarray] = {}

    def convolve(self, x: str, unit: Convolution) -> str:
        # [outputs, inputs, h, w] → [h, w, inputs, outputs]; a depthwise kernel has one output for each input.
        axes = (2, 3, 0, 1) if unit.depthwise else (2, 3, 1, 0)
        kernel = _kernel(self.constants, f"{unit.convolution}/kernel", axis=0).transpose(axes)
        if not self.variables and self.architecture.blue_first:
            kernel = kernel[:, :, ::-1]
        bias = self.constants[f"{unit.convolution}/bias"]
        none, one = np.zeros_like(bias), np.ones_like(bias)
        self.variables |= {
            f"{unit.convolution}/kernel": kernel,
            f"{unit.convolution}/bias": none,
            f"{unit.normalisation}/gamma": one,
            f"{unit.normalisation}/beta": bias,
            f"{unit.normalisation}/moving_mean": none,
            f"{unit.normalisation}/moving_variance": one - self.architecture.epsilon,
        }
        return x

    def add(self, shortcut: str, x: str, *, relu: bool = True) -> str:
        return x

    def max_pool(self, x: str, padding: int) -> str:
        return x

    def average_pool(self, x: str) -> str:
        return x

    def concatenate(self, xs: Sequence[str]) -> str:
        return xs[0]
