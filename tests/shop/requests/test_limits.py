"""Limits on the requests of one client: on each route, across all processes, and never with an error of Redis."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.cache import cache, caches
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from django.views import View
from rest_framework.test import APIClient

from catalog.clients.throttling import ApiThrottle, ClientThrottle, PageThrottle, SearchThrottle
from recommendations.search.throttling import PhotoSearchThrottle
from shop.requests.limits import UNLIMITED, throttle_of
from shop.storage import cache as shop_cache
from tests.shopkeeper import Shopkeeper

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def nobody_asked_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets every limit to one rate."""

    def set_to(rate: str) -> None:
        rates = dict.fromkeys(("page", "api", "search", "photo_search"), rate)
        monkeypatch.setattr(ClientThrottle, "THROTTLE_RATES", rates)

    return set_to


def routes() -> list[tuple[str, str, Callable[..., Any]]]:
    """All routes of the URL conf: (name, path, view)."""

    def below(patterns: list[Any], prefix: str, spaces: str) -> Iterator[tuple[str, str, Callable[..., Any]]]:
        for entry in patterns:
            path = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                space = f"{spaces}{entry.namespace}:" if entry.namespace else spaces
                yield from below(entry.url_patterns, path, space)
            elif isinstance(entry, URLPattern):
                yield f"{spaces}{entry.name or entry.lookup_str}", path, entry.callback

    return list(below(get_resolver().url_patterns, "/", ""))


def test_every_route_has_a_limit_but_those_named() -> None:
    found = routes()
    assert len(found) > 60
    without = set()
    for name, path, view in found:
        by_itself = getattr(view, "cls", None)
        if by_itself is not None:
            if not issubclass(by_itself, View) or not by_itself.throttle_classes:
                without.add(name)
        elif throttle_of(view, name, path.replace("^", "")) is None:
            without.add(name)
    assert without == UNLIMITED


def test_what_ranks_many_products_has_a_limit_of_its_own() -> None:
    views = {name: view.cls for name, _, view in routes() if hasattr(view, "cls")}
    assert views["similar-products"].throttle_classes == [SearchThrottle]
    assert views["product-strip"].throttle_classes == [SearchThrottle]
    assert views["photo-search-api"].throttle_classes == [PhotoSearchThrottle]
    assert views["product-detail"].throttle_classes == [ApiThrottle]
    by_page = {name: throttle_of(view, name, "/") for name, _, view in routes() if not hasattr(view, "cls")}
    assert type(by_page["catalog:search"]) is SearchThrottle
    assert type(by_page["recommendations:similar"]) is SearchThrottle
    assert type(by_page["catalog:home"]) is PageThrottle
    assert type(by_page["admin:login"]) is PageThrottle


def test_too_many_pages_are_a_page_that_says_when_to_come_back(
    shop: Shopkeeper, client: Client, limit: Callable[[str], None]
) -> None:
    limit("2/min")
    assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
    answer = client.get("/c/clothes/")
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 120
    assert f"Try again in {answer['Retry-After']} seconds." in answer.content.decode()
    assert answer["Content-Type"].startswith("text/html")


@pytest.mark.slow
def test_too_many_requests_to_the_api_are_a_problem_document(shop: Shopkeeper, limit: Callable[[str], None]) -> None:
    limit("2/min")
    assert [APIClient().get("/api/v1/products/").status_code for _ in range(3)] == [200, 200, 429]
    for path in ("/api/v1/products/?q=red", "/api/v1/nothing/"):
        answers = [APIClient().get(path) for _ in range(3)]
        assert answers[-1].status_code == 429, path
        assert answers[-1].json()["code"] == "throttled"
        assert answers[-1]["Retry-After"]


@pytest.mark.slow
def test_another_client_is_not_refused_and_a_whole_ipv6_network_is_one(
    shop: Shopkeeper, client: Client, limit: Callable[[str], None]
) -> None:
    limit("1/min")
    assert client.get("/", REMOTE_ADDR="203.0.113.1").status_code == 200
    assert client.get("/", REMOTE_ADDR="203.0.113.1").status_code == 429
    assert client.get("/", REMOTE_ADDR="203.0.113.2").status_code == 200
    assert client.get("/", REMOTE_ADDR="2001:db8:1:2::1").status_code == 200
    assert client.get("/", REMOTE_ADDR="2001:db8:1:2:ffff::9").status_code == 429
    assert client.get("/", REMOTE_ADDR="2001:db8:1:3::1").status_code == 200


@pytest.mark.slow
def test_who_is_signed_in_and_who_watches_the_shop_is_never_refused(
    shop: Shopkeeper, client: Client, admin_client: Client, limit: Callable[[str], None]
) -> None:
    limit("1/min")
    assert {admin_client.get("/").status_code for _ in range(3)} == {200}
    assert {client.get("/healthz").status_code for _ in range(3)} == {200}
    assert 429 not in {client.get("/readyz").status_code for _ in range(3)}


def test_an_empty_rate_is_no_limit(shop: Shopkeeper, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClientThrottle, "THROTTLE_RATES", {"page": None})
    assert {client.get("/").status_code for _ in range(5)} == {200}


ASK = """
import sys
from tests import environment
environment.os.environ.update(VAR_DIR={var!r}, PAGE_RATE="20/hour", API_RATE="")
import django; django.setup()
from django.test import RequestFactory
from django.contrib.auth.models import AnonymousUser
from catalog.clients.throttling import PageThrottle
request = RequestFactory().get("/", REMOTE_ADDR="203.0.113.77")
request.user = AnonymousUser()
print("ready", flush=True)
sys.stdin.readline()
print(sum(PageThrottle().allow_request(request) for _ in range(30)), flush=True)
"""


@pytest.mark.slow
@pytest.mark.case
def test_processes_together_allow_no_more_than_the_limit(settings: Any) -> None:
    """Each process alone would allow 20."""
    assert cache.get("x") is None  # Redis runs
    program = ASK.format(var=str(settings.VAR_DIR))
    processes = [
        subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         text=True)
        for _ in range(3)
    ]  # fmt: skip
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        allowed = sum(int(process.stdout.readline()) for process in processes if process.stdout)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert allowed == 20


def test_a_window_slides(monkeypatch: pytest.MonkeyPatch, rf: RequestFactory, limit: Callable[[str], None]) -> None:
    limit("4/min")
    request = rf.get("/", REMOTE_ADDR="203.0.113.5")
    request.user = type("Anonymous", (), {"is_authenticated": False})()
    now = [60_000.0 * 60]
    monkeypatch.setattr("catalog.clients.throttling.time.time", lambda: now[0])
    now[0] += 59
    assert [PageThrottle().allow_request(request) for _ in range(5)] == [True] * 4 + [False]
    now[0] += 2  # in the next window: the four requests of two seconds ago still count
    refused = PageThrottle()
    assert not refused.allow_request(request)
    now[0] += refused.wait()
    assert PageThrottle().allow_request(request)


# Redis away


class Away:
    """A Redis that does not answer until it is `back`. `asked` lists the requests it got."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_away = True
        self._really = redis.Redis.execute_command

    def execute(self, connection: redis.Redis, *arguments: Any, **options: Any) -> Any:
        if not self.is_away:
            return self._really(connection, *arguments, **options)
        self.asked.append(str(arguments[0]))
        raise redis.ConnectionError("Connection refused.")


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    found = Away()
    outage = shop_cache._Outage()
    monkeypatch.setattr(shop_cache, "_outage", outage)
    monkeypatch.setattr(caches["default"], "_outage", outage)
    monkeypatch.setattr(redis.Redis, "execute_command", lambda *all, **options: found.execute(*all, **options))
    return found


@pytest.mark.slow
def test_without_redis_pages_are_shown_and_nobody_waits_for_it_twice(
    shop: Shopkeeper, client: Client, away: Away, limit: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    limit("1/min")
    assert {client.get("/").status_code for _ in range(5)} == {200}
    assert {APIClient().get("/api/v1/products/").status_code for _ in range(5)} == {200}
    assert len(away.asked) == 1, "a Redis that is away is asked once in a few seconds"
    lines = [record for record in caplog.records if record.name == "shop.storage.cache"]
    assert [line.levelname for line in lines] == ["ERROR"]


def test_redis_that_is_back_limits_again_by_itself(
    shop: Shopkeeper, client: Client, away: Away, limit: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop_cache, "AWAY_S", 0.0)
    limit("1/min")
    assert {client.get("/").status_code for _ in range(3)} == {200}
    away.is_away = False
    assert [client.get("/").status_code for _ in range(2)] == [200, 429]


def test_clearing_the_cache_leaves_the_messages_of_the_workers(settings: Any) -> None:
    cache.set("mine", {"a": [1]}, 60)
    direct = cache._cache.get_client(write=True)  # type: ignore[attr-defined]
    direct.set("celery-message", "x", ex=60)
    assert cache.get("mine") == {"a": [1]}
    cache.clear()
    assert cache.get("mine") is None
    assert direct.get("celery-message") == b"x"
    direct.delete("celery-message")


def test_nothing_in_the_cache_is_run_as_code() -> None:
    direct = cache._cache.get_client(write=True)  # type: ignore[attr-defined]
    cache.set("mine", ["Red"], 60)
    (key,) = direct.keys("lookalike:*mine")
    assert direct.get(key) == b'["Red"]'
