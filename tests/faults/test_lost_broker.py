"""Redis stops, forgets, fills up or falls silent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.client import HTTPException

import pytest
import redis

from recommendations.tasks import LEAST_SECONDS
from tests.faults.own_shop import RECOVERY, OwnShop, Web
from tests.faults.proxy import Proxy
from tests.pictures import picture
from tests.running import Process, until

pytestmark = pytest.mark.drill

INTERACTIVE = "interactive"
LOG_TASKS = {"FAULT_LOG_TASKS": "1"}
BEGUN, DONE = (f"{what}: recommendations.tasks.embed_images" for what in ("Begun", "Done"))


def uploaded(web: Web, seed: int) -> int:
    reply = web.upload(picture(seed=seed))
    assert reply.status == 201, reply.body
    return int(reply.json["id"])


def state(shop: OwnShop, image: int) -> str:
    found = shop.postgres.rows("SELECT state FROM recommendations_imageembedding WHERE image_id = %s", image)
    return found[0][0] if found else "pending"


def working(shop: OwnShop, worker: Process, web: Web, seed: int) -> int:
    """Check that the worker receives an upload's message, the only way without a scheduler. Returns the upload's id."""
    image = uploaded(web, seed)
    until(lambda: shop.states()["pending"] == 0, RECOVERY, shop.logs)
    assert worker.running
    return image


def until_heard(shop: OwnShop, web: Web, accepted: list[int]) -> None:
    """Upload pictures until the worker receives a message about one; there is no scheduler. Returns the accepted
    ones."""

    def heard() -> bool:
        accepted.append(uploaded(web, seed=len(accepted)))
        time.sleep(2)
        return state(shop, accepted[-1]) == "ready"

    until(heard, RECOVERY, shop.logs)


def test_a_broker_that_is_restarted_and_remembers_nothing_loses_no_picture(own_shop: OwnShop) -> None:
    worker = own_shop.start("worker", **own_shop.hold())
    own_shop.start("scheduler")
    accepted = own_shop.add_pictures(5)
    own_shop.until_processing(5)
    accepted += own_shop.add_pictures(20, interactive=True)  # their messages are all that Redis contains
    assert own_shop.redis.waiting(INTERACTIVE) > 0
    own_shop.redis.stop()
    until(lambda: "Connection to broker lost" in worker.log, RECOVERY, own_shop.logs)
    own_shop.redis.start()
    own_shop.let_go()
    own_shop.assert_nothing_lost(accepted)
    assert worker.running
    assert own_shop.attempts() == {1: 25}, "the worker finished its claimed work"


def test_a_broker_that_is_flushed_with_a_hundred_messages_loses_no_picture(own_shop: OwnShop) -> None:
    accepted = own_shop.add_pictures(100, interactive=True)
    assert own_shop.redis.waiting(INTERACTIVE) == 100
    own_shop.redis.client.flushall()
    own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost(accepted)


def test_a_backlog_is_worked_off_while_the_broker_is_away(own_shop: OwnShop) -> None:
    """Without a scheduler: pictures that would wait for the next sweep stay pending here."""
    web, worker = own_shop.web(), own_shop.start("worker", **own_shop.hold())
    accepted = own_shop.add_pictures(100)
    own_shop.until_processing(24)
    own_shop.redis.stop()
    time.sleep(LEAST_SECONDS)  # for this long the worker does not check for waiting uploads
    own_shop.let_go()
    until(lambda: own_shop.states() == {"ready": 100}, RECOVERY, own_shop.logs)
    own_shop.redis.start()
    until_heard(own_shop, web, accepted)
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost(accepted)
    assert worker.running


def test_an_upload_succeeds_while_the_broker_is_down_and_is_found_when_it_is_back(own_shop: OwnShop) -> None:
    web, worker = own_shop.web(), own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.redis.stop()
    accepted = [uploaded(web, seed) for seed in range(3)]
    assert own_shop.states() == {"pending": 3}
    ready = web.get("/readyz")
    assert (ready.status, ready.json["status"]) == (200, "degraded"), "shoppers need no broker"
    assert not ready.json["broker"].startswith("ok")
    own_shop.redis.start()
    own_shop.assert_nothing_lost(accepted)
    assert worker.running
    assert web.get("/readyz").json["status"] == "ok"


def test_a_full_broker_stops_no_upload_and_the_work_goes_on_once_there_is_room(own_shop: OwnShop) -> None:
    web, worker = own_shop.web(), own_shop.start("worker")
    scheduler = own_shop.start("scheduler")
    accepted = [working(own_shop, worker, web, seed=0)]
    own_shop.redis.client.config_set("maxmemory-policy", "noeviction")
    own_shop.redis.client.config_set("maxmemory", "1mb")
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        own_shop.redis.client.set("anything", "x")
    accepted += [uploaded(web, seed) for seed in range(1, 4)]
    assert web.get("/healthz").status == 200
    until(lambda: "OutOfMemory" in scheduler.log or "maxmemory" in scheduler.log, RECOVERY, own_shop.logs)
    own_shop.redis.client.config_set("maxmemory", "0")
    own_shop.assert_nothing_lost(accepted)
    assert worker.running, worker.log
    assert scheduler.running, scheduler.log


@pytest.fixture
def proxy(own_shop: OwnShop) -> Iterator[Proxy]:
    """Between the shop's processes and their broker."""
    proxy = Proxy(own_shop.redis.socket)
    own_shop.environment["REDIS_URL"] = f"redis://127.0.0.1:{proxy.port}/0"
    yield proxy
    proxy.close()


def test_a_worker_goes_on_after_its_connections_were_reset(own_shop: OwnShop, proxy: Proxy) -> None:
    web, worker = own_shop.web(), own_shop.start("worker")
    accepted = [working(own_shop, worker, web, seed=0)]
    before = proxy.connections
    proxy.reset()
    until(lambda: proxy.connections > before, RECOVERY, own_shop.logs)
    accepted.append(working(own_shop, worker, web, seed=1))
    own_shop.assert_nothing_lost(accepted)


def test_a_worker_goes_on_after_its_connections_fell_silent(own_shop: OwnShop, proxy: Proxy) -> None:
    """The worker has an unfinished message, and its acknowledgement is lost."""
    web, worker = own_shop.web(), own_shop.start("worker", **own_shop.hold())
    accepted = [uploaded(web, seed=0)]
    own_shop.until_processing(1)
    proxy.swallow()
    accepted.append(uploaded(web, seed=1))
    own_shop.let_go()
    until(lambda: "Couldn't ack" in worker.log, RECOVERY, own_shop.logs)
    proxy.restore()
    until_heard(own_shop, web, accepted)
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost(accepted)
    assert worker.running


def test_a_worker_goes_on_after_the_broker_dropped_all_its_clients(own_shop: OwnShop) -> None:
    web, worker = own_shop.web(), own_shop.start("worker")
    accepted = [working(own_shop, worker, web, seed=0)]
    assert own_shop.redis.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") > 0
    accepted.append(working(own_shop, worker, web, seed=1))
    own_shop.assert_nothing_lost(accepted)


def test_a_web_process_that_dies_between_commit_and_message_loses_no_picture(own_shop: OwnShop) -> None:
    web = own_shop.web(FAULT_DIE_AT_PUBLISH="1")
    with pytest.raises((OSError, HTTPException)):
        web.upload(picture())
    accepted = [pk for (pk,) in own_shop.postgres.rows("SELECT id FROM catalog_productimage")]
    assert len(accepted) == 1, "committed"
    assert own_shop.redis.waiting(INTERACTIVE) == 0
    own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost(accepted)


def test_a_message_that_is_delivered_ten_times_makes_one_vector(own_shop: OwnShop) -> None:
    accepted = own_shop.add_pictures(1)
    for _ in range(10):
        own_shop.send("recommendations.tasks.embed_images", [accepted])
    assert own_shop.redis.waiting(INTERACTIVE) == 10
    workers = [own_shop.start("worker", **own_shop.hold()) for _ in range(2)]
    until(lambda: own_shop.redis.waiting(INTERACTIVE) <= 8, RECOVERY, own_shop.logs)
    own_shop.let_go()
    until(lambda: own_shop.redis.waiting(INTERACTIVE) == 0, RECOVERY, own_shop.logs)
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.attempts() == {1: 1}
    assert all(worker.running for worker in workers)


def test_a_message_that_is_delivered_again_while_it_is_worked_on_makes_one_vector(own_shop: OwnShop) -> None:
    """A broker redelivers a message that was not acknowledged in time, here after 2 seconds."""
    own_shop.environment["EMBEDDING_LEASE_SECONDS"] = "120"
    own_shop.environment["FAULT_VISIBILITY_TIMEOUT"] = "2"
    accepted = own_shop.add_pictures(1)
    own_shop.redis.client.flushall()
    own_shop.send("recommendations.tasks.embed_images", [accepted])
    first = own_shop.start("worker", **own_shop.hold(), **LOG_TASKS)
    own_shop.until_processing(1)
    second = own_shop.start("worker", **own_shop.hold(), **LOG_TASKS)
    until(lambda: DONE in second.log, RECOVERY, own_shop.logs)  # it found nothing to take
    own_shop.let_go()
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.attempts() == {1: 1}
    assert BEGUN in first.log


def test_messages_that_nobody_understands_are_dropped_and_their_work_is_found(own_shop: OwnShop) -> None:
    """Like after an upgrade with messages of the previous version in the queue."""
    worker = own_shop.start("worker")
    own_shop.start("scheduler")
    accepted = own_shop.add_pictures(3, REDIS_URL="redis://127.0.0.1:1/0")  # of this version there is no message
    own_shop.send("recommendations.tasks.embed_images_of_old", [accepted], queue=INTERACTIVE)
    own_shop.send("recommendations.tasks.embed_images", [accepted, "an argument of old"])
    own_shop.send("recommendations.tasks.embed_images", [[10**9]])
    own_shop.send("recommendations.tasks.embed_pending", [], queue="queue-of-old")
    until(lambda: own_shop.redis.waiting(INTERACTIVE) == 0, RECOVERY, own_shop.logs)
    own_shop.assert_nothing_lost(accepted)
    assert worker.running
