"""Embedding models for tests: a real network, exported once a run, and tiny made-up ones for search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from ml.embedder import export_in_own_process
from recommendations import graphs
from recommendations.models import EmbeddingModel, ModelState


@pytest.fixture(scope="session")
def exported_network() -> dict[str, Any]:
    """A seeded untrained ResNet50 as the product exports it; the graph lies in the cache."""
    partial = settings.VAR_DIR / "cache" / "models" / "exporting.onnx"
    partial.parent.mkdir(parents=True, exist_ok=True)
    exported = export_in_own_process("untrained", partial, settings.VAR_DIR / "cache")
    partial.rename(graphs.cache_path(exported["graph_sha256"]))
    return exported


@pytest.fixture
def network(db: None, exported_network: dict[str, Any]) -> EmbeddingModel:
    """The active model of a shop whose network really runs."""
    spec = exported_network["spec"]
    graphs.publish(Path(graphs.cache_path(exported_network["graph_sha256"])), exported_network["graph_sha256"])
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
