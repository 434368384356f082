"""Web processes cancel statements that take too long; commands and workers do not. Options in DATABASE_URL win."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection

from tests.processes.conftest import Process, Start, services, until
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.slow

SHOW = "from django.db import connection as c; k = c.cursor(); k.execute('SHOW {}'); print('it is', k.fetchone()[0])"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> tuple[HTTPResponse, str]:
    asked = HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        asked.request("GET", path)
        answer = asked.getresponse()
        return answer, answer.read().decode()
    finally:
        asked.close()


def shown(start: Start, name: str, **environment: str) -> str:
    command = start("shell", command=[sys.executable, "manage.py", "shell", "-v", "0", "-c", SHOW.format(name)],
                    **environment)  # fmt: skip
    assert command.ended(120) == 0, command.log
    return command.log.rpartition("it is ")[2].strip()


@pytest.mark.case
def test_a_page_that_waits_for_the_database_is_503_in_time_and_the_next_one_is_well(
    start: Start, shop: Shopkeeper
) -> None:
    shop.product("Red dress", sku="RED")
    port = free_port()
    web: Process = start("web", "--bind", f"127.0.0.1:{port}", STATEMENT_SECONDS="1")

    def answers() -> bool:
        try:
            return get(port, "/healthz")[0].status == 200
        except OSError:
            return False

    until(answers, 60, lambda: web.log)
    assert get(port, "/")[0].status == 200
    settings = connection.get_connection_params()
    with psycopg.connect(host=settings["host"], user=settings["user"], dbname=settings["dbname"]) as other:
        other.execute("LOCK TABLE catalog_product IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        page, shown_page = get(port, "/")
        api, body = get(port, "/api/v1/products/")
        waited = time.monotonic() - began
    assert (page.status, api.status) == (503, 503)
    assert page.getheader("Retry-After") == api.getheader("Retry-After") == "5"
    assert page.getheader("Content-Type", "").startswith("text/html")
    assert '"code": "timeout"' in body.replace('":"', '": "'), body
    assert "took too long" in shown_page
    assert waited < 30
    assert "Traceback" not in web.log
    assert get(port, "/")[0].status == 200


@pytest.mark.drill
def test_commands_have_no_limit_and_keep_the_settings_of_searches(start: Start, shop: Shopkeeper) -> None:
    assert shown(start, "statement_timeout") == "0"
    assert shown(start, "hnsw.iterative_scan") == "strict_order"


@pytest.mark.drill
@pytest.mark.case
def test_options_in_the_database_url_go_before_the_shops_own(start: Start, shop: Shopkeeper) -> None:
    url = f"{services()['DATABASE_URL']}?options={quote('-c statement_timeout=7777ms')}"
    assert shown(start, "statement_timeout", DATABASE_URL=url) == "7777ms"
    assert shown(start, "statement_timeout", DATABASE_URL=url, SERVES_REQUESTS="true") == "7777ms"
    assert shown(start, "hnsw.iterative_scan", DATABASE_URL=url) == "strict_order"
    assert shown(start, "statement_timeout", SERVES_REQUESTS="true") == "5s"


def test_what_a_web_process_starts_has_no_limit_either() -> None:
    """The limit applies to the serving process; its child processes do not inherit it."""
    code = "import os, shop.wsgi; from django.conf import settings; print(settings.SERVES_REQUESTS, dict(os.environ))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith("True ")
    assert "SERVES_REQUESTS" not in done.stdout
