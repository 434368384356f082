"""A release brings another edition of a bundled model, or no longer contains one: the shop's vectors stay."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.test import Client

from ml.pictures.codec import to_input
from ml.runtimes.onnx import OnnxEmbedder
from ml.weights import editions
from recommendations.lifecycle import artifacts, bundled, restoring, switching
from recommendations.models import EmbeddingModel, ImageEmbedding, ModelState
from recommendations.monitoring.status import model_warnings
from recommendations.pipeline import worker
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

RELEASED = editions.BUNDLED
Release = Callable[..., None]
#: Another network than that of the first edition, under the name of a second one.
SECOND = {"lookalike-fashion-2": RELEASED / "lookalike-general-1.onnx"}


@pytest.fixture
def release(transactional_db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Install a release with the first edition, with others, or both. Earlier editions stay listed."""
    folder = tmp_path / "weights"
    folder.mkdir()
    settings.VAR_DIR, settings.MEDIA_ROOT = tmp_path / "var", tmp_path / "media"
    settings.EMBEDDING_WEIGHTS = "lookalike-fashion"
    monkeypatch.setattr(editions, "BUNDLED", folder)
    for name in ("_said", "_tried_at"):
        monkeypatch.setattr(restoring, name, {})

    def install(*, first: bool, **others: Path) -> None:
        for file in folder.glob("*.onnx"):
            file.unlink()
        files = {"lookalike-fashion-1": RELEASED / "lookalike-fashion-1.onnx", **others}
        for name, file in files.items():
            if first or name in others:
                shutil.copyfile(file, folder / f"{name}.onnx")
        lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {name}.onnx" for name, file in files.items()]
        (folder / editions.SUMS).write_text("\n".join(lines))
        monkeypatch.setattr(artifacts, "_loaded", {})  # every process starts again
        shutil.rmtree(settings.VAR_DIR / "cache", ignore_errors=True)

    install(first=True)
    return install


def embed(shop: Shopkeeper, seed: int) -> ImageEmbedding:
    """Upload a picture, and let a worker do everything that it finds to do."""
    image = shop.image(shop.product(), picture(seed=seed))
    worker.sweep()
    worker.drain()
    return ImageEmbedding.objects.get(image=image)


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False], ids=["next to the first", "instead of it"])
def test_a_new_edition_changes_no_vector_of_a_shop(
    release: Release, shop: Shopkeeper, client: Client, settings: Any, first: bool
) -> None:
    before = embed(shop, seed=1)
    model = EmbeddingModel.objects.get()
    assert (model.name, model.weights, model.state) == ("lookalike-fashion", "lookalike-fashion-1", ModelState.ACTIVE)
    release(first=first, **SECOND)
    after = embed(shop, seed=2)
    assert EmbeddingModel.objects.get() == model
    stored = OnnxEmbedder(Path(default_storage.path(artifacts.storage_name(model.graph_sha256))))
    (expected,) = stored.embed([to_input(picture(seed=2), model.spec)])
    assert expected @ np.asarray(after.vector) > 0.999
    kept = ImageEmbedding.objects.get(pk=before.pk)
    assert (kept.embedded_at, kept.vector) == (before.embedded_at, before.vector)
    for setting in ("", "bundled", "lookalike-fashion", "lookalike-fashion-1"):
        settings.EMBEDDING_WEIGHTS = setting
        assert client.get("/readyz").json()["weights"] == "ok"
        assert model_warnings(model) == []
    settings.EMBEDDING_WEIGHTS = "lookalike-fashion-2"
    assert "lookalike-fashion-2) does not match the active model" in client.get("/readyz").json()["weights"]


@pytest.mark.slow
def test_a_new_edition_is_offered_and_gets_a_name_of_its_own(release: Release, shop: Shopkeeper) -> None:
    embed(shop, seed=1)
    release(first=True, **SECOND)
    offer = bundled.suggestion()
    assert offer is not None
    assert (offer.edition.name, offer.is_update) == ("lookalike-fashion-2", True)
    added = switching.add_model(offer.edition.model)
    assert (added.name, added.weights) == ("lookalike-fashion-2", "lookalike-fashion-2")
    assert bundled.offers() == []


@pytest.mark.slow
def test_a_new_shop_gets_the_newest_edition_and_a_shop_can_have_both(release: Release, shop: Shopkeeper) -> None:
    release(first=True, **SECOND)
    embed(shop, seed=1)
    assert EmbeddingModel.objects.get().weights == "lookalike-fashion-2"
    former = switching.add_model("lookalike-fashion-1")
    assert (former.name, former.state) == ("lookalike-fashion-1", ModelState.DRAFT)
    with pytest.raises(switching.LifecycleError, match="here already, as model lookalike-fashion"):
        switching.add_model("bundled")


@pytest.mark.slow
@pytest.mark.parametrize("recorded", ["lookalike-fashion-1", "bundled"], ids=["edition", "as an earlier release did"])
def test_a_lost_artifact_is_made_again_from_its_edition_or_the_remedy_is_named(
    release: Release, shop: Shopkeeper, client: Client, recorded: str
) -> None:
    embed(shop, seed=1)
    EmbeddingModel.objects.update(weights=recorded)
    model = EmbeddingModel.objects.get()
    release(first=True, **SECOND)
    default_storage.delete(artifacts.storage_name(model.graph_sha256))
    restoring.restore_lost_networks()
    assert artifacts.is_stored(model)
    release(first=False, **SECOND)
    default_storage.delete(artifacts.storage_name(model.graph_sha256))
    with pytest.raises(artifacts.ModelUnavailable) as error:
        restoring.restore_network(model)
    for part in ("does not contain lookalike-fashion-1, only lookalike-fashion-2", "from a backup"):
        assert part in str(error.value)
    assert "missing" in client.get("/readyz").json()["weights"]
