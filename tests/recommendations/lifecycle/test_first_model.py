"""How a shop comes by its first model, and that it never changes silently."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from recommendations.lifecycle import artifacts
from recommendations.lifecycle.artifacts import ModelUnavailable
from recommendations.lifecycle.switching import ensure_active_model
from recommendations.models import EmbeddingModel
from recommendations.monitoring.status import model_warnings, weights_disagreement
from recommendations.pipeline import worker
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_first_model_is_made_from_the_setting_published_and_active(settings: Any) -> None:
    settings.EMBEDDING_WEIGHTS = "untrained"
    said: list[str] = []
    model = ensure_active_model(log=said.append)
    assert EmbeddingModel.objects.active() == model
    assert (model.source, model.dimension, model.untrained) == ("untrained", 2048, True)
    assert default_storage.exists(artifacts.storage_name(model.graph_sha256))
    assert any("UNTRAINED" in line for line in said), "loudly"
    assert ensure_active_model() == model


def test_a_weights_file_that_is_missing_is_one_clear_error_and_pictures_stay_pending(
    shop: Shopkeeper, settings: Any, tmp_path: Path
) -> None:
    image = shop.image(shop.product())
    settings.EMBEDDING_WEIGHTS = str(tmp_path / "absent.npz")
    with pytest.raises(ModelUnavailable, match=r"absent\.npz"):
        worker.embed_now([image.pk])
    assert not EmbeddingModel.objects.exists()


def test_a_corrupt_weights_file_is_refused_by_name(settings: Any, tmp_path: Path) -> None:
    file = tmp_path / "broken.npz"
    file.write_bytes(b"PK\x03\x04 not really")
    settings.EMBEDDING_WEIGHTS = str(file)
    with pytest.raises(ModelUnavailable, match=r"broken\.npz"):
        ensure_active_model()


def test_without_the_onnx_package_the_message_says_where_the_model_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "onnx" else real(name, *a))
    with pytest.raises(ModelUnavailable, match=r"requirements/worker\.txt"):
        ensure_active_model()


@pytest.mark.slow
def test_a_setting_that_disagrees_with_the_active_model_is_reported_and_leaves_the_shop_in_service(
    network: EmbeddingModel, settings: Any, client: Client
) -> None:
    assert client.get("/readyz").status_code == 200
    settings.EMBEDDING_WEIGHTS = "imagenet"
    response = client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert "does not match the active model" in response.json()["weights"]
    assert EmbeddingModel.objects.active() == network, "never a silent switch"


def test_a_weights_file_agrees_by_its_hash(network: EmbeddingModel, settings: Any, tmp_path: Path) -> None:
    import hashlib

    file = tmp_path / "weights.npz"
    file.write_bytes(b"weights")
    settings.EMBEDDING_WEIGHTS = str(file)
    assert weights_disagreement(network)
    EmbeddingModel.objects.update(weights_sha256=hashlib.sha256(b"weights").hexdigest())
    network.refresh_from_db()
    assert weights_disagreement(network) is None
    settings.EMBEDDING_WEIGHTS = str(tmp_path / "gone.npz")
    assert "which does not exist" in (weights_disagreement(network) or "")


@pytest.mark.slow
def test_untrained_weights_are_a_warning_everywhere(network: EmbeddingModel, admin_client: Client) -> None:
    assert any("UNTRAINED" in warning for warning in model_warnings(network))
    for url in ("/admin/", "/admin/catalog/product/", "/admin/catalog/product/add/"):
        assert b"UNTRAINED" in admin_client.get(url).content


def test_trained_weights_are_no_warning(plane: EmbeddingModel, admin_client: Client, settings: Any) -> None:
    settings.EMBEDDING_WEIGHTS = ""
    assert b"UNTRAINED" not in admin_client.get("/admin/").content


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_lost_network_is_made_again_from_its_weights(
    network: EmbeddingModel, client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.EMBEDDING_WEIGHTS = "untrained"
    monkeypatch.setattr(artifacts, "_loaded", {})
    shop = Shopkeeper()
    image = shop.image(shop.product())
    path = artifacts.cache_path(network.graph_sha256)
    kept = path.read_bytes()
    default_storage.delete(artifacts.storage_name(network.graph_sha256))
    path.unlink()
    try:
        assert "missing" in client.get("/readyz").json()["weights"]
        assert worker.embed_now([image.pk]).ready == 1
        assert client.get("/readyz").json()["status"] == "ok"
    finally:
        path.write_bytes(kept)  # other tests share it


@pytest.mark.slow
def test_a_graph_that_a_kill_cut_short_is_published_again(network: EmbeddingModel) -> None:
    name = artifacts.storage_name(network.graph_sha256)
    default_storage.delete(name)
    default_storage.save(name, ContentFile(b"half"))
    artifacts.store(artifacts.cache_path(network.graph_sha256), network.graph_sha256)
    assert default_storage.size(name) == artifacts.cache_path(network.graph_sha256).stat().st_size
