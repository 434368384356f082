"""The architectures, each described once for the layout of weights files and for the ONNX graph.

A description is a function that calls a `Network` for every operation, in the order in which Keras makes its layers.
The `Network` decides what `x` is, for example a shape or the name of a tensor. Tests check ResNet50 and InceptionV3
against `keras.applications`, layer by layer and number by number.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: Mean of ImageNet's red, green and blue, 0 … 255: Keras's "caffe" preprocessing, which ResNet50 v1 was trained with.
IMAGENET_MEAN = (123.68, 116.779, 103.939)
#: A picture of 0 … 255 becomes (picture - mean) / scale: EfficientNet-Lite's preprocessing.
LITE_MEAN, LITE_SCALE = 127.0, 128.0
SAME = "same"  # padding as TensorFlow pads: the output has ⌈size / stride⌉ pixels, an odd pixel is added at the end


@dataclass(frozen=True)
class Convolution:
    """A convolution with its batch normalisation and, mostly, a ReLU.

    Attributes:
        convolution: Keras's name of the convolution, e.g. "conv1_conv"; its batch normalisation is
            `normalisation`.
        size: of the kernel, (height, width).
        padding: on every side, (vertical, horizontal), with zeros; or `SAME`.
        depthwise: each channel is convolved alone, with its own kernel; `filters` is the number of channels.
    """

    convolution: str
    normalisation: str
    filters: int
    size: tuple[int, int]
    stride: int = 1
    padding: tuple[int, int] | str = (0, 0)
    relu: bool = True
    depthwise: bool = False


class Network(Protocol):
    """The receiver of a description."""

    def convolve(self, x: Any, unit: Convolution) -> Any: ...

    def add(self, shortcut: Any, x: Any, *, relu: bool = True) -> Any:
        """The sum of both, then mostly ReLU."""
        ...

    def max_pool(self, x: Any, padding: int) -> Any:
        """3 × 3, every second pixel; padding never wins."""
        ...

    def average_pool(self, x: Any) -> Any:
        """3 × 3 around every pixel; pixels outside do not count."""
        ...

    def concatenate(self, xs: Sequence[Any]) -> Any: ...


@dataclass(frozen=True)
class Architecture:
    """A backbone without its top.

    Attributes:
        title: the name for people.
        describe: describes the network from the preprocessed picture to the last feature map.
        bias: whether convolutions have a bias in addition to the batch normalisation.
        scale: whether batch normalisation has a gamma.
        epsilon: of batch normalisation.
        blue_first: trained on pictures in BGR.
        ceiling: largest value that a ReLU lets through; None for no limit.
    """

    title: str
    describe: Callable[[Network, Any], Any]
    bias: bool
    scale: bool
    epsilon: float
    blue_first: bool
    ceiling: float | None = None


# (stage, filters, residual blocks), from Keras's applications/resnet.py, ResNet50.
_STAGES = (("conv2", 64, 3), ("conv3", 128, 4), ("conv4", 256, 6), ("conv5", 512, 3))


def _resnet50(network: Network, x: Any) -> Any:
    def unit(name: str, filters: int, size: int, *, stride: int = 1, relu: bool = True) -> Convolution:
        padding = (size // 2, size // 2)
        return Convolution(f"{name}_conv", f"{name}_bn", filters, (size, size), stride, padding, relu)

    x = network.convolve(x, unit("conv1", 64, 7, stride=2))
    x = network.max_pool(x, padding=1)
    for stage, filters, blocks in _STAGES:
        for number in range(1, blocks + 1):
            block = f"{stage}_block{number}"
            # Version 1 has the stride in the first 1 × 1 convolution.
            stride = 2 if number == 1 and stage != "conv2" else 1
            shortcut = x
            if number == 1:
                shortcut = network.convolve(x, unit(f"{block}_0", 4 * filters, 1, stride=stride, relu=False))
            x = network.convolve(x, unit(f"{block}_1", filters, 1, stride=stride))
            x = network.convolve(x, unit(f"{block}_2", filters, 3))
            x = network.convolve(x, unit(f"{block}_3", 4 * filters, 1, relu=False))
            x = network.add(shortcut, x)
    return x


class _Inception:
    """Describes Keras's applications/inception_v3.py to a network, with Keras's numbers of layers."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.count = 0

    def conv(self, x: Any, filters: int, height: int, width: int, *, stride: int = 1, same: bool = True) -> Any:
        suffix = f"_{self.count}" if self.count else ""
        self.count += 1
        padding = (height // 2, width // 2) if same else (0, 0)
        unit = Convolution(f"conv2d{suffix}", f"batch_normalization{suffix}", filters, (height, width), stride, padding)
        return self.network.convolve(x, unit)

    def chain(self, x: Any, *layers: tuple[int, int, int]) -> Any:
        for filters, height, width in layers:
            x = self.conv(x, filters, height, width)
        return x

    def pool_branch(self, x: Any, filters: int) -> Any:
        return self.conv(self.network.average_pool(x), filters, 1, 1)

    def describe(self, x: Any) -> Any:
        network = self.network
        x = self.conv(x, 32, 3, 3, stride=2, same=False)
        x = self.conv(x, 32, 3, 3, same=False)
        x = self.conv(x, 64, 3, 3)
        x = network.max_pool(x, padding=0)
        x = self.conv(x, 80, 1, 1, same=False)
        x = self.conv(x, 192, 3, 3, same=False)
        x = network.max_pool(x, padding=0)
        for pooled in (32, 64, 64):  # mixed0 to mixed2
            x = network.concatenate(
                [
                    self.chain(x, (64, 1, 1)),
                    self.chain(x, (48, 1, 1), (64, 5, 5)),
                    self.chain(x, (64, 1, 1), (96, 3, 3), (96, 3, 3)),
                    self.pool_branch(x, pooled),
                ]
            )
        x = network.concatenate(  # mixed3
            [
                self.conv(x, 384, 3, 3, stride=2, same=False),
                self.conv(self.chain(x, (64, 1, 1), (96, 3, 3)), 96, 3, 3, stride=2, same=False),
                network.max_pool(x, padding=0),
            ]
        )
        for n in (128, 160, 160, 192):  # mixed4 to mixed7
            x = network.concatenate(
                [
                    self.chain(x, (192, 1, 1)),
                    self.chain(x, (n, 1, 1), (n, 1, 7), (192, 7, 1)),
                    self.chain(x, (n, 1, 1), (n, 7, 1), (n, 1, 7), (n, 7, 1), (192, 1, 7)),
                    self.pool_branch(x, 192),
                ]
            )
        x = network.concatenate(  # mixed8
            [
                self.conv(self.chain(x, (192, 1, 1)), 320, 3, 3, stride=2, same=False),
                self.conv(self.chain(x, (192, 1, 1), (192, 1, 7), (192, 7, 1)), 192, 3, 3, stride=2, same=False),
                network.max_pool(x, padding=0),
            ]
        )
        for _ in range(2):  # mixed9, mixed10
            single = self.chain(x, (320, 1, 1))
            fork = self.chain(x, (384, 1, 1))
            fork = network.concatenate([self.chain(fork, (384, 1, 3)), self.chain(fork, (384, 3, 1))])
            double = self.chain(x, (448, 1, 1), (384, 3, 3))
            double = network.concatenate([self.chain(double, (384, 1, 3)), self.chain(double, (384, 3, 1))])
            x = network.concatenate([single, fork, double, self.pool_branch(x, 192)])
        return x


def _inception_v3(network: Network, x: Any) -> Any:
    return _Inception(network).describe(x)


# (blocks, kernel, stride, expansion, filters) of EfficientNet-Lite0, from efficientnet_lite_builder.py of TensorFlow's
# tpu repository; the larger ones multiply blocks and filters.
_LITE_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_LITE_STEM, _LITE_HEAD = 32, 1280  # filters, the same in all sizes


def _efficientnet_lite(width: float, depth: float) -> Callable[[Network, Any], Any]:
    def describe(network: Network, x: Any) -> Any:
        def unit(name: str, filters: int, size: int, *, stride: int = 1, **options: bool) -> Convolution:
            return Convolution(f"{name}_conv", f"{name}_bn", filters, (size, size), stride, SAME, **options)

        x = network.convolve(x, unit("stem", _LITE_STEM, 3, stride=2))
        channels, number = _LITE_STEM, 0
        for place, (blocks, size, first_stride, expansion, filters) in enumerate(_LITE_STAGES):
            wide = _in_eights(filters * width)
            # The first and the last stage are equally deep in all sizes.
            repeats = blocks if place in (0, len(_LITE_STAGES) - 1) else math.ceil(blocks * depth)
            for stride in (first_stride, *[1] * (repeats - 1)):
                block, shortcut = f"block{number}", x
                if expansion > 1:
                    x = network.convolve(x, unit(f"{block}_expand", channels * expansion, 1))
                x = network.convolve(
                    x, unit(f"{block}_depthwise", channels * expansion, size, stride=stride, depthwise=True)
                )
                x = network.convolve(x, unit(f"{block}_project", wide, 1, relu=False))
                if stride == 1 and channels == wide:
                    x = network.add(shortcut, x, relu=False)
                channels, number = wide, number + 1
        return network.convolve(x, unit("head", _LITE_HEAD, 1))

    return describe


def is_lite(backbone: str) -> bool:
    """Whether a key of `ARCHITECTURES` is an EfficientNet-Lite."""
    return backbone.startswith("efficientnet_lite")


def _in_eights(filters: float) -> int:
    """The nearest multiple of 8 that is not smaller by more than a tenth."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def _lite(name: str, width: float, depth: float) -> Architecture:
    description = _efficientnet_lite(width, depth)
    return Architecture(name, description, bias=False, scale=True, epsilon=1e-3, blue_first=False, ceiling=6.0)


ARCHITECTURES = {
    "resnet50": Architecture("ResNet50", _resnet50, bias=True, scale=True, epsilon=1.001e-5, blue_first=True),
    "inception_v3": Architecture("InceptionV3", _inception_v3, bias=False, scale=False, epsilon=1e-3, blue_first=False),
    "efficientnet_lite0": _lite("EfficientNet-Lite0", width=1.0, depth=1.0),
    "efficientnet_lite2": _lite("EfficientNet-Lite2", width=1.1, depth=1.2),
}
