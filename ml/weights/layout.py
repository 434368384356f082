"""The variables of a model, by Keras's paths, so that weights files can be checked and an untrained network made
without TensorFlow."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ml.spec import ModelSpec
from ml.weights.architectures import ARCHITECTURES, Architecture, Convolution

SEED = 20240
Shapes = dict[str, tuple[int, ...]]


def untrained_description(backbone: str = "resnet50") -> str:
    """A text that identifies the untrained network, which is generated each time and never stored."""
    return f"{backbone} untrained, He normal kernels, numpy PCG64 seed {SEED}, layout 1"


def variable_shapes(backbone: str = "resnet50") -> Shapes:
    """Path → shape of a backbone's variables without its top, e.g. `conv1_conv/kernel` → (7, 7, 3, 64).

    ResNet50 has 318; InceptionV3's 376 are named as Keras names them in a process that makes no other network.
    """
    return dict(shape for layer in _layers(backbone) for shape in layer.variables)


def layers_in_file_order(backbone: str) -> list[tuple[str, list[str]]]:
    """(layer, paths of its variables) in the order in which Keras writes layers to an HDF5 file.

    Keras sorts the layers of a functional model by their distance to the output, the farthest first, and equals
    in the order in which a depth-first walk from the output meets them (keras/src/ops/function.py, map_graph).
    """
    return [(layer.name, [path for path, _ in layer.variables]) for layer in _sorted_as_keras(_layers(backbone))]


def head_shapes(spec: ModelSpec) -> Shapes:
    """Path → shape of the variables after pooling: `head/<part>/…` and `labels/<task>/…`."""
    shapes: Shapes = {}
    for part in spec.parts:
        if part.linear:
            shapes[f"head/{part.name}/kernel"] = (spec.input_dimension(part), part.dimension)
            shapes[f"head/{part.name}/bias"] = (part.dimension,)
    for task in spec.labels:
        shapes[f"labels/{task.name}/kernel"] = (spec.label_dimension(task), len(task.names))
        shapes[f"labels/{task.name}/bias"] = (len(task.names),)
    return shapes


def model_shapes(spec: ModelSpec) -> Shapes:
    """Path → shape of every variable of a model."""
    return variable_shapes(spec.backbone) | head_shapes(spec)


def untrained_variables(backbone: str = "resnet50") -> dict[str, np.ndarray]:
    """Path → float32 array of a randomly drawn network, the same on every machine and with every TensorFlow.

    Random convolutions still see colours and edges, which is enough to try everything else on. The
    residual branches start weak (as in Goyal et al. 2017, "Accurate, Large Minibatch SGD"): at full strength
    fifty random layers make all pictures alike, cosine .999 between any two products.
    """
    random = np.random.default_rng(SEED)
    return {path: _draw(path, shape, random) for path, shape in variable_shapes(backbone).items()}


def _draw(path: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    if path.endswith("/kernel"):
        spread = np.sqrt(2.0 / np.prod(shape[:3]))  # He: keeps the scale of activations through ReLUs
        return (random.standard_normal(shape) * spread).astype(np.float32)
    if path == "conv1_bn/moving_variance":
        return np.full(shape, 64.0**2, np.float32)  # inputs run to ±128, not ±1
    if path.endswith("_3_bn/gamma"):
        return np.full(shape, 0.1, np.float32)
    return (np.ones if path.endswith(("gamma", "moving_variance")) else np.zeros)(shape, np.float32)


@dataclass(eq=False)
class _Layer:
    """One layer as Keras counts them; `channels` of its output."""

    name: str
    channels: int
    inputs: tuple["_Layer", ...] = ()
    variables: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)


class _Recorder:
    """Turns an architecture into a list of Keras's layers."""

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self.layers: list[_Layer] = []

    def layer(
        self, *inputs: _Layer, channels: int | None = None, name: str = "", shapes: Shapes | None = None
    ) -> _Layer:
        variables = [(f"{name}/{variable}", shape) for variable, shape in (shapes or {}).items()]
        self.layers.append(_Layer(name, channels or inputs[0].channels, inputs, variables))
        return self.layers[-1]

    def convolve(self, x: _Layer, unit: Convolution) -> _Layer:
        outputs = 1 if unit.depthwise else unit.filters
        shapes: Shapes = {"kernel": (*unit.size, x.channels, outputs)}
        if self.architecture.bias:
            shapes["bias"] = (unit.filters,)
        x = self.layer(x, channels=unit.filters, name=unit.convolution, shapes=shapes)
        names = [*(["gamma"] if self.architecture.scale else []), "beta", "moving_mean", "moving_variance"]
        x = self.layer(x, name=unit.normalisation, shapes=dict.fromkeys(names, (unit.filters,)))
        return self.layer(x) if unit.relu else x

    def add(self, shortcut: _Layer, x: _Layer, *, relu: bool = True) -> _Layer:
        added = self.layer(shortcut, x)
        return self.layer(added) if relu else added

    def max_pool(self, x: _Layer, padding: int) -> _Layer:
        return self.layer(self.layer(x) if padding else x)

    def average_pool(self, x: _Layer) -> _Layer:
        return self.layer(x)

    def concatenate(self, xs: Sequence[_Layer]) -> _Layer:
        return self.layer(*xs, channels=sum(x.channels for x in xs))


def _layers(backbone: str) -> list[_Layer]:
    """In the order in which Keras makes them."""
    architecture = ARCHITECTURES[backbone]
    recorder = _Recorder(architecture)
    architecture.describe(recorder, _Layer("pictures", 3))
    return recorder.layers


def _sorted_as_keras(layers: list[_Layer]) -> list[_Layer]:
    depth: dict[_Layer, int] = {}
    for layer in reversed(layers):  # every layer comes after its inputs
        own = depth.setdefault(layer, 0)
        for before in layer.inputs:
            depth[before] = max(depth.get(before, 0), own + 1)
    met: dict[_Layer, int] = {}
    waiting = [layers[-1]]
    while waiting:
        layer = waiting.pop()
        if layer not in met:
            met[layer] = len(met)
            waiting += reversed(layer.inputs)
    return sorted((layer for layer in layers if layer.variables), key=lambda layer: (-depth[layer], met[layer]))
