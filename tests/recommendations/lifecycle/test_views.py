"""The views of a picture: recorded with the model, paid for at indexing, and never changed silently."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from catalog.decoding import to_input
from catalog.models import ProductImage
from ml.files import features
from ml.runtimes.onnx import OnnxEmbedder
from recommendations.lifecycle import artifacts, switching
from recommendations.lifecycle.publishing import Published
from recommendations.lifecycle.vector_files import TransferError, model_for
from recommendations.models import EmbeddingModel, ImageEmbedding, ModelState
from recommendations.monitoring.status import model_warnings
from recommendations.pipeline import worker
from recommendations.search.photo import embed_photo
from tests.models import Added
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper


def run(command: str, *arguments: object) -> str:
    out = io.StringIO()
    call_command(command, *map(str, arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def image(shop: Shopkeeper) -> ProductImage:
    return shop.image(shop.product(), picture("red", seed=3))


def stored(image: ProductImage, model: EmbeddingModel) -> np.ndarray:
    vector = ImageEmbedding.objects.get(image=image, model=model).vector
    return np.asarray(vector, np.float32)


def computed(image: ProductImage, model: EmbeddingModel, views: int) -> np.ndarray:
    with image.file.open() as file:
        inputs = to_input(file.read(), model.spec)
    found: np.ndarray = artifacts.embedder(model).embed([inputs], views=views)[0]
    return found


@pytest.mark.slow
def test_a_model_keeps_its_views_whatever_the_setting_says(
    network: EmbeddingModel, image: ProductImage, settings: Any
) -> None:
    settings.EMBEDDING_VIEWS = 4
    worker.embed_now([image.pk])
    assert network.views == 1, "as every model of an earlier release"
    np.testing.assert_allclose(stored(image, network), computed(image, network, 1), atol=1e-3)
    (warning,) = [each for each in model_warnings(network) if "EMBEDDING_VIEWS" in each]
    assert "--views 4" in warning
    settings.EMBEDDING_VIEWS = 1
    assert not any("EMBEDDING_VIEWS" in each for each in model_warnings(network))


@pytest.mark.slow
def test_a_worker_stores_the_average_and_a_photo_is_embedded_in_one_view(
    network: EmbeddingModel, image: ProductImage
) -> None:
    EmbeddingModel.objects.update(views=4)
    worker.embed_now([image.pk])
    expected = computed(image, network, 4)
    np.testing.assert_allclose(stored(image, network), expected, atol=1e-3)
    assert np.abs(expected - computed(image, network, 1)).max() > 2e-3
    with image.file.open() as file:
        photo = embed_photo(file.read())
    np.testing.assert_allclose(photo.vector, computed(image, network, 1), atol=1e-3)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_more_views_of_the_same_weights_are_another_model_next_to_the_first(
    image: ProductImage, added: Added, split: str, settings: Any, tmp_path: Path
) -> None:
    one = added("split")
    run("embedding_models", "build", "split")
    settings.EMBEDDING_VIEWS = 2
    said = run("embedding_models", "add", split)
    assert said.startswith("split-views-2 is a draft: resnet50, 24-d, 40 px, max pooling, 2 views.")
    with pytest.raises(CommandError, match=r"here already, as model split-views-2 \(draft\)"):
        run("embedding_models", "add", split, "--views", 2)
    with pytest.raises(CommandError, match=r"here already, as model split \(ready\)"):
        run("embedding_models", "add", split, "--views", 1)
    run("embedding_models", "build", "split-views-2")
    two = EmbeddingModel.objects.get(views=2)
    np.testing.assert_allclose(stored(image, two), computed(image, two, 2), atol=1e-3)
    np.testing.assert_allclose(stored(image, one), computed(image, one, 1), atol=1e-3)
    listed = json.loads(run("embedding_models", "list", "--json"))["models"]
    assert {model["name"]: model["views"] for model in listed} == {"split": 1, "split-views-2": 2}

    # Out and in again: the file says which of them its vectors belong to.
    before, file = stored(image, two).tolist(), tmp_path / "two.npz"
    run("export_embeddings", file, "--model", "split-views-2")
    read = features.load(file)
    assert read.meta["views"] == 2
    ImageEmbedding.objects.filter(model=two).delete()
    with pytest.raises(CommandError, match=r"and 2 views, not with model split:"):
        run("import_embeddings", file, "--model", "split")
    assert "1 vectors of split-views-2 written" in run("import_embeddings", file)
    assert stored(image, two).tolist() == before
    for views in (3, "2", True):
        read.meta["views"] = views
        with pytest.raises(TransferError, match="views must be 1, 2, 4"):
            model_for(read, None, print)

    # They share one artifact, which stays as long as one of them needs it.
    assert two.graph_sha256 == one.graph_sha256
    switching.retire("split-views-2")
    assert artifacts.is_stored(one)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_first_model_of_a_shop_has_the_views_of_the_setting(
    image: ProductImage, split: str, settings: Any, published: dict[str, tuple[Published, Path]]
) -> None:
    settings.EMBEDDING_WEIGHTS, settings.EMBEDDING_VIEWS = split, 2
    worker.embed_now([image.pk])
    model = EmbeddingModel.objects.get(state=ModelState.ACTIVE)
    assert (model.name, model.views) == ("split-views-2", 2)
    network = OnnxEmbedder(published["split"][1])
    with image.file.open() as file:
        expected = network.embed([to_input(file.read(), model.spec)], views=2)[0]
    np.testing.assert_allclose(stored(image, model), expected, atol=1e-3)
