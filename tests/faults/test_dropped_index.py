"""Search works without the vector index."""

from __future__ import annotations

import pytest

from tests.faults.own_shop import RECOVERY, OwnShop
from tests.running import until

pytestmark = pytest.mark.drill

INDEXES = "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'embedding_hnsw_model_%%'"


def test_without_the_vector_index_answers_are_the_same_and_the_next_sweep_builds_it(own_shop: OwnShop) -> None:
    own_shop.environment["EMBEDDING_INDEX_MIN_ROWS"] = "20"
    worker = own_shop.start("worker")
    accepted = own_shop.add_pictures(40)
    own_shop.until_settled()
    until(lambda: own_shop.postgres.rows(INDEXES), RECOVERY, own_shop.logs)
    web = own_shop.web()
    asked = [f"/api/v1/products/p{number}/similar/?limit=10" for number in range(1, 40, 4)]
    before = [web.get(path).json["results"] for path in asked]
    assert {len(results) for results in before} == {10}
    ((index,),) = own_shop.postgres.rows(INDEXES)
    own_shop.postgres.rows(f'DROP INDEX "{index}"')
    assert [web.get(path).json["results"] for path in asked] == before
    assert not own_shop.postgres.rows(INDEXES), "or nothing was shown"
    own_shop.start("scheduler")
    until(lambda: own_shop.postgres.rows(INDEXES), RECOVERY, own_shop.logs)
    assert [web.get(path).json["results"] for path in asked] == before
    own_shop.assert_nothing_lost(accepted)
    assert worker.running
