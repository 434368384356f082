"""Sweeps find work without messages: several at once, none at all, and with different clocks."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.faults.clocks import skewed
from tests.faults.own_shop import RECOVERY, OwnShop
from tests.running import until

pytestmark = pytest.mark.drill

EMBED = [sys.executable, "manage.py", "embed_catalog", "--missing"]


def test_several_at_once_claim_every_picture_once(own_shop: OwnShop) -> None:
    """Each of three starts like a sweep, with the pictures that have no row yet."""
    accepted = own_shop.add_pictures(100)
    several = [own_shop.start("embed", command=EMBED, **own_shop.hold()) for _ in range(3)]
    # Each claims at most four batches of 8 before its first pass is done, so only three can claim all of them.
    until(lambda: own_shop.states()["processing"] > 64, RECOVERY, own_shop.logs)
    own_shop.let_go()
    assert [one.ended(RECOVERY) for one in several] == [0, 0, 0], own_shop.logs()
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.attempts() == {1: 100}
    done = [int(re.findall(r"^(\d+) pictures embedded", one.log, re.M)[0]) for one in several]
    assert sum(done) == 100, "one forward pass a picture"
    assert all(done)


def test_with_a_dead_scheduler_the_age_of_what_waits_grows_and_a_command_recovers(own_shop: OwnShop) -> None:
    own_shop.start("worker")
    accepted = own_shop.add_pictures(3, REDIS_URL="redis://127.0.0.1:1/0")
    first = json.loads(own_shop.manage("pipeline_status", "--json"))
    assert (first["total"], first["pending"]) == (3, 3)
    second = json.loads(own_shop.manage("pipeline_status", "--json"))
    assert second["oldest_pending_s"] > first["oldest_pending_s"] > 0
    own_shop.manage("embed_catalog", "--missing")
    own_shop.assert_nothing_lost(accepted)
    assert json.loads(own_shop.manage("pipeline_status", "--json"))["oldest_pending_s"] is None


@pytest.mark.parametrize("seconds", [7200, -7200], ids=["fast", "slow"])
def test_a_worker_whose_clock_is_two_hours_wrong_robs_nobody_and_hears_every_sweep(
    own_shop: OwnShop, tmp_path: Path, seconds: int
) -> None:
    long = {"EMBEDDING_LEASE_SECONDS": "600"}
    honest = own_shop.start("worker", **own_shop.hold("honest"), **long)
    accepted = own_shop.add_pictures(5)
    own_shop.until_processing(5)
    wrong = own_shop.start("worker", **own_shop.hold("wrong"), **skewed(tmp_path, seconds))
    own_shop.let_go("wrong")
    own_shop.start("scheduler")
    accepted += own_shop.add_pictures(3, REDIS_URL="redis://127.0.0.1:1/0")  # only the sweep can tell
    until(lambda: own_shop.states()["ready"] == 3, RECOVERY, own_shop.logs)
    assert own_shop.states() == {"ready": 3, "processing": 5}, "leases are the database's"
    own_shop.hold("wrong")
    own_shop.let_go("honest")
    until(lambda: own_shop.states() == {"ready": 8}, RECOVERY, own_shop.logs)
    honest.stop()
    accepted += own_shop.add_pictures(2)
    own_shop.until_processing(2)
    wrong.kill()
    own_shop.start("worker")
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.attempts() == {1: 8, 2: 2}
