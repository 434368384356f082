"""Embedding models for tests: real networks, exported once a run, and tiny made-up ones for search."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone

from ml.runtimes.exporting import export_in_own_process
from ml.spec import ModelSpec, Part
from ml.weights import write_npz
from ml.weights.layout import head_shapes, untrained_variables
from recommendations.lifecycle import artifacts
from recommendations.lifecycle.publishing import Published, find_weights, publish
from recommendations.models import EmbeddingModel, ModelState
from recommendations.search.calibration import Calibration, MatchBasis, Word
from recommendations.search.isotonic import Curve

# Two small networks with nothing in common: 2048 numbers compared by cosine, 24 in two parts by Euclidean distance.
WIDE = ModelSpec("resnet50", 32, "letterbox", "avg", 2048)
SPLIT = ModelSpec(
    "resnet50", 40, "stretch", "max", 24, metric="euclidean",
    parts=(Part("kind", 16), Part("colour", 8, inputs=("pooled", "lab_histogram"))),
)  # fmt: skip
Added = Callable[[str], EmbeddingModel]


@pytest.fixture(scope="session")
def exported_network() -> dict[str, Any]:
    """A seeded untrained ResNet50 as the product exports it; the graph lies in the cache."""
    partial = settings.VAR_DIR / "cache" / "models" / "exporting.onnx"
    partial.parent.mkdir(parents=True, exist_ok=True)
    exported = export_in_own_process("untrained", partial, settings.VAR_DIR / "cache")
    partial.rename(artifacts.cache_path(exported["graph_sha256"]))
    return exported


@pytest.fixture
def network(db: None, exported_network: dict[str, Any]) -> EmbeddingModel:
    """The active model of a shop whose network really runs."""
    spec = exported_network["spec"]
    artifacts.publish(Path(artifacts.cache_path(exported_network["graph_sha256"])), exported_network["graph_sha256"])
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
    """An active model of three dimensions, whose vectors a test writes itself."""
    return EmbeddingModel.objects.create(
        name="plane", source="file", backbone="resnet50", weights_sha256="0" * 64, graph_sha256="0" * 64,
        input_size=80, fit="letterbox", pooling="avg", dimension=3, state=ModelState.ACTIVE,
    )  # fmt: skip


@pytest.fixture
def coloured(db: None) -> EmbeddingModel:
    """An active model whose vectors are [shape (2); colour (2)]."""
    spec = ModelSpec("resnet50", 80, "letterbox", "avg", 4, parts=(Part("kind", 2), Part("colour", 2)))
    return EmbeddingModel.objects.create(
        name="coloured", source="file", weights_sha256="0" * 64, graph_sha256="0" * 64, state=ModelState.ACTIVE,
        **EmbeddingModel.fields_of(spec),
    )  # fmt: skip


def stated(model: EmbeddingModel, **changes: Any) -> None:
    """A calibration whose match is 100 times the cosine."""
    made = Calibration(
        MatchBasis.CHANCE, True, Curve(np.array([0.0, 1.0]), np.array([0.0, 1.0])),
        {Word.VERY_CLOSE: 75, Word.CLOSE: 50, Word.SAME_TYPE: 30}, 20, 0.02, 900, 120,
    )  # fmt: skip
    model.calibration = made.to_json() | changes
    model.save(update_fields=["calibration"])


@pytest.fixture(scope="session")
def weights_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`wide` and `split`, seeded and untrained."""
    folder, chance = tmp_path_factory.mktemp("weights"), np.random.default_rng(5)
    files = {"wide": folder / "wide.npz", "split": folder / "split.npz"}
    backbone = untrained_variables()
    heads = {
        path: chance.normal(scale=0.1, size=shape).astype(np.float32) for path, shape in head_shapes(SPLIT).items()
    }
    write_npz(files["wide"], backbone, WIDE)
    write_npz(files["split"], backbone | heads, SPLIT)
    return files


@pytest.fixture
def wide(weights_files: dict[str, Path]) -> str:
    """For WEIGHTS arguments."""
    return str(weights_files["wide"])


@pytest.fixture
def split(weights_files: dict[str, Path]) -> str:
    return str(weights_files["split"])


@pytest.fixture(scope="session")
def published(
    weights_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Published, Path]]:
    """What `embedding_models add` makes of them, and a copy of each network."""
    folder, made = tmp_path_factory.mktemp("networks"), {}
    for name, file in weights_files.items():
        network = publish(find_weights(str(file), pooling=None, log=print), log=print)
        made[name] = network, folder / f"{name}.onnx"
        shutil.copy(artifacts.cache_path(network.graph_sha256), made[name][1])
    return made


@pytest.fixture
def added(db: None, published: dict[str, tuple[Published, Path]]) -> Added:
    """`embedding_models add` of one of the two, without its seconds of work."""

    def add(name: str) -> EmbeddingModel:
        made, copy = published[name]
        artifacts.publish(copy, made.graph_sha256)
        shutil.copy(copy, artifacts.cache_path(made.graph_sha256))
        return EmbeddingModel.objects.create(
            name=made.name,
            source=made.source,
            weights=made.weights,
            weights_sha256=made.weights_sha256,
            graph_sha256=made.graph_sha256,
            **EmbeddingModel.fields_of(made.spec),
        )

    return add
