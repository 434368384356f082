"""The maps that a graph can also return, and the nodes that compute them.

Protobuf merges messages that follow each other: repeated fields are appended. So nodes are added to a graph by writing
them after the file's content, and the bytes that hashes cover stay the same. The onnx package is not needed.

The maps are exact: what each place adds is computed from the pooling and the heads, which are linear except for a
division by a length.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from ml.spec import BACKBONES, HISTOGRAM_BINS, LabelTask, ModelSpec, Part
from ml.weights import WeightsError
from ml.weights.protobuf import encoded, fields

FEATURE_MAP, ACTIVATION = "feature_map", "activation_map"

# Field numbers in onnx.proto, by message.
_GRAPH = 7  # ModelProto
_NODE, _INITIALIZER, _OUTPUT = 1, 5, 12  # GraphProto
_INPUTS, _OUTPUTS, _OPERATION, _ATTRIBUTE = 1, 2, 4, 5  # NodeProto
_NAME, _INT, _INTS, _ATTRIBUTE_TYPE = 1, 3, 8, 20  # AttributeProto
_DIMENSIONS, _DATA_TYPE, _TENSOR_NAME, _RAW = 1, 2, 8, 9  # TensorProto
_VALUE_TYPE, _TENSOR, _ELEMENTS, _SHAPE = 2, 1, 1, 2  # ValueInfoProto, whose name is _NAME, TypeProto and its tensor
_DIMENSION, _SIZE, _SIZE_NAME = 1, 1, 2  # TensorShapeProto
_FLOAT, _TYPES = 1, {"float32": 1, "int64": 7}  # TensorProto.DataType
_IS_INT, _IS_INTS = 2, 7  # AttributeProto.AttributeType
_PREFIX = "maps/"
_SMALLEST = np.float32(1e-12)


@dataclass(frozen=True)
class Maps:
    """Where a network looked in n pictures. A map has h × w places, which divide the square input evenly; place (0, 0)
    is its top left corner. With "letterbox", places may lie in the white margin.

    Attributes:
        vectors: float32 [n, D], as from `embed`.
        probabilities: label task → float32 [n, classes], as from `embed_labelled`.
        feature_map: float32 [n, C, h, w], the input of the pooling.
        activation: float32 [n, classes, h, w], the class-activation maps of `mapped_task` (as in Zhou et al. 2016,
            arXiv 1512.04150): how much each place adds to the score of each class. The mean over the places is the
            score (logit), apart from a term that depends on the class and the whole picture. None for a model without
            such a task.
    """

    vectors: np.ndarray
    probabilities: Mapping[str, np.ndarray]
    feature_map: np.ndarray
    activation: np.ndarray | None

    @property
    def attention(self) -> np.ndarray:
        """float32 [n, h, w], 0 to 1, 1 at the strongest place of each picture: the largest activation of any class,
        or `extent` without classes. Negative activations count as 0."""
        if self.activation is None:
            return self.extent
        return _of_largest(np.maximum(self.activation.max(axis=1), 0))

    @property
    def extent(self) -> np.ndarray:
        """float32 [n, h, w], 0 to 1: the length of the feature map's vector at each place, as a share of the largest in
        the picture. It covers a product more evenly than `attention`, which prefers its telling parts."""
        return _of_largest(np.linalg.norm(self.feature_map, axis=1))


def _of_largest(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(values.max(axis=(1, 2), keepdims=True), _SMALLEST)


def mapped_task(spec: ModelSpec) -> LabelTask | None:
    """The label task that the activation map shows: "type", or else the first one that reads the feature map."""
    found = [task for task in spec.labels if task.source == "pooled" or _slices(spec, _part(spec, task.source))]
    return next((task for task in found if task.name == "type"), found[0] if found else None)


def with_maps(content: bytes, spec: ModelSpec) -> bytes:
    """The content of a graph file that also returns `FEATURE_MAP` and, if the model has a `mapped_task`, `ACTIVATION`
    (see `Maps`). A graph that already returns them is returned as it is.

    Args:
        content: written by `ml.networks.export`, in any precision.

    Raises:
        WeightsError: the graph has no pooling, or other nodes than this program writes.
    """
    try:
        graph = _Graph(content)
        if FEATURE_MAP in graph.outputs:
            return content
        added = _Added()
        _describe(added, graph, spec)
    except (ValueError, LookupError) as error:
        raise WeightsError(
            f"The graph cannot return maps ({error}). Make it again with `python -m ml export`."
        ) from error
    return content + added.as_model()


def _describe(added: "_Added", graph: "_Graph", spec: ModelSpec) -> None:
    feature_map, pooled = graph.pooling(spec.pooling)
    added.op("Identity", feature_map, output=FEATURE_MAP)
    added.returns(FEATURE_MAP, ["batch", BACKBONES[spec.backbone], "rows", "columns"])
    if task := mapped_task(spec):
        placed = added.op("Transpose", _placed(added, feature_map, spec.pooling), perm=[0, 2, 3, 1])
        scores = _scores(added, graph, placed, pooled, spec, task)
        added.op("Transpose", scores, perm=[0, 3, 1, 2], output=ACTIVATION)
        added.returns(ACTIVATION, ["batch", len(task.names), "rows", "columns"])


def _placed(added: "_Added", feature_map: str, pooling: str) -> str:
    """What each place gives to the pooled features: their mean over the places, [n, C, h, w]."""
    if pooling == "avg":
        return feature_map
    if pooling == "max":
        largest = added.op("GlobalMaxPool", feature_map)
        weights = added.op("Cast", added.op("Equal", feature_map, largest), to=_FLOAT)
    else:  # the generalised mean with p = 3
        largest = added.op("Max", feature_map, added.constant("gem_epsilon", np.array([1e-6], np.float32)))
        weights = added.op("Mul", largest, added.op("Mul", largest, largest))
        largest = added.op(
            "Pow", added.op("GlobalAveragePool", weights), added.constant("third", np.array([1 / 3], np.float32))
        )
    share = added.op("Div", weights, added.op("GlobalAveragePool", weights))
    return added.op("Mul", share, largest)


def _scores(added: "_Added", graph: "_Graph", placed: str, pooled: str, spec: ModelSpec, task: LabelTask) -> str:
    """What each place gives to the scores of the classes, [n, h, w, classes]."""
    labels = f"labels/{task.name}/kernel"
    if task.source == "pooled":
        return added.op("MatMul", placed, labels)
    part, channels = _part(spec, task.source), BACKBONES[spec.backbone]
    kernel = f"head/{part.name}/kernel" if part.linear else labels
    total = ""
    for name, start in _slices(spec, part):
        x, rows = placed, kernel
        if name == "unit_pooled":
            x = added.op("Div", placed, added.everywhere(graph.length_of(graph.unit_of(pooled))))
        if len(part.inputs) > 1:
            limits = (added.constant(f"{name}_{limit}", np.array([limit])) for limit in (start, start + channels))
            rows = added.op("Slice", kernel, *limits)
        x = added.op("MatMul", x, rows)
        total = added.op("Add", total, x) if total else x
    length = graph.length_of(graph.inputs_of("Gemm", f"labels/{task.name}/bias")[0])
    moved = added.op("Div", total, added.everywhere(length))
    return added.op("MatMul", moved, labels) if part.linear else moved


def _part(spec: ModelSpec, name: str) -> Part:
    return next(part for part in spec.parts if part.name == name)


def _slices(spec: ModelSpec, part: Part) -> list[tuple[str, int]]:
    """The inputs of a part that have places, each with its first row in the part's kernel."""
    found, start = [], 0
    for name in part.inputs:
        if name != "lab_histogram":
            found.append((name, start))
        start += HISTOGRAM_BINS if name == "lab_histogram" else BACKBONES[spec.backbone]
    return found


@dataclass(frozen=True)
class _Node:
    operation: str
    inputs: list[str]
    outputs: list[str]


class _Graph:
    """The nodes of a graph file, to find tensors by what is done with them."""

    def __init__(self, content: bytes) -> None:
        self.nodes: list[_Node] = []
        self.outputs: list[str] = []
        for graph in _messages(content, _GRAPH):
            self.nodes += [_node(node) for node in _messages(graph, _NODE)]
            self.outputs += [_texts(output, _NAME)[0] for output in _messages(graph, _OUTPUT)]

    def pooling(self, pooling: str) -> tuple[str, str]:
        """The last feature map and its pooled features."""
        (pool,) = (node for node in self.nodes if node.operation in ("GlobalAveragePool", "GlobalMaxPool"))
        feature_map, pooled = pool.inputs[0], self.reader("Flatten", pool.outputs[0]).outputs[0]
        if pooling != "gem":
            return feature_map, pooled
        cubes = self.producer(feature_map)
        return self.producer(cubes.inputs[0]).inputs[0], self.reader("Pow", pooled).outputs[0]

    def producer(self, tensor: str) -> _Node:
        return self._first(node for node in self.nodes if tensor in node.outputs)

    def reader(self, operation: str, tensor: str) -> _Node:
        return self._first(node for node in self.nodes if node.operation == operation and tensor in node.inputs)

    def inputs_of(self, operation: str, tensor: str) -> list[str]:
        """The inputs of the node that reads `tensor`."""
        return self.reader(operation, tensor).inputs

    def unit_of(self, tensor: str) -> str:
        """`tensor`, normalised."""
        return self.reader("Div", tensor).outputs[0]

    def length_of(self, unit: str) -> str:
        """The length, [n, 1], that a normalised tensor was divided by."""
        return self.producer(unit).inputs[1]

    @staticmethod
    def _first(nodes: Iterator[_Node]) -> _Node:
        found = next(nodes, None)
        if found is None:
            raise ValueError("it has other nodes than this program writes")
        return found


class _Added:
    """Nodes, constants and outputs to append to a graph."""

    def __init__(self) -> None:
        self.fields: list[bytes] = []
        self.count = 0

    def op(self, operation: str, *inputs: str, output: str = "", **attributes: int | list[int]) -> str:
        output = output or f"{_PREFIX}{operation.lower()}_{self.count}"
        self.count += 1
        node = [encoded(_INPUTS, name) for name in inputs]
        node += [encoded(_OUTPUTS, output), encoded(_OPERATION, operation)]
        node += [encoded(_ATTRIBUTE, _attribute(name, value)) for name, value in attributes.items()]
        self.fields.append(encoded(_NODE, b"".join(node)))
        return output

    def constant(self, name: str, value: np.ndarray) -> str:
        """`value` is float32 [n] or int64 [n]."""
        name = f"{_PREFIX}{name}"
        tensor = [encoded(_DIMENSIONS, len(value)), encoded(_DATA_TYPE, _TYPES[value.dtype.name])]
        tensor += [encoded(_TENSOR_NAME, name), encoded(_RAW, value.astype(value.dtype.newbyteorder("<")).tobytes())]
        self.fields.append(encoded(_INITIALIZER, b"".join(tensor)))
        return name

    def everywhere(self, x: str) -> str:
        """[n, 1] → [n, 1, 1, 1], to divide maps by."""
        return self.op("Unsqueeze", x, self.constant(f"axes_{self.count}", np.array([1, 2])))

    def returns(self, name: str, shape: Sequence[int | str]) -> None:
        sizes = [encoded(_DIMENSION, encoded(_SIZE_NAME if isinstance(size, str) else _SIZE, size)) for size in shape]
        tensor = encoded(_ELEMENTS, _FLOAT) + encoded(_SHAPE, b"".join(sizes))
        self.fields.append(encoded(_OUTPUT, encoded(_NAME, name) + encoded(_VALUE_TYPE, encoded(_TENSOR, tensor))))

    def as_model(self) -> bytes:
        return encoded(_GRAPH, b"".join(self.fields))


def _attribute(name: str, value: int | list[int]) -> bytes:
    if isinstance(value, int):
        return encoded(_NAME, name) + encoded(_INT, value) + encoded(_ATTRIBUTE_TYPE, _IS_INT)
    numbers = b"".join(encoded(_INTS, number) for number in value)
    return encoded(_NAME, name) + numbers + encoded(_ATTRIBUTE_TYPE, _IS_INTS)


def _node(content: bytes) -> _Node:
    return _Node(_texts(content, _OPERATION)[0], _texts(content, _INPUTS), _texts(content, _OUTPUTS))


def _texts(content: bytes, number: int) -> list[str]:
    return [text.decode() for text in _messages(content, number)]


def _messages(content: bytes, number: int) -> Iterator[bytes]:
    for found, value in fields(BytesIO(content), len(content), wanted=(number,)):
        if found == number and isinstance(value, bytes):
            yield value
