"""Weights → an ONNX graph, written node by node, without Keras and TensorFlow.

uint8 [N, S, S, 3] RGB → "vectors" float32 [N, D], then one "labels_<task>" float32 [N, classes] per label task.
Preprocessing, backbone, pooling, colour histogram, parts and labels are all in the graph. Batch normalisation is
folded into the convolutions before it, and the order of the colour channels into the first one.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ml.networks import colours
from ml.spec import ModelSpec, Part
from ml.weights import INPUT, LABELS, VECTORS
from ml.weights.architectures import (
    ARCHITECTURES,
    IMAGENET_MEAN,
    LITE_MEAN,
    LITE_SCALE,
    SAME,
    Convolution,
    is_lite,
)

if TYPE_CHECKING:
    from ml.networks.nodes import Builder

GEM_EPSILON = 1e-6
UNIT_EPSILON = 1e-12
_FINEST = 5e-6  # the smallest scale of a kernel's channel, as a share of the largest


def describe(builder: "Builder", spec: ModelSpec, variables: Mapping[str, np.ndarray]) -> None:
    """Add every node and constant of a model to `builder`.

    Args:
        variables: as `ml.weights.read_variables` returns them.
    """
    pixels = builder.op("Cast", builder.op("Transpose", INPUT, perm=[0, 3, 1, 2]), to=builder.FLOAT)
    network = _Backbone(builder, spec, variables)
    feature_map = ARCHITECTURES[spec.backbone].describe(network, _preprocessed(builder, spec, pixels))
    inputs = {"pooled": _pooled(builder, spec, feature_map)}
    needed = {name for part in spec.parts for name in part.inputs}
    if "unit_pooled" in needed or not spec.parts:
        inputs["unit_pooled"] = _unit(builder, inputs["pooled"])
    if "lab_histogram" in needed:
        inputs["lab_histogram"] = _lab_histogram(builder, pixels, spec.input_size)
    sources = {"pooled": inputs["pooled"]}
    for part in spec.parts:
        sources[part.name] = _part(builder, part, inputs, variables)
    for task in spec.labels:
        scores = _dense(builder, sources[task.source], f"labels/{task.name}", variables)
        builder.op("Softmax", scores, axis=1, output=LABELS + task.name)
    if spec.parts:
        scale = builder.constant(np.float32(len(spec.parts) ** -0.5))
        moved = [_moved(builder, part, sources[part.name], variables) for part in spec.parts]
        builder.op("Mul", builder.op("Concat", *moved, axis=1), scale, output=VECTORS)
    else:
        builder.op("Identity", inputs["unit_pooled"], output=VECTORS)


def quantised_kernel(kernel: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """(int8 like `kernel`, float32 scale for each index along `axis`), symmetric, rounded to the nearest."""
    others = tuple(index for index in range(kernel.ndim) if index != axis)
    scale = np.abs(kernel).max(axis=others, keepdims=True) / 127
    # A channel of almost zeros has only a bias, which int8 convolutions count in steps of this scale, in 32 bits.
    scale = np.where(scale > 0, np.maximum(scale, scale.max() * _FINEST), 1).astype(np.float32)
    return np.rint(kernel / scale).clip(-127, 127).astype(np.int8), scale.reshape(-1)


class _Backbone:
    """Turns an architecture (`ml.weights.architectures.Network`) into ONNX nodes, channels first."""

    def __init__(self, builder: "Builder", spec: ModelSpec, variables: Mapping[str, np.ndarray]) -> None:
        self.builder = builder
        self.variables = variables
        self.architecture = ARCHITECTURES[spec.backbone]
        self.is_first = True

    def convolve(self, x: str, unit: Convolution) -> str:
        kernel, bias = folded(self.variables, unit, self.architecture.epsilon)
        if self.is_first and self.architecture.blue_first:
            kernel = kernel[:, :, ::-1]  # pictures are RGB
        self.is_first = False
        name = f"{unit.convolution}/kernel"
        if unit.depthwise:
            # Few numbers, whose rounding does not average out: in int8, the cosine falls from .9998 to .9973.
            stored = self.builder.constant(np.ascontiguousarray(kernel.transpose(2, 3, 0, 1), np.float32), name)
        else:
            stored = self.builder.kernel(kernel.transpose(3, 2, 0, 1), name, axis=0)
        inputs = [
            x,
            stored,
            self.builder.constant(bias, f"{unit.convolution}/bias"),
        ]
        x = self.builder.op(
            "Conv",
            *inputs,
            kernel_shape=list(unit.size),
            strides=[unit.stride, unit.stride],
            group=unit.filters if unit.depthwise else 1,
            **({"auto_pad": "SAME_UPPER"} if unit.padding == SAME else {"pads": [*unit.padding, *unit.padding]}),
        )
        return self._relu(x) if unit.relu else x

    def add(self, shortcut: str, x: str, *, relu: bool = True) -> str:
        added = self.builder.op("Add", x, shortcut)
        return self._relu(added) if relu else added

    def _relu(self, x: str) -> str:
        if self.architecture.ceiling is None:
            return self.builder.op("Relu", x)
        limits = (self.builder.constant(np.float32(limit)) for limit in (0, self.architecture.ceiling))
        return self.builder.op("Clip", x, *limits)

    def max_pool(self, x: str, padding: int) -> str:
        return self.builder.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[padding] * 4)

    def average_pool(self, x: str) -> str:
        return self.builder.op("AveragePool", x, kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=0)

    def concatenate(self, xs: Sequence[str]) -> str:
        return self.builder.op("Concat", *xs, axis=1)


def folded(variables: Mapping[str, np.ndarray], unit: Convolution, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Kernel [h, w, in, out] and bias [out] that are equivalent to a convolution with its batch normalisation; a
    depthwise kernel is [h, w, channels, 1]."""
    bias = variables.get(f"{unit.convolution}/bias", np.float32(0))
    gamma, beta, mean, variance = (
        variables.get(f"{unit.normalisation}/{name}", np.float32(1)).astype(np.float64)
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + epsilon)
    # The outputs are the last axis; of a depthwise kernel, the one before it.
    of_outputs = scale.astype(np.float32)[:, None] if unit.depthwise else scale.astype(np.float32)
    kernel = variables[f"{unit.convolution}/kernel"] * of_outputs
    return kernel, ((bias - mean) * scale + beta).astype(np.float32)


def _preprocessed(builder: "Builder", spec: ModelSpec, pixels: str) -> str:
    if spec.backbone == "inception_v3":  # to -1 … 1
        scaled = builder.op("Mul", pixels, builder.constant(np.float32(1 / 127.5)))
        return builder.op("Sub", scaled, builder.constant(np.float32(1)))
    if is_lite(spec.backbone):
        centred = builder.op("Sub", pixels, builder.constant(np.float32(LITE_MEAN)))
        return builder.op("Mul", centred, builder.constant(np.float32(1 / LITE_SCALE)))
    return builder.op("Sub", pixels, builder.constant(np.array(IMAGENET_MEAN, np.float32).reshape(1, 3, 1, 1)))


def _pooled(builder: "Builder", spec: ModelSpec, feature_map: str) -> str:
    if spec.pooling == "max":
        return builder.op("Flatten", builder.op("GlobalMaxPool", feature_map))
    if spec.pooling == "avg":
        return builder.op("Flatten", builder.op("GlobalAveragePool", feature_map))
    positive = builder.op("Max", feature_map, builder.constant(np.float32(GEM_EPSILON)))
    cubes = builder.op("Mul", positive, builder.op("Mul", positive, positive))
    mean = builder.op("Flatten", builder.op("GlobalAveragePool", cubes))
    return builder.op("Pow", mean, builder.constant(np.float32(1 / 3)))


def _part(builder: "Builder", part: Part, inputs: Mapping[str, str], variables: Mapping[str, np.ndarray]) -> str:
    x = (
        inputs[part.inputs[0]]
        if len(part.inputs) == 1
        else builder.op("Concat", *(inputs[name] for name in part.inputs), axis=1)
    )
    return _unit(builder, _dense(builder, x, f"head/{part.name}", variables) if part.linear else x)


def _moved(builder: "Builder", part: Part, x: str, variables: Mapping[str, np.ndarray]) -> str:
    """A part, moved towards the directions of its classes."""
    if not part.towards:
        return x
    for task, weight in part.towards:
        kernel = f"labels/{task}/kernel"
        steps = weight / np.maximum(np.linalg.norm(variables[kernel], axis=0), UNIT_EPSILON)
        shares = builder.op("Mul", LABELS + task, builder.constant(steps.astype(np.float32)))
        x = builder.op("Gemm", shares, kernel, x, transB=1)
    return _unit(builder, x)


def _dense(builder: "Builder", x: str, path: str, variables: Mapping[str, np.ndarray]) -> str:
    kernel = builder.kernel(variables[f"{path}/kernel"], f"{path}/kernel", axis=1)
    return builder.op("Gemm", x, kernel, builder.constant(variables[f"{path}/bias"], f"{path}/bias"))


def _unit(builder: "Builder", x: str) -> str:
    squares = builder.op("ReduceSum", builder.op("Mul", x, x), builder.constant(np.array([1])), keepdims=1)
    length = builder.op("Sqrt", builder.op("Max", squares, builder.constant(np.float32(UNIT_EPSILON))))
    return builder.op("Div", x, length)


def _lab_histogram(builder: "Builder", pixels: str, size: int) -> str:
    """`ml.networks.colours.lab_histogram`, step by step; `pixels` is float [N, 3, S, S], 0 … 255."""

    def number(value: float) -> str:
        return builder.constant(np.float32(value))

    op, half = builder.op, size // 2
    pooled = op("AveragePool", pixels, kernel_shape=[2, 2], strides=[2, 2])
    flat = op("Reshape", pooled, builder.constant(np.array([0, 3, half * half])))
    rgb = op("Mul", op("Transpose", flat, perm=[0, 2, 1]), number(1 / 255))  # [N, pixels, 3]
    third, second, first = map(number, colours.GAMMA)
    linear = op("Add", op("Mul", op("Add", op("Mul", rgb, third), second), rgb), first)
    xyz = op("MatMul", op("Mul", linear, rgb), builder.constant(np.ascontiguousarray(colours.XYZ.T)))
    line = op("Add", op("Mul", xyz, number(colours.SLOPE)), number(colours.INTERCEPT))
    is_dark = op("Less", xyz, number(colours.THRESHOLD))
    roots = op("Where", is_dark, line, op("Pow", op("Max", xyz, number(0)), number(1 / 3)))
    lab = op("MatMul", roots, builder.constant(np.ascontiguousarray(colours.LAB.T)))
    lab = op("Add", lab, builder.constant(colours.LAB_OFFSET))
    from_white = op("Sub", lab, builder.constant(np.array([100, 0, 0], np.float32)))
    squares = op("ReduceSum", op("Mul", from_white, from_white), builder.constant(np.array([2])), keepdims=0)
    ramp = op("Sub", op("Sqrt", squares), number(colours.NEAR_WHITE))
    ramp = op("Mul", ramp, number(1 / (colours.FAR_FROM_WHITE - colours.NEAR_WHITE)))
    seen = op("Add", op("Clip", ramp, number(0), number(1)), number(colours.FLOOR))
    weight = op("Mul", seen, builder.constant(colours.centre_weight(half)))  # [N, pixels]
    closeness = op("MatMul", lab, builder.constant((colours.PALETTE.T / colours.SIGMA**2).astype(np.float32)))
    shares = op("Softmax", op("Sub", closeness, builder.constant(colours.closeness_offset())), axis=2)
    summed = op("MatMul", op("Unsqueeze", weight, builder.constant(np.array([1]))), shares)  # [N, 1, 64]
    return _unit(builder, op("Sqrt", op("Squeeze", summed, builder.constant(np.array([1])))))
