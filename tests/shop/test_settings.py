from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import OperationalError, connections
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    base = {key: value for key, value in os.environ.items() if key not in {"SECRET_KEY", "HTTPS_ONLY", "DEBUG"}}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT, env={**base, "ENV_FILE": os.devnull, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_defaults_pass_djangos_deployment_checks() -> None:
    done = manage("check", "--deploy", "--fail-level", "WARNING", SECRET_KEY="k" * 60 + "abcdefgh")
    assert done.returncode == 0, done.stderr


def test_there_is_no_start_without_a_secret_key_and_the_message_names_the_remedy() -> None:
    done = manage("check")
    assert done.returncode != 0
    assert "SECRET_KEY" in done.stderr
    assert "make setup" in done.stderr
    assert "Traceback" not in done.stderr


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
    assert (ready.status_code, ready.json()) == (200, {"database": "ok", "broker": "ok", "weights": "ok"})


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
