"""Workers that die or are stopped in the middle of their work."""

from __future__ import annotations

import pytest

from tests.faults.own_shop import OwnShop
from tests.running import until

pytestmark = pytest.mark.drill


def test_a_child_killed_in_the_middle_of_its_batch_costs_one_attempt(own_shop: OwnShop) -> None:
    worker = own_shop.start("worker", **own_shop.hold())
    own_shop.start("scheduler")
    accepted = own_shop.add_pictures(5)
    own_shop.until_processing(5)
    worker.kill_child()
    own_shop.let_go()
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.attempts() == {2: 5}


def test_a_worker_killed_with_all_its_children_loses_nothing(own_shop: OwnShop) -> None:
    """Its message returns after an hour; the sweep finds the work when the leases expire."""
    worker = own_shop.start("worker", **own_shop.hold())
    own_shop.start("scheduler")
    accepted = own_shop.add_pictures(5)
    own_shop.until_processing(5)
    worker.kill()
    own_shop.let_go()
    own_shop.start("worker")
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.attempts() == {2: 5}


def test_a_worker_told_to_end_finishes_its_batch_and_gives_back_the_others(own_shop: OwnShop) -> None:
    worker = own_shop.start("worker", **own_shop.hold())
    accepted = own_shop.add_pictures(40)
    own_shop.until_processing(24)  # a batch of 8 in the network, and two decoded ahead
    worker.terminate()
    until(lambda: "Warm shutdown" in worker.log, 10, own_shop.logs)
    own_shop.let_go()
    assert worker.ended() == 0
    assert own_shop.states() == {"ready": 8, "pending": 32}, own_shop.logs()
    own_shop.start("worker")
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.attempts() == {1: 40}, "nothing was cut off"


def test_a_worker_told_to_end_in_the_middle_of_a_long_pass_gives_the_batch_back(own_shop: OwnShop) -> None:
    own_shop.environment["EMBEDDING_LEASE_SECONDS"] = "3600"
    worker = own_shop.start("worker", **own_shop.hold())
    accepted = own_shop.add_pictures(12)
    own_shop.until_processing(12)
    worker.terminate()
    worker.ended()
    assert own_shop.states() == {"pending": 12}, own_shop.logs()
    own_shop.let_go()
    own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.attempts() == {1: 12}, "the pictures were not at fault"
