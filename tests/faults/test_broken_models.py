"""Networks that are missing, damaged, replaced while running, or return invalid vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml.pictures.codec import to_input
from ml.runtimes.onnx import OnnxEmbedder
from tests.faults.doors import ask, search_photo
from tests.faults.network import SPEC
from tests.faults.own_shop import OwnShop, Web
from tests.pictures import picture
from tests.running import until

pytestmark = pytest.mark.drill


def run(shop: OwnShop, **environment: str) -> None:
    shop.start("worker", **environment)
    shop.start("scheduler", **environment)


def copies(shop: OwnShop) -> list[Path]:
    """Paths of the only network: in the cache and in the media storage."""
    return [*(shop.var / "cache" / "models").glob("*.onnx"), *(shop.media / "models").glob("*.onnx")]


def weights_of(web: Web) -> tuple[str, str]:
    """The status of `/readyz` and its line about the weights; the shop stays in service."""
    reply = web.get("/readyz")
    assert reply.status == 200
    return reply.json["status"], reply.json["weights"]


def test_without_a_network_health_is_red_and_pictures_stay_pending(own_shop: OwnShop) -> None:
    files = copies(own_shop)
    assert len(files) == 2
    for file in files:
        file.rename(file.with_suffix(".away"))
    accepted = ask(own_shop, "add([None] * 3)")
    web = own_shop.web()
    status, said = weights_of(web)
    assert (status, "missing" in said) == ("degraded", True), said
    assert search_photo(web, picture()).status == 503
    run(own_shop)
    until(lambda: "The pictures stay pending" in own_shop.logs(), 60, own_shop.logs)
    assert own_shop.states() == {"pending": 3}
    assert set(own_shop.attempts()) <= {0}, "none was tried"
    for file in files:
        file.with_suffix(".away").rename(file)
    own_shop.assert_nothing_lost(accepted)
    assert weights_of(web) == ("ok", "ok")


def test_a_damaged_network_is_refused_by_its_hash(own_shop: OwnShop) -> None:
    files = copies(own_shop)
    kept = files[0].read_bytes()
    for file in files:
        file.write_bytes(kept[: len(kept) // 2])
    accepted = ask(own_shop, "add([None] * 3)")
    web = own_shop.web()
    status, said = weights_of(web)
    assert (status, "damaged" in said) == ("degraded", True), said
    refused = search_photo(web, picture())
    assert (refused.status, refused.json["code"]) == (503, "model_unavailable"), refused.body
    assert "its sha256 is" in web.process.log, "for the operator; a shopper can do nothing about it"
    run(own_shop)
    until(lambda: "The pictures stay pending" in own_shop.logs(), 60, own_shop.logs)
    assert own_shop.states() == {"pending": 3}
    files[1].write_bytes(kept)
    own_shop.assert_nothing_lost(accepted)
    assert files[0].read_bytes() == kept, "fetched again"
    assert weights_of(web) == ("ok", "ok")


def test_one_changed_byte_is_enough(own_shop: OwnShop) -> None:
    """Such a network would load but return different vectors."""
    files = copies(own_shop)
    kept = files[0].read_bytes()
    kernel = np.random.default_rng(0).normal(size=(4 * 4 * 3, SPEC.dimension)).astype(np.float32).tobytes()
    place = kept.index(kernel) + 3
    for file in files:
        file.write_bytes(kept[:place] + bytes([kept[place] ^ 1]) + kept[place + 1 :])
    accepted = ask(own_shop, "add([None])")
    run(own_shop)
    until(lambda: "The pictures stay pending" in own_shop.logs(), 60, own_shop.logs)
    assert own_shop.states() == {"pending": 1}
    for file in files:
        file.write_bytes(kept)
    own_shop.assert_nothing_lost(accepted)


def test_what_was_computed_for_the_former_model_is_not_stored_as_the_new_ones(own_shop: OwnShop) -> None:
    accepted = own_shop.add_pictures(2)
    own_shop.manage("embed_catalog")
    accepted += ask(own_shop, "add([None] * 4)")
    own_shop.chore("add_model('second', seed=1)")
    own_shop.manage("embedding_models", "build", "second", "--enqueue")
    own_shop.start("worker", **own_shop.hold())
    own_shop.start("scheduler")
    own_shop.until_processing(4)
    web = own_shop.web()
    photo = picture(seed=0, size=(40, 48))
    assert len(search_photo(web, photo).json["results"]) == 2, "of the first model, as yet"
    own_shop.manage("embedding_models", "activate", "second", "--force")
    found = search_photo(web, photo)
    assert (found.status, found.json["model"], found.json["results"]) == (200, "second", []), "none of the former's"
    own_shop.let_go()
    until(lambda: vectors(own_shop) == 12, 60, own_shop.logs)
    own_shop.assert_nothing_lost(accepted)
    networks = {path.stem: OnnxEmbedder(path) for path in (own_shop.var / "cache" / "models").glob("*.onnx")}
    rows = own_shop.postgres.rows(
        "SELECT i.file, m.graph_sha256, e.vector::text FROM recommendations_imageembedding e "
        "JOIN catalog_productimage i ON i.id = e.image_id JOIN recommendations_embeddingmodel m ON m.id = e.model_id"
    )
    assert len({graph for _, graph, _ in rows}) == 2
    for file, graph, vector in rows:
        pixels = to_input((own_shop.media / file).read_bytes(), SPEC)
        (expected,) = networks[graph].embed([pixels])
        assert float(np.fromstring(vector.strip("[]"), sep=",") @ expected) > 0.999
    found = search_photo(web, photo)
    assert found.json["model"] == "second"
    assert found.json["results"][0]["score"] > 0.999


def vectors(shop: OwnShop) -> int:
    count: int = shop.postgres.value("SELECT count(*) FROM recommendations_imageembedding WHERE state = 'ready'")
    return count


def test_what_was_computed_for_a_model_retired_meanwhile_is_dropped(own_shop: OwnShop) -> None:
    accepted = ask(own_shop, "add([None] * 4)")
    own_shop.chore("add_model('second', seed=1)")
    own_shop.manage("embedding_models", "build", "second", "--enqueue")
    own_shop.start("worker", **own_shop.hold())
    own_shop.start("scheduler")
    own_shop.until_processing(4)
    own_shop.manage("embedding_models", "activate", "second", "--force")
    own_shop.manage("embedding_models", "retire", "thumbnail")
    own_shop.let_go()
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.postgres.rows(
        "SELECT DISTINCT m.name FROM recommendations_imageembedding e "
        "JOIN recommendations_embeddingmodel m ON m.id = e.model_id"
    ) == [("second",)]


@pytest.mark.parametrize("kind", ["nan", "zero"])
def test_a_picture_without_a_vector_fails_alone(own_shop: OwnShop, kind: str) -> None:
    """A black picture, and a network that divides by the picture's brightness."""
    ask(own_shop, f"weaken_network({kind!r})")
    accepted = ask(own_shop, "add([None, 'black', None])")
    run(own_shop)
    own_shop.until_settled()
    rows = own_shop.postgres.rows("SELECT state, error_code FROM recommendations_imageembedding ORDER BY image_id")
    assert rows == [("ready", ""), ("failed", "bad_vector"), ("ready", "")]
    own_shop.assert_nothing_lost(accepted, failed=1)


def test_vectors_of_a_wrong_size_are_never_stored(own_shop: OwnShop) -> None:
    ask(own_shop, "weaken_network('wide')")
    accepted = ask(own_shop, "add([None] * 3)")
    run(own_shop)
    own_shop.until_settled()
    rows = own_shop.postgres.rows("SELECT DISTINCT state, error_code, vector FROM recommendations_imageembedding")
    assert rows == [("failed", "bad_vector", None)]
    own_shop.assert_nothing_lost(accepted, failed=3)


def test_a_network_of_another_kind_than_its_model_is_refused(own_shop: OwnShop) -> None:
    pooling = "UPDATE recommendations_embeddingmodel SET spec_meta = jsonb_set(spec_meta, '{pooling}', %s)"
    own_shop.postgres.rows(pooling, '"max"')
    accepted = ask(own_shop, "add([None])")
    run(own_shop)
    until(lambda: "was made for other vectors" in own_shop.logs(), 60, own_shop.logs)
    assert own_shop.states() == {"pending": 1}
    own_shop.postgres.rows(pooling, '"avg"')
    own_shop.assert_nothing_lost(accepted)
