"""The simplest entry: weights by name, pictures in any form, vectors out."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ml import runtimes
from ml.maps.outputs import Maps
from ml.networks.export import export_onnx
from ml.networks.tensorflow import TensorFlowEmbedder
from ml.pictures import codec
from ml.runtimes.onnx import OnnxEmbedder
from ml.spec import ModelSpec
from ml.weights import Weights, resolve

RUNTIMES = ("onnx", "tensorflow")
GRAPH_VERSION = 2  # of the output of `ml.networks.export`; a graph of another version is made again
Picture = bytes | str | os.PathLike[str] | np.ndarray


class Embedder:
    """A loaded model that also prepares pictures.

    embedder = Embedder.load(weights="imagenet")
    vectors = embedder.embed(["red-dress.jpg", "blue-dress.jpg"])   # float32 [2, 2048], unit length
    cosine = vectors @ vectors.T
    """

    def __init__(self, runtime: runtimes.Runtime, weights: Weights) -> None:
        self.runtime = runtime
        self.weights = weights

    @property
    def spec(self) -> ModelSpec:
        return self.weights.spec

    @property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """Label task → its classes, in the order of their probabilities; empty for a model without labels."""
        return {task.name: task.names for task in self.spec.labels}

    @classmethod
    def load(
        cls,
        weights: str | None = None,
        *,
        runtime: str = "onnx",
        pooling: str | None = None,
        threads: int | None = None,
        cache_dir: Path | None = None,
        maps: bool = False,
        progress: Callable[[int, int | None], None] | None = None,
        log: Callable[[str], None] | None = None,
    ) -> "Embedder":
        """Find the weights and start a runtime; with "onnx" the first load makes the graph, a second or two.

        Args:
            weights: "imagenet", "untrained", a file, or None for the best available; see `ml.weights.resolve`.
            runtime: "onnx" or "tensorflow".
            pooling: "avg", "max" or "gem", instead of the pooling that the weights were made with.
            threads: for ONNX Runtime.
            cache_dir: for downloads and graphs; by default `default_cache_dir()`.
            maps: whether it also computes `maps`; only ONNX Runtime does.

        Raises:
            WeightsError: the weights cannot be used; the message names the remedy.
            ValueError: an unknown runtime, or one without maps.
        """
        if runtime not in RUNTIMES:
            raise ValueError(f"runtime must be {' or '.join(RUNTIMES)}, not {runtime!r}")
        if maps and runtime != "onnx":
            raise ValueError("maps need the runtime onnx")
        cache = cache_dir or default_cache_dir()
        found = resolve(weights, cache_dir=cache, pooling=pooling, progress=progress, log=log)
        if runtime == "tensorflow":
            return cls(TensorFlowEmbedder(found), found)
        return cls(runtimes.open(cached_graph(found, cache, log=log), threads=threads, maps=maps), found)

    def embed(self, pictures: Sequence[Picture], *, views: int = 1) -> np.ndarray:
        """Unit vectors, float32 [n, D].

        Args:
            pictures: file names, file contents, or decoded pixels uint8 [H, W, 3] RGB of any size.
            views: 1, 2 or 4 of each picture, averaged; see `ml.runtimes.views`.

        Raises:
            ImageRejected: a picture that cannot be used.
            OSError: a file that cannot be read.
        """
        return self.embed_labelled(pictures, views=views)[0]

    def embed_labelled(
        self, pictures: Sequence[Picture], *, views: int = 1
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """`embed`, and for each task of `labels` the probabilities of its classes, float32 [n, classes]."""
        inputs = [codec.to_input(_content(picture), self.spec) for picture in pictures]
        return self.runtime.embed_labelled(inputs, views=views)

    def maps(self, pictures: Sequence[Picture]) -> Maps:
        """What `embed_labelled` returns, and where in the pictures it comes from; `ml.maps.regions` finds proposals
        for crops in it. Takes as long as `embed`.

        Args:
            pictures: as for `embed`, at least one.

        Raises:
            ImageRejected: a picture that cannot be used.
            OSError: a file that cannot be read.
            ValueError: there is no picture, or the model was loaded without maps.
        """
        if not isinstance(self.runtime, OnnxEmbedder):
            raise ValueError("maps need the runtime onnx")
        return self.runtime.maps([codec.to_input(_content(picture), self.spec) for picture in pictures])


def default_cache_dir() -> Path:
    """`ml` under VAR_DIR, which is `var` in the project unless the environment says otherwise."""
    return Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parents[1] / "var") / "ml"


def cached_graph(weights: Weights, cache_dir: Path, *, log: Callable[[str], None] | None = None) -> Path:
    """The ONNX graph of these weights, made on first need; weights that already are a graph are returned as they are.

    Raises:
        WeightsError: the graph cannot be made.
    """
    if weights.ready_made and weights.path:
        return weights.path
    described = json.dumps([GRAPH_VERSION, weights.spec.to_meta()], sort_keys=True)
    identity = f"{weights.sha256[:32]}-{hashlib.sha256(described.encode()).hexdigest()[:16]}"
    graph = cache_dir / "graphs" / f"{identity}.onnx"
    if not graph.is_file():
        if log:
            log(f"Making the ONNX graph of {weights.name}, once.")
        export_onnx(weights, graph)
    return graph


def _content(picture: Picture) -> bytes | np.ndarray:
    return picture if isinstance(picture, bytes | np.ndarray) else Path(picture).read_bytes()
