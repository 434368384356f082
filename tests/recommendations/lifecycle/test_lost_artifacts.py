"""What a shop derives and can make again, destroyed: networks in the media storage and in the cache, calibrations."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from catalog.media import quarantine
from ml.pictures.codec import to_input
from ml.runtimes import opening
from recommendations.lifecycle import artifacts, restoring, switching
from recommendations.models import EmbeddingModel, ImageEmbedding
from recommendations.pipeline import worker
from recommendations.search import calibration
from tests.models import stated
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper


@pytest.fixture
def idle(network: EmbeddingModel, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddingModel:
    """A model whose network lies in a storage and a cache of this test's own, and no picture that waits."""
    copy = artifacts.cache_path(network.graph_sha256)
    settings.VAR_DIR, settings.MEDIA_ROOT = tmp_path / "var", tmp_path / "media"
    settings.EMBEDDING_WEIGHTS = str(tmp_path / "gone.npz")  # nothing makes it again
    EmbeddingModel.objects.update(source="file", weights=settings.EMBEDDING_WEIGHTS)
    network.refresh_from_db()
    artifacts.cache_path(network.graph_sha256).parent.mkdir(parents=True)
    shutil.copy(copy, artifacts.cache_path(network.graph_sha256))
    artifacts.store(copy, network.graph_sha256)
    monkeypatch.setattr(artifacts, "_loaded", {})
    monkeypatch.setattr(restoring, "_said", {})
    monkeypatch.setattr(restoring, "_tried_at", {})
    return network


def name(model: EmbeddingModel) -> str:
    return artifacts.storage_name(model.graph_sha256)


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize("left", [None, b"", b"half a network"], ids=["gone", "empty", "truncated"])
def test_a_sweep_puts_a_lost_network_back_from_the_cache(idle: EmbeddingModel, left: bytes | None) -> None:
    default_storage.delete(name(idle))
    if left is not None:
        default_storage.save(name(idle), ContentFile(left))
    worker.sweep()
    assert artifacts.is_stored(idle)


@pytest.mark.slow
def test_a_sweep_brings_a_network_back_from_quarantine(idle: EmbeddingModel) -> None:
    """Retired since the backup that was restored."""
    artifacts.discard(idle.graph_sha256)
    assert not artifacts.cache_path(idle.graph_sha256).exists()
    worker.sweep()
    assert artifacts.is_stored(idle)
    assert quarantine.count() == 0


@pytest.mark.slow
def test_what_cannot_be_restored_is_logged_once_and_reported_and_the_sweep_goes_on(
    idle: EmbeddingModel, shop: Shopkeeper, client: Client, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    default_storage.delete(name(idle))
    artifacts.cache_path(idle.graph_sha256).unlink()
    image = shop.image(shop.product())
    for _ in range(3):
        worker.sweep()
    assert caplog.text.count("cannot be made again") == 1
    assert "gone.npz" in caplog.text
    assert ImageEmbedding.objects.get(image=image).state == "pending"
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert str(tmp_path) not in ready.content.decode()
    assert client.get("/").status_code == 200


@pytest.mark.slow
def test_a_storage_that_is_away_is_not_a_lost_network(
    idle: EmbeddingModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise ConnectionError("The media store does not answer")

    monkeypatch.setattr(default_storage, "get_modified_time", away)
    monkeypatch.setattr(restoring, "_make_again", lambda model: pytest.fail("it is there"))
    restoring.restore_lost_networks()
    assert "does not answer" in caplog.text


@pytest.mark.slow
def test_a_picture_of_a_shop_with_a_lost_network_is_embedded_after_the_sweep(
    idle: EmbeddingModel, shop: Shopkeeper
) -> None:
    default_storage.delete(name(idle))
    image = shop.image(shop.product())
    assert worker.sweep()
    shutil.rmtree(artifacts.cache_path(idle.graph_sha256).parent)
    assert worker.embed_now([image.pk]).ready == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        {"curve": 1},
        {"scores": [], "values": []},
        {"scores": "x"},
        {"kind": "dream"},
        {"certain": None},
        {"values": [1]},
    ],
    ids=str,
)
def test_a_calibration_that_cannot_be_read_is_as_good_as_none_and_is_made_again(
    plane: EmbeddingModel, shop: Shopkeeper, client: Client, damage: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    red = shop.embedded(plane, "red", [1, 0, 0])
    shop.embedded(plane, "scarlet", [1, 0.1, 0])
    stated(plane)
    EmbeddingModel.objects.update(calibration={**plane.calibration, **damage} if "curve" not in damage else damage)
    plane.refresh_from_db()
    assert calibration.calibration_of(plane) is None
    assert client.get(red.get_absolute_url()).status_code == 200
    assert client.get(f"{red.get_absolute_url()}similar/").status_code == 200
    assert client.get(f"/api/v1/products/{red.slug}/similar/").status_code == 200
    monkeypatch.setattr(calibration, "LEAST_PICTURES", 2)
    assert calibration.is_due(plane)
    calibration.calibrate_if_due(plane)
    assert calibration.calibration_of(plane) is not None


@pytest.fixture
def bundled(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[EmbeddingModel]:
    settings.VAR_DIR, settings.MEDIA_ROOT = tmp_path / "var", tmp_path / "media"
    yield switching.add_model("bundled")
    artifacts._loaded.clear()


@pytest.mark.drill
@pytest.mark.parametrize("damage", [b"", b"half a network"], ids=["empty", "truncated"])
def test_a_damaged_copy_in_int8_is_made_again(
    bundled: EmbeddingModel, settings: Any, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    settings.EMBEDDING_PRECISION = "int8"
    copy = opening.int8_path(artifacts.cache_path(bundled.graph_sha256))
    copy.write_bytes(damage)
    artifacts._loaded.clear()
    vectors = artifacts.embedder(bundled).embed([to_input(picture("red"), bundled.spec)])
    assert vectors.shape == (1, bundled.dimension)
    assert copy.stat().st_size > len(damage)
