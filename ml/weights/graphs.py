"""The description that an ONNX graph stores, read without ONNX Runtime and without the onnx package."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from ml.spec import ModelSpec
from ml.weights import protobuf
from ml.weights.errors import WeightsError
from ml.weights.found import Weights
from ml.weights.npz import EXTRA

# Names in the graph: its input, its first output, and the prefix of the other outputs, before the task's name.
INPUT, VECTORS, LABELS = "pictures", "vectors", "labels_"

_PREFIX = "lookalike."
PRECISION, INT8_COSINE, GOLDEN = f"{_PREFIX}precision", f"{_PREFIX}int8_cosine", f"{_PREFIX}golden"
_IDENTITY = ("weights_sha256", "source", "name")

# Field numbers in onnx.proto (ModelProto, StringStringEntryProto).
_GRAPH, _METADATA = 7, 14
_KEY, _VALUE = 1, 2


@dataclass(frozen=True)
class GraphMeta:
    """Attributes:
    weights_sha256: of the weights that the graph was made from.
    source: of those weights: "file", "bundled", "imagenet" or "untrained".
    precision: "float", "compact" or "int8"; see `ml.networks.quantise`.
    int8_cosine: the smallest cosine between int8 and floats on real pictures that were not calibrated on, for a compact
        graph that can be made int8 without any, and the int8 graph made of it; else None.
    golden: its golden pictures and their vectors, see `ml.runtimes.golden`; None for older graphs.
    extra: "training" and "metrics", if known.
    """

    spec: ModelSpec
    weights_sha256: str
    source: str
    name: str
    precision: str = "float"
    int8_cosine: float | None = None
    golden: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def graph_properties(weights: Weights, *, precision: str = "float") -> dict[str, str]:
    """The description of a graph, as ONNX metadata."""
    extra = {f"{_PREFIX}{key}": json.dumps(value, sort_keys=True) for key, value in weights.extra.items()}
    return extra | {
        f"{_PREFIX}spec": json.dumps(weights.spec.to_meta(), sort_keys=True),
        f"{_PREFIX}weights_sha256": weights.sha256,
        f"{_PREFIX}source": weights.source,
        f"{_PREFIX}name": weights.name,
        PRECISION: precision,
    }


def parse_graph_meta(properties: Mapping[str, str], origin: object) -> GraphMeta:
    """The inverse of `graph_properties`.

    Raises:
        WeightsError: the graph was not written by `ml.networks.export`.
    """
    try:
        return GraphMeta(
            spec=ModelSpec.from_meta(json.loads(properties[f"{_PREFIX}spec"])),
            **{key: properties[f"{_PREFIX}{key}"] for key in _IDENTITY},
            precision=properties.get(PRECISION, "float"),
            int8_cosine=float(properties[INT8_COSINE]) if INT8_COSINE in properties else None,
            golden=properties.get(GOLDEN),
            extra={key: json.loads(properties[f"{_PREFIX}{key}"]) for key in EXTRA if f"{_PREFIX}{key}" in properties},
        )
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{origin} does not describe itself as a graph of this program ({error}). "
            "Make it again with `python -m ml export`."
        ) from error


def read_graph_meta(path: Path) -> GraphMeta:
    """The description that the graph stores. Detects a file that is cut short, but not damage inside the graph.

    Raises:
        WeightsError: the file is missing, not ONNX, cut short, or not a graph of this program.
    """
    properties: dict[str, str] = {}
    seen_graph = False
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            for number, content in protobuf.fields(file, size, wanted=(_METADATA,)):
                seen_graph |= number == _GRAPH
                if number == _METADATA and isinstance(content, bytes):
                    entry = _entry(content)
                    properties[entry[_KEY].decode()] = entry.get(_VALUE, b"").decode()
            if not seen_graph:
                raise ValueError("it contains no graph")
    except FileNotFoundError:
        raise WeightsError(f"Graph {path} does not exist.") from None
    except (OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"Graph {path} is damaged or not an ONNX file ({error}). "
            "Copy it again from its source, or make it again with `python -m ml export`."
        ) from error
    return parse_graph_meta(properties, path)


def _entry(content: bytes) -> dict[int, bytes]:
    found = protobuf.fields(BytesIO(content), len(content), wanted=(_KEY, _VALUE))
    return {number: value for number, value in found if isinstance(value, bytes)}
