"""Weights → an ONNX graph that describes itself."""

import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ml.spec import ModelSpec
from ml.weights import Weights, WeightsError

MIN_PARITY = 0.9999  # cosine between the vectors of the two runtimes; measured 0.9999998
_META_PREFIX = "lookalike."


def export_onnx(weights: Weights, destination: Path) -> str:
    """Write the graph (uint8 [N, S, S, 3] → float32 [N, D], any N) and return the file's sha256, hex.

    The file appears whole or not at all. Starts TensorFlow in this process, which keeps its memory:
    long-lived processes run `python -m ml export` instead.

    Raises:
        WeightsError: the weights cannot be loaded.
        OSError: the destination cannot be written.
        RuntimeError: the graph does not compute what the network does; nothing is written.
    """
    quiet_tensorflow()
    import onnx

    from ml.backbones import build

    model = build(weights)
    model(np.zeros((1, *model.input_shape[1:]), np.uint8))  # Keras exports only models that have been called
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".export-") as folder:
        draft = Path(folder) / "graph.onnx"
        model.export(str(draft), format="onnx", verbose=False)
        graph = onnx.load(str(draft))
        for tensor in (*graph.graph.input, *graph.graph.output):
            tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
        onnx.helper.set_model_props(graph, graph_properties(weights))
        onnx.save(graph, str(draft))
        _compare(model, draft)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        draft.replace(destination)
    return digest


def _compare(model: Any, graph: Path) -> None:
    """A graph that converts without complaint can still be wrong: run both on noise before anybody relies on
    it."""
    from ml.runtimes.onnx import OnnxEmbedder

    noise = np.random.default_rng(0).integers(0, 256, (2, *model.input_shape[1:]), dtype=np.uint8)
    cosine = (OnnxEmbedder(graph).embed_batch(noise) * model(noise, training=False).numpy()).sum(axis=1)
    if not cosine.min() >= MIN_PARITY:
        raise RuntimeError(f"the exported graph disagrees with the network: cosine {cosine.min():.6f}")


def graph_properties(weights: Weights) -> dict[str, str]:
    """What a graph carries about itself, as ONNX metadata."""
    return {
        f"{_META_PREFIX}spec": json.dumps(weights.spec.to_meta(), sort_keys=True),
        f"{_META_PREFIX}weights_sha256": weights.sha256,
        f"{_META_PREFIX}source": weights.source,
        f"{_META_PREFIX}name": weights.name,
    }


def parse_graph_meta(properties: dict[str, str], origin: object) -> dict[str, Any]:
    """{"spec": ModelSpec, "weights_sha256", "source", "name"} from a graph's metadata.

    Raises:
        WeightsError: the graph was not written by `export_onnx`.
    """
    try:
        return {
            "spec": ModelSpec.from_meta(json.loads(properties[f"{_META_PREFIX}spec"])),
            **{key: properties[f"{_META_PREFIX}{key}"] for key in ("weights_sha256", "source", "name")},
        }
    except (KeyError, ValueError) as error:
        raise WeightsError(
            f"{origin} does not describe itself as a graph of this program ({error}). "
            "Make it anew with `python -m ml export`."
        ) from error


def read_graph_meta(path: Path) -> dict[str, Any]:
    """What the graph says about itself; see `parse_graph_meta`. Loads it, so it also proves that it loads."""
    from ml.runtimes.onnx import open_session

    return parse_graph_meta(open_session(path, threads=1).get_modelmeta().custom_metadata_map, path)


def quiet_tensorflow() -> None:
    """Keep TensorFlow's start-up notes off the screen; takes effect only before its first import."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its results vary with the machine in the last bits
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    for name in ("tensorflow", "tf2onnx", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
