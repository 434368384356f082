from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.test import Client
from django.utils import timezone

from catalog.models import ProductImage
from recommendations.models import EmbeddingModel
from recommendations.pipeline import control
from tests.shopkeeper import Shopkeeper

ROOT = Path(__file__).resolve().parents[2]


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    base = {key: value for key, value in os.environ.items() if key not in {"SECRET_KEY", "HTTPS_ONLY", "DEBUG"}}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env={**base, "ENV_FILE": os.devnull, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_the_defaults_pass_djangos_deployment_checks() -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", SECRET_KEY="k" * 60 + "abcdefgh")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_there_is_no_start_without_a_secret_key_and_the_message_names_the_remedy() -> None:
    done = manage("check")
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"), [("EMBEDDING_THREADS", "many"), ("EMBEDDING_POOLING", "median"), ("DEBUG", "perhaps")]
)
def test_a_senseless_value_is_named(name: str, value: str) -> None:
    done = manage("check", SECRET_KEY="x", **{name: value})
    assert done.returncode != 0
    assert name in done.stderr


def test_a_forged_host_is_refused(db: None, client: Client) -> None:
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


def test_the_process_is_up_and_says_whether_it_is_ready(db: None, client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"
    ready = client.get("/readyz")
    every = dict.fromkeys(("status", "database", "broker", "weights", "files", "backlog"), "ok")
    assert (ready.status_code, ready.json()) == (200, every)


def test_the_age_of_the_backlog_is_told_and_a_reason_only_beyond_its_limit(
    client: Client, settings: Any, shop: Shopkeeper
) -> None:
    image = shop.image(shop.product())
    ProductImage.objects.filter(pk=image.pk).update(created_at=timezone.now() - timedelta(seconds=500))
    told = client.get("/readyz")
    assert told.status_code == 200
    assert re.fullmatch(r"ok: the oldest picture has waited 5\d\d s", told.json()["backlog"])
    settings.READY_BACKLOG_SECONDS = 1000
    assert client.get("/readyz").status_code == 200
    settings.READY_BACKLOG_SECONDS = 400
    late = client.get("/readyz")
    assert late.status_code == 503
    assert re.fullmatch(r"the oldest picture has waited 5\d\d s, more than 400 s", late.json()["backlog"])
    assert [name for name, found in late.json().items() if found != "ok"] == ["status", "backlog"]
    assert late.json()["status"] == "unavailable"
    control.pause()
    paused = client.get("/readyz")
    assert (paused.status_code, paused.json()["backlog"][:10]) == (200, "ok: paused")


def test_what_is_wrong_is_named_without_its_details(db: None, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def away(*_: object) -> None:
        asked.append(1)
        raise OperationalError("connection to 10.0.0.5 failed for user shop")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "ensure_connection", away)
        patch.setattr(connection, "cursor", away)
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "OperationalError"
    assert answer.json()["weights"].startswith("unknown")
    assert "10.0.0.5" not in answer.content.decode()
    assert len(asked) == 1, "a database that does not answer is waited for once"


def test_a_readiness_probe_asks_few_questions(
    db: None, client: Client, plane: EmbeddingModel, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(6):
        client.get("/readyz")


def test_a_database_that_is_away_is_503_without_a_traceback(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("the connection is closed")

    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(type(connections["default"]), "ensure_connection", away)
        page, api = client.get("/"), client.get("/api/v1/products/")
    for response in (page, api):
        assert response.status_code == 503
        assert response["Retry-After"]
        assert b"Traceback" not in response.content
    assert api.json()["code"] == "unavailable"
