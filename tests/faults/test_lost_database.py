"""Postgres crashes, becomes unreachable, ends sessions, runs out of disk space, or changes its tables."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.faults.disks import fill, small_disk
from tests.faults.own_shop import RECOVERY, OwnShop, Web
from tests.pictures import picture
from tests.running import until

pytestmark = pytest.mark.drill


def test_a_database_that_crashes_in_the_middle_of_a_task_keeps_what_was_committed(own_shop: OwnShop) -> None:
    web, worker = own_shop.web(), own_shop.start("worker", **own_shop.hold())
    own_shop.start("scheduler")
    accepted = own_shop.add_pictures(5)
    own_shop.until_processing(5)
    reply = web.upload(picture(seed=0))
    assert reply.status == 201
    own_shop.postgres.crash()
    own_shop.let_go()
    until(lambda: "OperationalError" in worker.log, RECOVERY, own_shop.logs)
    own_shop.postgres.start()
    own_shop.assert_nothing_lost([*accepted, reply.json["id"]])
    assert worker.running
    assert own_shop.attempts() == {1: 1, 2: 5}


END_WHO_WAITS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
     WHERE wait_event_type = 'Lock' AND query LIKE '%UPDATE recommendations_imageembedding%' AND pid <> pg_backend_pid()
"""


def test_a_session_that_is_ended_while_it_stores_its_vectors_costs_no_picture_an_attempt(own_shop: OwnShop) -> None:
    worker = own_shop.start("worker", **own_shop.hold())
    own_shop.start("scheduler")
    accepted = own_shop.add_pictures(5)
    own_shop.until_processing(5)
    with psycopg.connect(own_shop.postgres.url) as blocking:
        blocking.execute("LOCK TABLE recommendations_imageembedding IN SHARE MODE")
        own_shop.let_go()
        until(lambda: own_shop.postgres.value(END_WHO_WAITS) > 0, RECOVERY, own_shop.logs)
    until(lambda: "terminating connection" in worker.log, RECOVERY, own_shop.logs)
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.attempts() == {1: 5}


def test_while_the_database_is_down_every_page_says_so_and_afterwards_they_are_back(own_shop: OwnShop) -> None:
    accepted = own_shop.add_pictures(1)
    web = own_shop.web()
    pages = ["/", "/p/p1/", "/api/v1/products/", "/admin/"]
    assert [web.get(page).status for page in pages] == [200, 200, 200, 302]
    own_shop.postgres.stop()
    with ThreadPoolExecutor(8) as pool:  # each may wait for a connection
        upload = pool.submit(web.upload, picture())
        signed_in = pool.submit(web.request, "GET", "/admin/", headers={"Cookie": "sessionid=" + "a" * 32})
        replies = [*pool.map(web.get, pages[:3]), upload.result(), signed_in.result()]
        ready, healthy = web.get("/readyz"), web.get("/healthz")
    for reply in replies:
        assert reply.status == 503, reply
        assert reply.headers["Retry-After"]
        assert "Traceback" not in reply.body
        assert "psycopg" not in reply.body
    assert (ready.status, healthy.status) == (503, 200)
    assert ready.json["database"] != "ok"
    assert "Traceback" not in web.process.log, web.process.log
    own_shop.postgres.start()
    until(lambda: web.get("/").status == 200, RECOVERY, own_shop.logs)
    assert [web.get(page).status for page in pages] == [200, 200, 200, 302]
    own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost(accepted)


@pytest.mark.mounts
def test_a_database_whose_disk_is_full_recovers_once_there_is_room(
    open_shop: Callable[..., OwnShop], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "var" / "postgres", "160m") as disk, closing(open_shop()) as shop:
        web, worker = shop.web(), shop.start("worker", **shop.hold())
        scheduler = shop.start("scheduler")
        accepted = shop.add_pictures(5)
        shop.until_processing(5)
        ballast = fill(disk)
        write_until_refused(shop)
        shop.let_go()
        until(lambda: "OperationalError" in worker.log or "DiskFull" in worker.log, RECOVERY, shop.logs)
        assert refused(web)
        ballast.unlink()
        shop.postgres.start_when_possible()
        shop.assert_nothing_lost(accepted)
        assert worker.running
        assert scheduler.running
        reply = web.upload(picture())
        assert reply.status == 201, reply.body
        shop.assert_nothing_lost([*accepted, reply.json["id"]])


def write_until_refused(shop: OwnShop) -> None:
    """Also fill the existing files of the write-ahead log: a full disk then stops the server, not only one session."""
    try:
        for _ in range(300):
            shop.postgres.rows("SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000))")
    except psycopg.OperationalError:
        return
    pytest.fail("the disk never was full")


def refused(web: Web) -> bool:
    reply = web.upload(picture())
    return reply.status == 503 and reply.json["code"] == "unavailable"


HOLDS_THE_TABLE = """
    SELECT count(*) FROM pg_locks
     WHERE relation = 'recommendations_imageembedding'::regclass AND mode = 'AccessExclusiveLock' AND granted
"""


def test_tables_may_change_while_workers_are_in_the_middle_of_a_batch(own_shop: OwnShop) -> None:
    worker = own_shop.start("worker", **own_shop.hold())
    accepted = own_shop.add_pictures(40)
    own_shop.until_processing(8)
    migrate = own_shop.start("migrate", command=[sys.executable, "manage.py", "migrate", "faults"], FAULT_LOG_TASKS="1")
    until(lambda: own_shop.postgres.value(HOLDS_THE_TABLE) == 1, RECOVERY, own_shop.logs)
    own_shop.let_go()
    assert migrate.ended() == 0, migrate.log
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.attempts().keys() <= {1, 2}, "a lease may end while the table is locked"
    assert "Traceback" not in worker.log, worker.log
