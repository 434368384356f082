"""`/metrics`, as Prometheus reads it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from recommendations.models import EmbeddingModel, SearchHealth
from tests.shopkeeper import Shopkeeper

FILTERS = [
    {"share": 1.0, "recall": 0.9975, "p50_ms": 3.0, "p95_ms": 5.5},
    {"share": 0.01, "recall": 1.0, "p50_ms": 8.0, "p95_ms": 9.0},
    {"share": 0.5, "recall": None, "p50_ms": None, "p95_ms": None},
]


def metrics(client: Client, token: str) -> dict[str, float]:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = answer.content.decode().splitlines()
    assert all(re.fullmatch(r'(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? \S+)', line) for line in lines)
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line[0] != "#"}


@pytest.mark.django_db
def test_without_a_token_there_is_no_such_page(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("header", [None, "Bearer wrong", "secret", "Bearer sécret"])
def test_only_whoever_knows_the_token_is_answered(client: Client, settings: Any, header: str | None) -> None:
    settings.METRICS_TOKEN = "secret"
    headers = {"Authorization": header} if header else {}
    assert client.get("/metrics", headers=headers).status_code == 401


def test_pictures_and_the_last_check_are_told(
    client: Client, settings: Any, shop: Shopkeeper, plane: EmbeddingModel
) -> None:
    settings.METRICS_TOKEN = "secret"
    shop.embedded(plane, "red", [1, 0, 0])
    shop.image(shop.product())
    before = metrics(client, "secret")
    assert before['lookalike_pictures{state="ready"}'] == 1
    assert before['lookalike_pictures{state="pending"}'] == 1
    assert before["lookalike_oldest_pending_seconds"] >= 0
    assert not any("recall" in name for name in before)
    row = SearchHealth.objects.create(model=plane, lowest=0.9975, report={"k": 10, "filters": FILTERS})
    found = metrics(client, "secret")
    assert found['lookalike_recall_at_10{model="plane",selectivity="1"}'] == 0.9975
    assert found['lookalike_recall_at_10{model="plane",selectivity="0.01"}'] == 1
    assert not any('selectivity="0.5"' in name for name in found)
    assert found['lookalike_search_seconds{model="plane",selectivity="1",quantile="0.95"}'] == 0.0055
    assert found["lookalike_recall_measured_timestamp_seconds"] == pytest.approx(row.measured_at.timestamp())
