"""A host that would compute wrong vectors computes none, and says so where operators look."""

from __future__ import annotations

import logging
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from django.core.management import call_command
from django.test import Client
from onnx import helper, numpy_helper

from ml.pictures.codec import to_input
from ml.runtimes import golden, opening
from ml.runtimes.onnx import open_session
from ml.weights import GOLDEN, sha256_of
from recommendations.lifecycle import artifacts, switching
from recommendations.lifecycle.refusals import FORGET, refusals
from recommendations.models import EmbeddingModel, ImageEmbedding, Refusal
from recommendations.monitoring.status import pipeline_status
from recommendations.pipeline import worker
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wrong_here(network: EmbeddingModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> EmbeddingModel:
    """The active model; its graph gives other vectors here than it knows."""
    monkeypatch.setattr(artifacts, "_loaded", {})
    monkeypatch.setattr(artifacts, "_refused", {})
    good = artifacts.cache_path(network.graph_sha256)
    graph = onnx.load(str(good))
    kept = {entry.key: entry.value for entry in graph.metadata_props}
    opposite = -golden.run(open_session(good), network.spec)
    helper.set_model_props(graph, kept | {GOLDEN: golden.describe(opposite)})
    onnx.save(graph, str(tmp_path / "wrong.onnx"))
    network.graph_sha256 = sha256_of(tmp_path / "wrong.onnx")
    network.save(update_fields=["graph_sha256"])
    artifacts.store(tmp_path / "wrong.onnx", network.graph_sha256)
    shutil.copy(tmp_path / "wrong.onnx", artifacts.cache_path(network.graph_sha256))
    return network


@pytest.mark.drill
def test_a_host_with_wrong_numbers_stores_no_vector_and_the_pictures_stay_pending(
    wrong_here: EmbeddingModel, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = Shopkeeper()
    image = shop.image(shop.product())
    for attempt in (lambda: worker.embed_now([image.pk]), worker.drain):
        with pytest.raises(artifacts.ModelUnavailable, match=r"smallest cosine -1\.0000 .* must not embed pictures"):
            attempt()
    assert not ImageEmbedding.objects.exclude(state="pending").exists()
    assert pipeline_status().missing == 1
    (told,) = refusals(wrong_here)
    assert socket.gethostname() in told
    assert told in pipeline_status().warnings
    call_command("pipeline_status")
    assert "smallest cosine -1.0000" in capsys.readouterr().out
    assert "smallest cosine -1.0000" in client.get("/readyz").json()["weights"]
    artifacts._refused.clear()  # as in a web process, which has not loaded the network
    assert client.get("/readyz").json()["weights"].startswith("1 of the hosts would compute wrong embeddings")
    assert str(artifacts.cache_path(wrong_here.graph_sha256).parent) not in told, "no path of the server"


@pytest.mark.drill
def test_a_refusal_is_taken_back_and_those_of_vanished_hosts_are_forgotten(
    wrong_here: EmbeddingModel, exported_network: dict[str, Any], client: Client
) -> None:
    shop = Shopkeeper()
    image = shop.image(shop.product())
    with pytest.raises(artifacts.ModelUnavailable):
        worker.embed_now([image.pk])
    Refusal.objects.create(host="gone", model=wrong_here, reason="…", seen_at=Refusal.objects.get().seen_at - FORGET)
    wrong_here.graph_sha256 = exported_network["graph_sha256"]
    wrong_here.save(update_fields=["graph_sha256"])
    assert worker.embed_now([image.pk]).ready == 1
    assert refusals(wrong_here) == []
    assert pipeline_status().warnings == [switching.UNTRAINED_WARNING]
    assert client.get("/readyz").json()["weights"].startswith("ok")


@pytest.fixture
def bundled(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingModel]:
    monkeypatch.setattr(artifacts, "_loaded", {})
    model = switching.add_model("bundled")
    yield model
    artifacts.discard(model.graph_sha256)


@pytest.mark.drill
@pytest.mark.case
def test_int8_that_computes_wrongly_gives_way_to_floats(
    bundled: EmbeddingModel, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMBEDDING_PRECISION = "float"
    inputs = [to_input(picture("red", seed=number), bundled.spec) for number in range(3)]
    expected = artifacts.embedder(bundled).embed(inputs)
    settings.EMBEDDING_PRECISION = "int8"
    int8 = opening.make_int8(artifacts.cache_path(bundled.graph_sha256))
    graph = onnx.load(str(int8))
    for constant in graph.graph.initializer:  # as if large products were cut off
        values = numpy_helper.to_array(constant)
        if values.dtype == np.int8 and values.ndim == 4:
            constant.CopyFrom(numpy_helper.from_array(values.clip(-20, 20), constant.name))
    onnx.save(graph, str(int8))
    artifacts._loaded.clear()
    with caplog.at_level(logging.WARNING):
        network = artifacts.embedder(bundled)
    assert (network.in_int8, network.meta.precision) == (False, "compact")
    assert re.search(r"smallest cosine -?0\.\d{4} over 3 golden pictures, at least 0\.99 is needed", caplog.text)
    assert (network.embed(inputs) == expected).all()
    assert refusals(bundled) == [], "floats are right: the host goes on"
    artifacts.discard(bundled.graph_sha256)
    assert not int8.exists()


@pytest.mark.drill
@pytest.mark.case
def test_int8_asked_for_gives_the_vectors_of_floats_on_every_processor(bundled: EmbeddingModel, settings: Any) -> None:
    inputs = [to_input(picture("red", seed=number), bundled.spec) for number in range(8)]
    vectors = {}
    for setting in ("float", "int8"):
        settings.EMBEDDING_PRECISION = setting
        artifacts._loaded.clear()
        network = artifacts.embedder(bundled)
        assert network.in_int8 is (setting == "int8")
        vectors[setting] = network.embed(inputs)
    assert (vectors["float"] * vectors["int8"]).sum(axis=1).min() > 0.99
