"""Choosing, finding and reading weights.

The bundled models are next to this file: an `.onnx` for each edition, with its hash in SHA256SUMS.
"""

from ml.weights.editions import (
    BUNDLED,
    BUNDLED_SETTING,
    Edition,
    bundled_names,
    edition_of,
    model_of,
    newest_editions,
    setting_for,
)
from ml.weights.errors import WeightsError
from ml.weights.found import Weights
from ml.weights.graphs import (
    GOLDEN,
    INPUT,
    INT8_COSINE,
    LABELS,
    PRECISION,
    VECTORS,
    GraphMeta,
    graph_properties,
    parse_graph_meta,
    read_graph_meta,
)
from ml.weights.npz import write_npz
from ml.weights.sources import (
    KERAS_FILES,
    MIRROR_VARIABLE,
    NAMED,
    KerasFile,
    is_ready_made,
    resolve,
    sha256_of,
    split_setting,
)
from ml.weights.variables import read_variables

__all__ = [
    "BUNDLED",
    "BUNDLED_SETTING",
    "GOLDEN",
    "INPUT",
    "INT8_COSINE",
    "KERAS_FILES",
    "LABELS",
    "MIRROR_VARIABLE",
    "NAMED",
    "PRECISION",
    "VECTORS",
    "Edition",
    "GraphMeta",
    "KerasFile",
    "Weights",
    "WeightsError",
    "bundled_names",
    "edition_of",
    "graph_properties",
    "is_ready_made",
    "model_of",
    "newest_editions",
    "parse_graph_meta",
    "read_graph_meta",
    "read_variables",
    "resolve",
    "setting_for",
    "sha256_of",
    "split_setting",
    "write_npz",
]
