"""Workers that die or are told to end in the middle of their work."""

from __future__ import annotations

import pytest

from tests.faults.own_shop import OwnShop

pytestmark = pytest.mark.slow


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
    """Its message comes back after an hour; the sweep, when the leases end."""
    worker = own_shop.start("worker", **own_shop.hold())
    own_shop.start("scheduler")
    accepted = own_shop.add_pictures(5)
    own_shop.until_processing(5)
    worker.kill()
    own_shop.let_go()
    own_shop.start("worker")
    own_shop.assert_nothing_lost(accepted)
    assert own_shop.attempts() == {2: 5}
