"""What a model knows of classes, read from its graph without the onnx package: enough to recognise them in vectors that
it made earlier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ml.spec import ModelSpec
from ml.weights import protobuf
from ml.weights.errors import WeightsError

TYPE = "type"  # the label task
#: Cosine to probability, softmax(SHARPNESS · cosine): smoother than the model's own probabilities, so that neighbours
#: of two types that look alike still agree. From 6 to 12 little changes (`python -m bench match`).
SHARPNESS = 8.0

# Field numbers in onnx.proto (ModelProto, GraphProto, TensorProto).
_GRAPH, _INITIALIZER = 7, 5
_DIMENSIONS, _DATA_TYPE, _NAME, _RAW = 1, 2, 8, 9
#: By TensorProto.DataType.
_NUMBERS: dict[int, np.dtype[Any]] = {1: np.dtype("<f4"), 3: np.dtype("i1"), 10: np.dtype("<f2")}


@dataclass(frozen=True)
class Classes:
    """The directions of a label task's classes in the part of the vector that the task reads.

    A classifier computes probabilities from a part before the part moves towards the classes (`ml.spec.Part.towards`).
    In the finished vector the likeliest class is the same for more than 98 % of pictures.

    Attributes:
        directions: float32 [d, classes], unit columns.
        place: of the part in the vector.
    """

    directions: np.ndarray
    place: slice

    def cosines(self, vectors: np.ndarray) -> np.ndarray:
        """float32 [n, classes] of vectors, float [n, D]."""
        part = vectors[:, self.place].astype(np.float32)
        return part @ self.directions / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-6)

    def shares(self, vectors: np.ndarray) -> np.ndarray:
        """The same as probabilities: float32 [n, classes], rows that add up to 1."""
        logits = SHARPNESS * self.cosines(vectors)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def read_types(path: Path, spec: ModelSpec) -> Classes | None:
    """The types that a model was taught; None if it was taught none, or reads them from features that vectors lack.

    Args:
        path: of its graph, in any precision.

    Raises:
        WeightsError: the graph is damaged.
    """
    task = next((task for task in spec.labels if task.name == TYPE), None)
    part = next((part for part in spec.parts if task and part.name == task.source), None)
    if task is None or part is None:
        return None
    start = sum(other.dimension for other in spec.parts[: spec.parts.index(part)])
    name = f"labels/{task.name}/kernel"
    try:
        found = dict(_constants(path, {name, f"{name}_int8", f"{name}_scale"}))
        kernel = found[name] if name in found else found[f"{name}_int8"] * found[f"{name}_scale"]
        directions = kernel.astype(np.float32).reshape(part.dimension, len(task.names))
    except (OSError, KeyError, ValueError) as error:
        raise WeightsError(f"Graph {path} is damaged: its types cannot be read ({error}).") from error
    lengths = np.maximum(np.linalg.norm(directions, axis=0), np.float32(1e-6))
    return Classes(directions / lengths, slice(start, start + part.dimension))


def _constants(path: Path, names: set[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Those of the graph's constants, with the numbers and shapes that they are stored in."""
    with path.open("rb") as file:
        graphs = [content for _, content in protobuf.fields(file, path.stat().st_size, wanted=(_GRAPH,)) if content]
    for graph in graphs:
        if not isinstance(graph, bytes):
            continue
        for _, tensor in protobuf.fields(BytesIO(graph), len(graph), wanted=(_INITIALIZER,)):
            if isinstance(tensor, bytes) and (found := _tensor(tensor, names)):
                yield found


def _tensor(content: bytes, names: set[str]) -> tuple[str, np.ndarray] | None:
    shape: list[int] = []
    kind, name, raw = 0, "", b""
    for number, value in protobuf.fields(BytesIO(content), len(content), wanted=(_DIMENSIONS, _NAME, _RAW)):
        if number == _DIMENSIONS:
            shape += [value] if isinstance(value, int) else protobuf.packed(value or b"")
        elif number == _DATA_TYPE and isinstance(value, int):
            kind = value
        elif number == _NAME and isinstance(value, bytes):
            name = value.decode()
        elif number == _RAW and isinstance(value, bytes):
            raw = value
    if name not in names:
        return None
    if kind not in _NUMBERS or len(raw) != _NUMBERS[kind].itemsize * prod(shape):
        raise ValueError(f"{name} is stored in another way than this program writes")
    return name, np.frombuffer(raw, _NUMBERS[kind]).reshape(shape)
