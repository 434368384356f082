"""Embedding models for tests: real networks, exported once a run, and tiny made-up ones for search."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from ml.runtimes.exporting import export_in_own_process
from ml.spec import ModelSpec, Part
from ml.weights import write_npz
from ml.weights.layout import head_shapes, untrained_variables
from recommendations.lifecycle import artifacts
from recommendations.lifecycle.publishing import Published, find_weights, publish
from recommendations.models import EmbeddingModel, ModelState
from recommendations.search.calibration import Calibration, MatchBasis
from recommendations.search.isotonic import Curve
from recommendations.search.recognition import Fact
from tests.prepared import prepared

#: What the networks of the tests are made from.
NETWORK_SOURCES = ["ml/**/*.py", "recommendations/lifecycle/*.py", "tests/models.py"]
# Two small networks with nothing in common: 2048 numbers compared by cosine, 24 in two parts by Euclidean distance.
WIDE = ModelSpec("resnet50", 32, "letterbox", "avg", 2048)
SPLIT = ModelSpec(
    "resnet50", 40, "stretch", "max", 24, metric="euclidean",
    parts=(Part("kind", 16), Part("colour", 8, inputs=("pooled", "lab_histogram"))),
)  # fmt: skip
Added = Callable[[str], EmbeddingModel]


@pytest.fixture(scope="session")
def exported_network(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A seeded untrained ResNet50, exported by the product; its artifact is in the cache."""

    def export(folder: Path) -> None:
        exported = export_in_own_process("untrained", folder / "graph.onnx", folder / "cache")
        (folder / "exported.json").write_text(json.dumps(exported))

    folder = prepared(request.config, "exported-network", NETWORK_SOURCES, export)
    exported: dict[str, Any] = json.loads((folder / "exported.json").read_text())
    _into_cache(folder / "graph.onnx", exported["graph_sha256"])
    return exported


def _into_cache(graph: Path, sha256: str) -> None:
    place = Path(artifacts.cache_path(sha256))
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(graph, place)


@pytest.fixture
def network(db: None, exported_network: dict[str, Any]) -> EmbeddingModel:
    """An active model with a network that really runs."""
    spec = exported_network["spec"]
    artifacts.store(Path(artifacts.cache_path(exported_network["graph_sha256"])), exported_network["graph_sha256"])
    return EmbeddingModel.objects.create(
        name=exported_network["name"],
        source=exported_network["source"],
        backbone=spec["architecture"],
        weights_sha256=exported_network["weights_sha256"],
        graph_sha256=exported_network["graph_sha256"],
        input_size=spec["input_size"],
        fit=spec["fit"],
        pooling=spec["pooling"],
        dimension=spec["dimension"],
        state=ModelState.ACTIVE,
        activated_at=timezone.now(),
    )


@pytest.fixture
def plane(db: None) -> EmbeddingModel:
    """An active model with three dimensions. Tests write its vectors."""
    return EmbeddingModel.objects.create(
        name="plane", source="file", backbone="resnet50", weights_sha256="0" * 64, graph_sha256="0" * 64,
        input_size=80, fit="letterbox", pooling="avg", dimension=3, state=ModelState.ACTIVE,
    )  # fmt: skip


@pytest.fixture
def coloured(db: None) -> EmbeddingModel:
    """An active model with vectors [shape (2); colour (2)]."""
    spec = ModelSpec("resnet50", 80, "letterbox", "avg", 4, parts=(Part("kind", 2), Part("colour", 2)))
    return EmbeddingModel.objects.create(
        name="coloured", source="file", weights_sha256="0" * 64, graph_sha256="0" * 64, state=ModelState.ACTIVE,
        **EmbeddingModel.fields_of(spec),
    )  # fmt: skip


def stated(model: EmbeddingModel, **changes: Any) -> None:
    """A calibration with a match of 100 times the cosine, which believes two thirds of a photo's neighbours."""
    made = Calibration(
        MatchBasis.CHANCE, True, Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0])),
        {Fact.TYPE: 0.66, Fact.COLOUR: 0.66}, 20, 0.02, 900, 120,
    )  # fmt: skip
    model.calibration = made.to_json() | changes
    model.save(update_fields=["calibration"])


@pytest.fixture(scope="session")
def networks(request: pytest.FixtureRequest) -> Path:
    """`wide` and `split`, seeded and untrained: their weights, and what `embedding_models add` makes of them."""

    def make(folder: Path) -> None:
        for file in _write_weights(folder):
            made = publish(find_weights(str(file), pooling=None, log=print), log=print)
            shutil.copy(artifacts.cache_path(made.graph_sha256), file.with_suffix(".onnx"))
            file.with_suffix(".pickle").write_bytes(pickle.dumps(made))

    return prepared(request.config, "networks", NETWORK_SOURCES, make)


def _write_weights(folder: Path) -> list[Path]:
    chance, backbone = np.random.default_rng(5), untrained_variables()
    heads = {
        path: chance.normal(scale=0.1, size=shape).astype(np.float32) for path, shape in head_shapes(SPLIT).items()
    }
    write_npz(folder / "wide.npz", backbone, WIDE)
    write_npz(folder / "split.npz", backbone | heads, SPLIT)
    return [folder / "wide.npz", folder / "split.npz"]


@pytest.fixture(scope="session")
def weights_files(networks: Path) -> dict[str, Path]:
    """The weights of `wide` and `split`."""
    return {name: networks / f"{name}.npz" for name in ("wide", "split")}


@pytest.fixture
def wide(weights_files: dict[str, Path]) -> str:
    """For WEIGHTS arguments."""
    return str(weights_files["wide"])


@pytest.fixture
def split(weights_files: dict[str, Path]) -> str:
    return str(weights_files["split"])


@pytest.fixture(scope="session")
def published(networks: Path, weights_files: dict[str, Path]) -> dict[str, tuple[Published, Path]]:
    """What `embedding_models add` makes of them, and a copy of each network."""
    found = {}
    for name, weights in weights_files.items():
        made = pickle.loads(weights.with_suffix(".pickle").read_bytes())
        found[name] = replace(made, weights=str(weights)), weights.with_suffix(".onnx")
    return found


@pytest.fixture
def added(db: None, published: dict[str, tuple[Published, Path]]) -> Added:
    """`embedding_models add` of one of the two, without its seconds of work."""

    def add(name: str) -> EmbeddingModel:
        made, copy = published[name]
        artifacts.store(copy, made.graph_sha256)
        cached = artifacts.cache_path(made.graph_sha256)
        cached.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(copy, cached)
        return EmbeddingModel.objects.create(
            name=made.name,
            source=made.source,
            weights=made.weights,
            weights_sha256=made.weights_sha256,
            graph_sha256=made.graph_sha256,
            **EmbeddingModel.fields_of(made.spec),
        )

    return add
