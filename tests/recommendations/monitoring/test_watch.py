"""Checks of the search: they find nothing wrong where nothing is, and what was broken on purpose."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from catalog.models import Product
from recommendations import tasks
from recommendations.embeddings.indexes import drop_index, ensure_index, index_sql
from recommendations.models import EmbeddingModel, ModelState, SearchHealth
from recommendations.monitoring import recall_checks
from recommendations.monitoring.budgets import budgets
from recommendations.monitoring.recall import SHARES, ModelChanged, RecallCheck, hits
from recommendations.monitoring.status import model_warnings, pipeline_status
from recommendations.pipeline import nudges
from tests.recommendations.search.test_search_oracle import Shop, stock_shop
from tests.shopkeeper import Shopkeeper

COUNT = 1500
QUEUE = "maintenance"


@pytest.fixture
def indexed(transactional_db: None) -> Iterator[Shop]:
    """A catalog whose searches walk the index."""
    shop = stock_shop(COUNT, seed=2)
    assert ensure_index(shop.model)
    yield shop
    with connection.cursor() as cursor:
        cursor.execute("RESET hnsw.ef_search")
    drop_index(shop.model)


def spoil_the_index(model: EmbeddingModel) -> None:
    """A graph of few edges, in which a walk soon goes astray."""
    drop_index(model)
    with connection.cursor() as cursor:
        cursor.execute(index_sql(model).replace(" WHERE", " WITH (m = 2, ef_construction = 4) WHERE"))
        cursor.execute("SET hnsw.ef_search = 1")


def check(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("check_recall", *arguments, "--json", stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue())


# Counting


def test_a_hit_is_in_the_exact_answer_or_as_alike_as_its_last() -> None:
    exact = {1: 0.9, 2: 0.8}
    assert hits({1: 0.9, 2: 0.8}, exact) == 2
    assert hits({1: 0.9, 3: 0.8}, exact) == 2  # another SKU with the very same picture
    assert hits({1: 0.9, 3: 0.7}, exact) == 1
    assert hits({1: 0.9, 2: 0.8, 3: 0.8}, exact) == 2  # never more than there are
    assert hits({}, exact) == 0
    assert hits({1: 0.9}, {}) == 0


# Budgets


@pytest.mark.slow
@pytest.mark.django_db
def test_a_budget_leaves_the_share_that_was_asked_for(shop: Shopkeeper) -> None:
    for price in range(1, 101):
        shop.product(price=Decimal(price), published=True)
    shop.product(price=Decimal(1), published=False)
    found, notes = budgets((1.0, 0.5, 0.1, 0.01))
    assert [(budget.price_max, budget.leaves) for budget in found] == [
        (None, 1.0), (Decimal(50), 0.5), (Decimal(10), 0.1), (Decimal(1), 0.01),
    ]  # fmt: skip
    assert notes == []


@pytest.mark.slow
@pytest.mark.django_db
def test_where_few_have_a_price_wide_budgets_are_left_out_with_a_note(shop: Shopkeeper) -> None:
    for number in range(20):
        shop.product(price=Decimal(number) if number < 4 else None)
    found, notes = budgets((0.5, 0.1))
    assert [(budget.share, budget.price_max, budget.leaves) for budget in found] == [(0.1, Decimal(1), 0.1)]
    assert notes == ["No budget keeps 0.5 of the catalog: 4 of 20 products have a price."]


@pytest.mark.django_db
def test_where_all_cost_the_same_no_budget_is_narrow(shop: Shopkeeper) -> None:
    for _ in range(10):
        shop.product(price=Decimal(20))
    found, notes = budgets((1.0, 0.1))
    assert [budget.price_max for budget in found] == [None]
    assert "20.00 already keeps 1" in notes[0]


@pytest.mark.django_db
def test_without_products_there_are_no_budgets() -> None:
    assert [budget.share for budget in budgets(SHARES)[0]] == [1.0]


# Checks


@pytest.mark.slow
def test_a_sound_search_is_found_sound_at_every_selectivity(indexed: Shop) -> None:
    found = check("--sample", "15")
    assert [each["share"] for each in found["filters"]] == [1, 0.5, 0.1, 0.01]
    assert found["filters"][0]["plan"] == "index"
    assert found["filters"][-1]["plan"] == "comparison"
    for each in found["filters"]:
        assert each["leaves"] == pytest.approx(each["share"], rel=0.2)
        assert (each["products"], each["short"]) == (15, 0)
        assert each["recall"] >= (0.98 if each["plan"] == "index" else 1)
        assert 0 < each["p50_ms"] <= each["p95_ms"]
    assert (found["model"], found["k"], found["products"]) == (indexed.model.name, 10, 15)
    assert found["notes"] == []


@pytest.mark.slow
def test_an_index_that_misses_half_is_noticed_and_told_to_operators(
    indexed: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil_the_index(indexed.model)
    with pytest.raises(CommandError, match="Below the floor") as error:
        call_command("check_recall", "--sample", "15", stderr=io.StringIO())
    assert error.value.returncode == 1
    assert "comparison" in capsys.readouterr().out
    warning = recall_checks.recall_warning(indexed.model) or ""
    assert f'REINDEX INDEX CONCURRENTLY "{indexed.model.index_name}"' in warning
    assert warning in model_warnings(indexed.model)
    assert warning in pipeline_status().warnings
    assert check("--sample", "15", "--floor", "0")["lowest"] < 0.95
    with connection.cursor() as cursor:
        cursor.execute("RESET hnsw.ef_search")
    drop_index(indexed.model)
    ensure_index(indexed.model)
    check("--sample", "15")
    assert recall_checks.recall_warning(indexed.model) is None


@pytest.mark.slow
def test_a_colour_weight_is_checked_too(indexed: Shop) -> None:
    found = check("--sample", "5", "--selectivity", "1", "0.01", "--colour-weight", "1")
    assert [each["share"] for each in found["filters"]] == [1, 0.01]
    assert found["lowest"] >= 0.95
    assert SearchHealth.objects.count() == 0, "pages are warned of the usual check only"


@pytest.mark.slow
def test_without_an_index_everything_is_exact_and_the_report_says_why(transactional_db: None) -> None:
    stock_shop(120)
    found = check("--sample", "5", "--selectivity", "1")
    assert (found["lowest"], found["filters"][0]["plan"]) == (1.0, "comparison"), found
    assert "no vector index yet" in found["notes"][0]


def test_a_model_without_a_colour_part_refuses_a_colour_weight(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    shop.embedded(plane, "red", [1, 0, 0])
    with pytest.raises(CommandError, match="no separate parts for shape and colour"):
        check("--colour-weight", "1")


def test_an_empty_shop_has_nothing_to_measure(plane: EmbeddingModel, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check_recall")
    assert "Nothing to measure" in capsys.readouterr().out
    assert SearchHealth.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("arguments", [["--sample", "0"], ["--selectivity", "0"], ["--floor", "2"]])
def test_senseless_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("check_recall", *arguments)


# The scheduled check


@pytest.fixture
def small(transactional_db: None) -> Shop:
    return stock_shop(120)


@pytest.mark.slow
def test_a_check_may_be_put_down_after_every_product(small: Shop) -> None:
    state: dict[str, Any] | None = None
    rounds = 0
    while rounds == 0 or state is not None:
        state = recall_checks.slice_of_check(json.loads(json.dumps(state)), seconds=0)
        rounds += 1
    assert rounds == recall_checks.SAMPLE
    (row,) = SearchHealth.objects.all()
    assert (row.model, row.lowest) == (small.model, 1.0)
    assert row.report["products"] == recall_checks.SAMPLE
    whole = RecallCheck.begin(small.model, recall_checks.SAMPLE)
    assert not whole.proceed()
    untimed = [{**each, "p50_ms": 0, "p95_ms": 0} for each in row.report["filters"]]
    assert untimed == [{**each, "p50_ms": 0, "p95_ms": 0} for each in whole.to_json()["filters"]]


@pytest.mark.slow
def test_a_task_hands_on_what_is_left_in_a_message(small: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with nudges.broker() as broker:
        broker.default_channel.queue_purge(QUEUE)
        monkeypatch.setattr(tasks, "CHECK_SECONDS", 0.0)
        tasks.check_recall()
        assert SearchHealth.objects.count() == 0
        message = broker.SimpleQueue(QUEUE).get(timeout=10)
        message.ack()
    assert message.headers["task"] == "recommendations.tasks.check_recall"
    monkeypatch.setattr(tasks, "CHECK_SECONDS", 600.0)
    tasks.check_recall(*message.payload[0])
    assert SearchHealth.objects.get().report["products"] == recall_checks.SAMPLE


@pytest.mark.slow
def test_a_check_that_waits_keeps_no_picture_waiting(small: Shop) -> None:
    with nudges.broker() as broker:
        for name in (QUEUE, nudges.BULK_QUEUE):
            broker.default_channel.queue_purge(name)
        nudges.nudge_recall_check({})
        nudges.nudge_bulk()
        assert broker.default_channel.queue_declare(QUEUE).message_count == 1
        message = broker.SimpleQueue(nudges.BULK_QUEUE).get(timeout=10)
        message.ack()
        broker.default_channel.queue_purge(QUEUE)
    assert message.headers["task"] == "recommendations.tasks.embed_pending"


@pytest.mark.slow
def test_the_last_result_is_shown_by_the_status(small: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert recall_checks.slice_of_check(None, seconds=600) is None
    found = pipeline_status().to_json()["recall"]
    assert (found["lowest"], found["products"]) == (1.0, recall_checks.SAMPLE)
    assert found["measured_at"] == SearchHealth.objects.get().measured_at.isoformat()
    call_command("pipeline_status")
    assert "Recall@10   1.000, measured on" in capsys.readouterr().out


@pytest.mark.slow
def test_the_admin_lists_what_checks_found(small: Shop, admin_client: Client) -> None:
    recall_checks.slice_of_check(None, seconds=600)
    poor = SearchHealth.objects.get()
    poor.pk, poor.lowest, poor.report["filters"][1]["recall"] = None, 0.9, 0.9
    poor.save()
    page = admin_client.get("/admin/recommendations/searchhealth/").content.decode()
    assert re.findall(r">\s*(Low recall|Good)\s*<", page) == ["Low recall", "Good"], "the newest first"
    assert "50% within budget" in page
    assert "0.900" in page
    assert admin_client.get(f"/admin/recommendations/searchhealth/{poor.pk}/change/").status_code == 200
    assert admin_client.get("/admin/recommendations/searchhealth/add/").status_code == 403


@pytest.mark.slow
def test_a_check_of_a_model_that_is_not_active_any_more_ends(small: Shop) -> None:
    state = recall_checks.slice_of_check(None, seconds=0)
    assert state is not None
    EmbeddingModel.objects.update(state=ModelState.READY)
    assert recall_checks.slice_of_check(state, seconds=0) is None
    with pytest.raises(ModelChanged):
        RecallCheck.from_state(state).proceed()
    assert recall_checks.slice_of_check(None, seconds=0) is None, "without a model there is nothing to check"
    assert SearchHealth.objects.count() == 0


@pytest.mark.slow
def test_products_that_vanish_meanwhile_are_passed_over(small: Shop) -> None:
    check = RecallCheck.begin(small.model, 10)
    Product.objects.filter(pk__in=check.todo[:4]).delete()
    check.proceed()
    assert check.to_json()["products"] == 6


@pytest.mark.slow
def test_only_the_last_hundred_results_are_kept(small: Shop) -> None:
    check = RecallCheck.begin(small.model, 1)
    check.proceed()
    for _ in range(recall_checks.KEPT_ROWS + 3):
        newest = recall_checks.keep(check)
    assert SearchHealth.objects.count() == recall_checks.KEPT_ROWS
    assert recall_checks.latest(small.model) == newest
