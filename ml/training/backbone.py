"""Backbones for fine-tuning, made from the descriptions of `ml.weights.architectures`.

On a processor, batch norm is folded into the convolutions: in fine-tuning its statistics are fixed, so each batch norm
is a scale and a shift. This makes a step 1.6 times as fast (PyTorch, 2 cores, 80 px: 45 against 28 images/s). A long
training on a GPU keeps the batch norms and trains them too, which allows larger steps.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from ml.networks.backbones import preprocess
from ml.networks.graph import folded
from ml.weights import layout
from ml.weights.architectures import (
    ARCHITECTURES,
    SAME,
    Architecture,
    Convolution,
)

SPREAD = 0.05  # standard deviation of every kernel at the start of a training; see `Scaled`
MOMENTUM = 0.99  # of the statistics of trained batch norms
HALF = "bfloat16"


def convolutions(backbone: str) -> list[Convolution]:
    """The convolutions of a backbone, in order."""
    collector = _Collector()
    ARCHITECTURES[backbone].describe(collector, None)
    return collector.found


def fold(variables: Mapping[str, np.ndarray], backbone: str = "resnet50") -> dict[str, np.ndarray]:
    """Kernels and biases with which a convolution does the work of convolution and batch norm."""
    found = {}
    for unit in convolutions(backbone):
        kernel, bias = folded(variables, unit, ARCHITECTURES[backbone].epsilon)
        found[f"{unit.convolution}/kernel"] = kernel.astype(np.float32)
        found[f"{unit.convolution}/bias"] = bias
    return found


def unfold(kernels: Mapping[str, np.ndarray], backbone: str = "resnet50") -> dict[str, np.ndarray]:
    """All variables of `ml.weights.layout.variable_shapes`, with batch norms that only add the bias."""
    architecture = ARCHITECTURES[backbone]
    neutral = {"gamma": 1.0, "beta": 0.0, "bias": 0.0, "moving_mean": 0.0, "moving_variance": 1 - architecture.epsilon}
    shapes = layout.variable_shapes(backbone)
    variables = {
        path: kernels[path] if path in kernels else np.full(shape, neutral[path.rsplit("/", 1)[1]], np.float32)
        for path, shape in shapes.items()
    }
    if not architecture.bias:
        for unit in convolutions(backbone):
            variables[f"{unit.normalisation}/beta"] = kernels[f"{unit.convolution}/bias"]
    return variables


def build(pictures: Any, variables: Mapping[str, np.ndarray], backbone: str, *, norms: bool, half: bool) -> Any:
    """uint8 [N, S, S, 3] → the last feature map.

    Args:
        norms: keep the batch norms, and train them; else fold them into the convolutions.
        half: compute in bfloat16; variables stay float32.
    """
    architecture = ARCHITECTURES[backbone]
    builder = _Builder(architecture, variables, norms=norms, dtype=f"mixed_{HALF}" if half else "float32")
    inputs = preprocess(pictures, backbone)
    if keras.config.image_data_format() == "channels_first":
        inputs = ops.transpose(inputs, (0, 3, 1, 2))
    feature_map = architecture.describe(builder, inputs)
    builder.assign()
    return feature_map


def layers_of(model: "keras.Model") -> list[Any]:
    """The layers with the variables of the backbone: convolutions, and batch norms if they were kept."""
    return [layer for layer in model.layers if isinstance(layer, Scaled | Norm)]


def gains_of(model: "keras.Model") -> dict[str, float]:
    """Gain by convolution; see `Scaled`."""
    return {layer.name: layer.gain for layer in model.layers if isinstance(layer, Scaled)}


def to_variables(weights: Mapping[str, np.ndarray], gains: Mapping[str, float], backbone: str) -> dict[str, np.ndarray]:
    """The trained layers → the variables of the backbone in a weights file.

    Args:
        weights: `<layer>/<variable>` → array.
    """
    kernels = {f"{name}/kernel": weights[f"{name}/kernel"] * gain for name, gain in gains.items()}
    units = convolutions(backbone)
    if f"{units[0].normalisation}/gamma" not in weights and f"{units[0].normalisation}/beta" not in weights:
        return unfold(kernels | {f"{name}/bias": weights[f"{name}/bias"] for name in gains}, backbone)
    return {
        path: kernels[path] if path in kernels else weights.get(path, np.zeros(shape, np.float32))
        for path, shape in layout.variable_shapes(backbone).items()
    }


def revive_norms(model: "keras.Model", pictures: Sequence[np.ndarray]) -> None:
    """Give batch norms that do nothing the statistics of their inputs, without changing what the network computes.

    A network that was trained with folded batch norms has none to train. After this it has.

    Args:
        pictures: batches, uint8 [n, S, S, 3].
    """
    norms = [layer for layer in model.layers if isinstance(layer, Norm)]
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {norm.name: [] for norm in norms}
    probe = keras.Model(model.inputs, [_moments(norm) for norm in norms])
    for batch in pictures:
        for norm, value in zip(norms, probe.predict_on_batch(batch), strict=True):
            found[norm.name].append((value[0], value[1]))
    for norm in norms:
        mean = np.mean([mean for mean, _ in found[norm.name]], axis=0)
        square = np.mean([square for _, square in found[norm.name]], axis=0)
        norm.revive(mean, np.maximum(square - mean**2, 0.0))


def has_idle_norms(variables: Mapping[str, np.ndarray], backbone: str) -> bool:
    """Whether the batch norms of a weights file only add a bias, as `unfold` writes them."""
    norms = [unit.normalisation for unit in convolutions(backbone)]
    return not any(np.any(variables[f"{norm}/moving_mean"]) for norm in norms)


def _moments(norm: "Norm") -> Any:
    """The mean and the mean square of a batch norm's input, by channel: [2, C]."""
    x = ops.cast(norm.input, "float32")
    axes = tuple(axis for axis in range(4) if axis != norm.axis % 4)
    return ops.stack([ops.mean(x, axis=axes), ops.mean(ops.square(x), axis=axes)])


class _Collector:
    """Lists the convolutions of a description (an `ml.weights.architectures.Network`)."""

    def __init__(self) -> None:
        self.found: list[Convolution] = []

    def convolve(self, x: Any, unit: Convolution) -> Any:
        self.found.append(unit)
        return x

    def add(self, shortcut: Any, x: Any, *, relu: bool = True) -> Any:
        return x

    def max_pool(self, x: Any, padding: int) -> Any:
        return x

    def average_pool(self, x: Any) -> Any:
        return x

    def concatenate(self, xs: Sequence[Any]) -> Any:
        return xs[0]


class _Builder:
    """Makes Keras layers of a description (an `ml.weights.architectures.Network`)."""

    def __init__(
        self, architecture: Architecture, variables: Mapping[str, np.ndarray], *, norms: bool, dtype: str
    ) -> None:
        self.architecture = architecture
        self.variables = variables
        self.norms = norms
        self.dtype = dtype
        self.made: list[Callable[[], None]] = []

    def assign(self) -> None:
        """Give the layers their variables, once they are all built."""
        for start in self.made:
            start()

    def convolve(self, x: Any, unit: Convolution) -> Any:
        x, padding = self._padded(x, unit)
        options = {"strides": unit.stride, "padding": padding, "use_bias": not self.norms, "dtype": self.dtype}
        layer: Any
        if unit.depthwise:
            layer = DepthwiseConvolution(unit.size, name=unit.convolution, **options)
        else:
            layer = FullConvolution(unit.filters, unit.size, name=unit.convolution, **options)
        x = layer(x)
        if self.norms:
            axis = 1 if keras.config.image_data_format() == "channels_first" else -1
            norm = Norm(
                axis=axis,
                epsilon=self.architecture.epsilon,
                momentum=MOMENTUM,
                scale=self.architecture.scale,
                name=unit.normalisation,
                dtype=self.dtype,
                autocast=False,  # its variables stay float32
            )
            x = norm(x)
            self.made.append(lambda: self._start_with_norm(layer, norm, unit))
        else:
            self.made.append(lambda: layer.start_from(*folded(self.variables, unit, self.architecture.epsilon)))
        return self._relu(x) if unit.relu else x

    def add(self, shortcut: Any, x: Any, *, relu: bool = True) -> Any:
        added = layers.Add(dtype=self.dtype)([shortcut, x])
        return self._relu(added) if relu else added

    def max_pool(self, x: Any, padding: int) -> Any:
        # Everything pooled comes from a ReLU, so a zero never wins.
        return layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(padding)(x) if padding else x)

    def average_pool(self, x: Any) -> Any:
        return layers.AveragePooling2D(3, 1, padding="same")(x)

    def concatenate(self, xs: Sequence[Any]) -> Any:
        axis = 1 if keras.config.image_data_format() == "channels_first" else -1
        return layers.Concatenate(axis=axis, dtype=self.dtype)(list(xs))

    def _relu(self, x: Any) -> Any:
        return layers.ReLU(max_value=self.architecture.ceiling, dtype=self.dtype)(x)

    def _padded(self, x: Any, unit: Convolution) -> tuple[Any, str]:
        if unit.padding == SAME or (unit.stride == 1 and unit.padding == tuple(side // 2 for side in unit.size)):
            return x, "same"
        if any(unit.padding):
            x = layers.ZeroPadding2D(unit.padding, dtype=self.dtype)(x)
        return x, "valid"

    def _start_with_norm(self, layer: "Scaled", norm: "Norm", unit: Convolution) -> None:
        kernel = self.variables[f"{unit.convolution}/kernel"]
        layer.start_from(kernel, None)
        found = {
            name: self.variables[f"{unit.normalisation}/{name}"]
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
            if f"{unit.normalisation}/{name}" in self.variables
        }
        bias = self.variables.get(f"{unit.convolution}/bias", np.float32(0))
        norm.start_from(found | {"moving_mean": found["moving_mean"] - bias})


class Scaled(layers.Layer):
    """A convolution that stores kernel / gain, so that all kernels have the same spread.

    Batch norm makes the scale of a kernel meaningless. Once it is folded in, spreads range from .0007 (the first layer,
    with inputs up to ±128) to .1, while every step of Adam is about as long as the learning rate: a single step would
    turn some kernels into noise and hardly change others.
    """

    gain = 1.0

    def start_from(self, kernel: np.ndarray, bias: np.ndarray | None) -> None:
        self.gain = max(float(kernel.std()), 1e-8) / SPREAD
        self.kernel.assign(kernel / self.gain)
        if bias is not None:
            self.bias.assign(bias)


class FullConvolution(layers.Conv2D, Scaled):
    """Every output reads every input."""

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        return super().convolution_op(inputs, kernel * self.gain)


class DepthwiseConvolution(layers.DepthwiseConv2D, Scaled):
    """Every output reads its own input."""

    def call(self, inputs: Any) -> Any:
        strides = tuple(self.strides)
        outputs = ops.depthwise_conv(
            inputs, self.kernel * self.gain, strides=strides, padding=self.padding, data_format=self.data_format
        )
        if not self.use_bias:
            return outputs
        shape = (1, -1, 1, 1) if self.data_format == "channels_first" else (1, 1, 1, -1)
        return outputs + ops.reshape(self.bias, shape)


class Norm(layers.BatchNormalization):
    """Batch norm; on PyTorch, with its own operation instead of Keras's chain of smaller ones."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if keras.backend.backend() != "torch" or self.axis != 1 or not self.scale:
            return super().call(inputs, training=training, mask=mask)
        import torch  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415 (only where Keras runs on it)

        if keras.backend.is_keras_tensor(inputs) or inputs.device.type == "meta":
            return super().call(inputs, training=training, mask=mask)
        return torch.nn.functional.batch_norm(
            inputs,
            self.moving_mean.value,
            self.moving_variance.value,
            self.gamma.value,
            self.beta.value,
            training=bool(training and self.trainable),
            momentum=1 - self.momentum,
            eps=self.epsilon,
        )

    def start_from(self, variables: Mapping[str, np.ndarray]) -> None:
        for name, value in variables.items():
            getattr(self, name).assign(value)

    def revive(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Statistics for a batch norm that only adds a bias, so that it still does just that."""
        self.beta.assign(ops.convert_to_numpy(self.beta.value) + mean)
        if self.scale:
            self.gamma.assign(np.sqrt(variance + self.epsilon))
        self.moving_mean.assign(mean)
        self.moving_variance.assign(variance)
