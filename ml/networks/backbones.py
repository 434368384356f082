"""Weights → a Keras network: uint8 pictures in, unit vectors and probabilities out.

The reference for the ONNX graph (`ml.networks.graph`), made of `keras.applications` and plain Keras layers and
operations, on any backend of Keras. Imports Keras, so import this module only where a network is built.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ml.networks import colours
from ml.networks.graph import GEM_EPSILON, UNIT_EPSILON
from ml.spec import ModelSpec, Part
from ml.weights import LABELS, VECTORS, Weights, read_variables
from ml.weights.architectures import (
    ARCHITECTURES,
    IMAGENET_MEAN,
    LITE_MEAN,
    LITE_SCALE,
    Architecture,
    Convolution,
    is_lite,
)
from ml.weights.layout import variable_shapes


def build(weights: Weights) -> keras.Model:
    """The network from pixels to vector, as one Keras model of plain layers and operations.

    Args:
        weights: as `ml.weights.resolve` returns them.

    Returns:
        A model uint8 [N, S, S, 3] RGB → vectors float32 [N, D], each row of length 1; for a model with labels a list:
        the vectors, then for each label task probabilities float32 [N, classes].

    Raises:
        WeightsError: the file is missing, damaged or for another network.
    """
    spec, variables = weights.spec, read_variables(weights)
    pictures = keras.Input((spec.input_size, spec.input_size, 3), dtype="uint8", name="pictures")
    core = backbone(spec, variables)
    pooled = pool(core(preprocess(pictures, spec.backbone)), spec.pooling)
    inputs = {"pooled": pooled, "unit_pooled": unit(pooled)}
    if any("lab_histogram" in part.inputs for part in spec.parts):
        inputs["lab_histogram"] = lab_histogram(pictures)
    sources = {"pooled": pooled} | {part.name: _part(part, inputs, variables) for part in spec.parts}
    labels = {}
    for task in spec.labels:
        scores = _dense(sources[task.source], f"labels/{task.name}", variables)
        labels[task.name] = layers.Softmax(name=LABELS + task.name)(scores)
    scale = len(spec.parts) ** -0.5 if spec.parts else 1.0
    parts = [_moved(part, sources[part.name], labels, variables) * scale for part in spec.parts]
    vectors = layers.Identity(name=VECTORS)(ops.concatenate(parts or [inputs["unit_pooled"]], axis=-1))
    model = keras.Model(pictures, [vectors, *labels.values()], name=spec.backbone)
    model.trainable = False
    return model


def backbone(spec: ModelSpec, variables: Mapping[str, np.ndarray]) -> keras.Model:
    """The network without its top, float32 [N, S, S, 3] preprocessed → its last feature map: that of
    `keras.applications`, or Keras layers for a network that Keras does not have."""
    if is_lite(spec.backbone):
        return _lite(spec, variables)
    networks = {"resnet50": keras.applications.ResNet50, "inception_v3": keras.applications.InceptionV3}
    core = networks[spec.backbone](
        include_top=False, weights=None, input_shape=(spec.input_size, spec.input_size, 3), pooling=None
    )
    named = {layer.name: layer for layer in core.layers if layer.weights}
    if spec.backbone == "inception_v3":  # Keras continues to number layers from one network to the next
        named = _numbered_from_zero(named)
    for path in variable_shapes(spec.backbone):
        layer, name = path.split("/")
        next(variable for variable in named[layer].weights if variable.name == name).assign(variables[path])
    return core


def _lite(spec: ModelSpec, variables: Mapping[str, np.ndarray]) -> keras.Model:
    architecture = ARCHITECTURES[spec.backbone]
    pictures = keras.Input((spec.input_size, spec.input_size, 3))
    core = keras.Model(pictures, architecture.describe(_KerasLayers(architecture), pictures))
    for layer in core.layers:
        for variable in layer.weights:
            variable.assign(variables[f"{layer.name}/{variable.name}"])
    return core


class _KerasLayers:
    """Makes the layers of an EfficientNet-Lite, a `ml.weights.architectures.Network` that only convolves and adds."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture

    def convolve(self, x: Any, unit: Convolution) -> Any:
        options = {"strides": unit.stride, "padding": "same", "use_bias": False, "name": unit.convolution}
        layer = (
            layers.DepthwiseConv2D(unit.size, **options)
            if unit.depthwise
            else layers.Conv2D(unit.filters, unit.size, **options)
        )
        x = layers.BatchNormalization(epsilon=self.architecture.epsilon, name=unit.normalisation)(layer(x))
        return layers.ReLU(self.architecture.ceiling)(x) if unit.relu else x

    def add(self, shortcut: Any, x: Any, *, relu: bool = True) -> Any:
        return layers.Add()([shortcut, x])

    def max_pool(self, x: Any, padding: int) -> Any:
        raise NotImplementedError

    def average_pool(self, x: Any) -> Any:
        raise NotImplementedError

    def concatenate(self, xs: Sequence[Any]) -> Any:
        raise NotImplementedError


def preprocess(pictures: Any, name: str) -> Any:
    """uint8 RGB → float32 as `preprocess_input` of `keras.applications.resnet50` or `.inception_v3` makes it, or as
    EfficientNet-Lite was trained."""
    if name == "inception_v3":
        return layers.Rescaling(1 / 127.5, offset=-1.0, name="to_plus_minus_one")(pictures)
    if is_lite(name):
        return layers.Rescaling(1 / LITE_SCALE, offset=-LITE_MEAN / LITE_SCALE, name="to_about_one")(pictures)
    bgr = ops.take(ops.cast(pictures, "float32"), [2, 1, 0], axis=-1)
    return layers.Rescaling(1.0, offset=[-mean for mean in reversed(IMAGENET_MEAN)], name="minus_mean")(bgr)


def pool(feature_map: Any, pooling: str) -> Any:
    """[N, H, W, C] → [N, C]; `pooling` as in `ml.spec.ModelSpec`."""
    if pooling == "max":
        return ops.max(feature_map, axis=(1, 2))
    if pooling == "avg":
        return ops.mean(feature_map, axis=(1, 2))
    positive = ops.maximum(feature_map, GEM_EPSILON)
    return ops.power(ops.mean(positive * positive * positive, axis=(1, 2)), 1 / 3)


def unit(x: Any) -> Any:
    """[N, D] → rows of length 1."""
    return x / ops.sqrt(ops.maximum(ops.sum(x * x, axis=-1, keepdims=True), UNIT_EPSILON))


def lab_histogram(pictures: Any) -> Any:
    """`ml.networks.colours.lab_histogram` as Keras operations: uint8 [N, S, S, 3] → float32 [N, 64].

    Constants are added and multiplied by operations of Keras, which put them on the device of the pictures.
    """
    half = ops.shape(pictures)[1] // 2
    pixels = ops.cast(pictures, "float32")
    pooled = ops.average_pool(pixels, 2, strides=2, data_format="channels_last")
    rgb = ops.reshape(pooled, (-1, half * half, 3)) / 255
    third, second, first = colours.GAMMA
    linear = rgb * (rgb * (rgb * third + second) + first)
    xyz = ops.matmul(linear, colours.XYZ.T)
    line = xyz * colours.SLOPE + colours.INTERCEPT
    roots = ops.where(xyz < colours.THRESHOLD, line, ops.power(ops.maximum(xyz, colours.THRESHOLD), 1 / 3))
    lab = ops.add(ops.matmul(roots, colours.LAB.T), colours.LAB_OFFSET)
    distance = ops.sqrt(ops.sum(ops.square(ops.subtract(lab, np.array([100, 0, 0], np.float32))), axis=-1))
    ramp = (distance - colours.NEAR_WHITE) / (colours.FAR_FROM_WHITE - colours.NEAR_WHITE)
    weight = ops.multiply(ops.clip(ramp, 0, 1) + colours.FLOOR, _centre_weight(half))
    closeness = ops.matmul(lab, (colours.PALETTE.T / colours.SIGMA**2).astype(np.float32))
    shares = ops.softmax(ops.subtract(closeness, colours.closeness_offset()), axis=-1)
    return unit(ops.sqrt(ops.sum(ops.expand_dims(weight, -1) * shares, axis=1)))


def _centre_weight(half: Any) -> Any:
    """`ml.networks.colours.centre_weight`, also for a size that is known only when the network runs."""
    if isinstance(half, int):
        return colours.centre_weight(half)
    line = ops.square(2 * ops.cast(ops.arange(half), "float32") / ops.cast(half - 1, "float32") - 1)
    return ops.reshape(ops.exp(-colours.CENTRE * (line[:, None] + line[None])), (-1,))


def _numbered_from_zero(layers: Mapping[str, Any]) -> dict[str, Any]:
    """conv2d_94, conv2d_95, … → conv2d, conv2d_1, …, in the order in which the layers were made."""
    renamed = {}
    for kind in ("conv2d", "batch_normalization"):
        numbers = {int(name[len(kind) + 1 :] or 0): layer for name, layer in layers.items() if name.startswith(kind)}
        for index, number in enumerate(sorted(numbers)):
            renamed[f"{kind}_{index}" if index else kind] = numbers[number]
    return renamed


def _part(part: Part, inputs: Mapping[str, Any], variables: Mapping[str, np.ndarray]) -> Any:
    x = ops.concatenate([inputs[name] for name in part.inputs], axis=-1)
    return unit(_dense(x, f"head/{part.name}", variables) if part.linear else x)


def _moved(part: Part, x: Any, labels: Mapping[str, Any], variables: Mapping[str, np.ndarray]) -> Any:
    """A part, moved towards the directions of its classes."""
    if not part.towards:
        return x
    for task, weight in part.towards:
        kernel = variables[f"labels/{task}/kernel"]
        directions = kernel / np.maximum(np.linalg.norm(kernel, axis=0), UNIT_EPSILON)
        x = x + weight * ops.matmul(labels[task], directions.T)
    return unit(x)


def _dense(x: Any, path: str, variables: Mapping[str, np.ndarray]) -> Any:
    kernel = variables[f"{path}/kernel"]
    layer = layers.Dense(kernel.shape[1], name=path.replace("/", "_") + "_scores")
    scores = layer(x)
    layer.set_weights([kernel, variables[f"{path}/bias"]])
    return scores
