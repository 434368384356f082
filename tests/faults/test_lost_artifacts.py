"""Every derived artifact is destroyed, one at a time, in an otherwise idle shop. The next sweep restores it."""

from __future__ import annotations

import shutil

import pytest

from tests.faults.doors import search_photo
from tests.faults.own_shop import RECOVERY, OwnShop
from tests.pictures import picture
from tests.running import until

pytestmark = pytest.mark.drill

ROWS = "SELECT count(*) FROM recommendations_imageembedding"
PHOTO = picture(seed=1, size=(32, 40))


def idle(shop: OwnShop) -> list[int]:
    """The shop's pictures, all embedded by the bundled model, which comes with the installation."""
    accepted = shop.add_pictures(3)
    shop.manage("embedding_models", "add", "bundled", "--name", "real")
    shop.manage("embedding_models", "build", "real")
    shop.manage("embedding_models", "activate", "real", "--force")
    shop.manage("embedding_models", "retire", "thumbnail")
    assert shop.states() == {"ready": 3}
    return accepted


@pytest.mark.case
@pytest.mark.parametrize("how", ["gone", "truncated", "one byte"])
def test_photo_search_is_back_within_one_sweep_without_any_upload(own_shop: OwnShop, how: str) -> None:
    accepted = idle(own_shop)
    shutil.rmtree(own_shop.var / "cache")
    shutil.rmtree(own_shop.media / "quarantine", ignore_errors=True)
    (graph,) = (own_shop.media / "models").glob("*.onnx")
    data = graph.read_bytes()
    if how == "gone":
        shutil.rmtree(own_shop.media / "models")
    else:
        half = len(data) // 2
        graph.write_bytes(
            data[:half] if how == "truncated" else data[:half] + bytes([data[half] ^ 1]) + data[half + 1 :]
        )
    web = own_shop.web()
    ready = web.get("/readyz")
    assert (ready.status, ready.json["status"]) == (200, "degraded"), "pages are served all the same"
    assert web.get("/").status == 200
    assert search_photo(web, PHOTO).status == 503
    own_shop.start("worker")
    own_shop.start("scheduler")
    until(lambda: web.get("/readyz").json["weights"] == "ok", RECOVERY, own_shop.logs)
    assert graph.read_bytes() == data
    found = search_photo(web, PHOTO)
    assert (found.status, len(found.json["results"])) == (200, 3), found.body
    own_shop.assert_nothing_lost(accepted)


def test_a_host_with_a_whole_copy_puts_it_back_although_the_weights_are_gone(own_shop: OwnShop) -> None:
    """The model of all fault tests, which cannot be rebuilt from weights."""
    accepted = own_shop.add_pictures(2)
    own_shop.manage("embed_catalog")
    shutil.rmtree(own_shop.media / "models")
    own_shop.start("worker")
    own_shop.start("scheduler")
    until(lambda: list((own_shop.media / "models").glob("*.onnx")), RECOVERY, own_shop.logs)
    own_shop.assert_nothing_lost(accepted)


def test_what_cannot_be_made_again_is_reported_once_with_its_remedy(own_shop: OwnShop) -> None:
    own_shop.add_pictures(2)
    own_shop.manage("embed_catalog")
    shutil.rmtree(own_shop.media / "models")
    shutil.rmtree(own_shop.var / "cache")
    worker = own_shop.start("worker")
    own_shop.start("scheduler")
    until(lambda: "cannot be made again" in worker.log, RECOVERY, own_shop.logs)
    for _ in range(2):  # further sweeps
        own_shop.postgres.rows("DELETE FROM recommendations_imageembedding")
        until(lambda: own_shop.postgres.value(ROWS) == 2, RECOVERY, own_shop.logs)
    assert worker.log.count("recommendations.lifecycle.restoring: The artifact of model") == 1
    assert "from a backup" in worker.log
    web = own_shop.web()
    ready = web.get("/readyz")
    assert (ready.status, ready.json["status"]) == (200, "degraded")
    assert "missing" in ready.json["weights"]


def test_rows_messages_and_the_schedulers_file_are_made_again(own_shop: OwnShop) -> None:
    accepted = own_shop.add_pictures(4)
    own_shop.manage("embed_catalog")
    own_shop.postgres.rows("DELETE FROM recommendations_imageembedding")
    own_shop.postgres.rows("DELETE FROM recommendations_worker")
    own_shop.redis.client.flushall()
    (own_shop.var / "celerybeat-schedule").write_bytes(b"no schedule at all" * 100)
    own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost(accepted)
    until(lambda: own_shop.postgres.value("SELECT count(*) FROM recommendations_worker") == 1, 30, own_shop.logs)
