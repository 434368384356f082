"""The headers of each route's response for browsers and caches. A route that is not in the table fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.authtoken.models import Token

from tests.shopkeeper import Shopkeeper

PUBLIC, BY_TOKEN, PERSONAL, FOREVER = "public", "by token", "personal", "for a year"
#: Route: how caches may store its response, and an address to try, with {slug} for a product's.
ROUTES = {
    "": (PERSONAL, "/"),
    "favicon.ico": (PUBLIC, "/favicon.ico"),
    "healthz": (PUBLIC, "/healthz"),
    "readyz": (PUBLIC, "/readyz"),
    "metrics": (BY_TOKEN, "/metrics"),
    "c/<path:address>/": (PUBLIC, "/c/{category}/"),
    "p/<slug:slug>/": (PERSONAL, "/p/{slug}/"),
    "search/": (PUBLIC, "/search/?q=dress"),
    "p/<slug:slug>/similar/": (PUBLIC, "/p/{slug}/similar/"),
    "search/suggestions/": (PUBLIC, "/search/suggestions/?q=dress"),
    "search/photo/": (PERSONAL, "/search/photo/"),
    "strips/seen/": (PUBLIC, "/strips/seen/"),
    "privacy/": (PUBLIC, "/privacy/"),
    "accessibility/": (PUBLIC, "/accessibility/"),
    "saved/": (PERSONAL, "/saved/"),
    "compare/": (PERSONAL, "/compare/"),
    "lists/change/": (PUBLIC, "/lists/change/"),
    "viewed/clear/": (PUBLIC, "/viewed/clear/"),
    "c/<path:address>.md": (PUBLIC, "/c/{category}.md"),
    "p/<slug:slug>.md": (PUBLIC, "/p/{slug}.md"),
    "robots.txt": (PUBLIC, "/robots.txt"),
    "llms.txt": (PUBLIC, "/llms.txt"),
    "sitemap.xml": (PUBLIC, "/sitemap.xml"),
    "sitemap-<slug:kind>-<int:number>.xml": (PUBLIC, "/sitemap-products-0.xml"),
    "site.webmanifest": (PUBLIC, "/site.webmanifest"),
    "media/<path:name>": (FOREVER, "/media/{file}"),
}
ALL = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


def routes(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern).replace("^", "").replace("$", "").replace("\\Z", "")
        if isinstance(pattern, URLPattern):
            yield route
        elif isinstance(pattern, URLResolver):
            yield from routes(pattern, route)


KNOWN = sorted(set(routes(get_resolver())))
PAGES = [route for route in KNOWN if not route.startswith(("admin/", "api"))]
API = [route for route in KNOWN if route.startswith("api")]


def filled(address: str, shop: Shopkeeper) -> str:
    product = shop.product("Red dress")
    image = shop.image(product)
    return address.format(slug=product.slug, category=product.category.address, file=image.file.name)


@pytest.mark.slow
@pytest.mark.parametrize("route", PAGES)
def test_every_page_says_how_it_may_be_kept(route: str, shop: Shopkeeper, client: Client) -> None:
    assert route in ROUTES, "a new route: say here how its answers may be kept"
    kind, address = ROUTES[route]
    answer = client.get(filled(address, shop))
    for name, value in ALL.items():
        assert answer[name] == value
    assert answer["X-Request-ID"]
    assert "Content-Security-Policy" in answer
    vary, kept = answer.get("Vary", ""), answer.get("Cache-Control", "")
    if kind == FOREVER:
        assert kept == "public, max-age=31536000, immutable"
    elif kind == BY_TOKEN:
        assert {"Authorization", "Cookie"} <= set(vary.split(", "))
        assert "private" in kept
    elif kind == PERSONAL:
        assert "Cookie" in vary
    else:
        assert "public" not in kept


@pytest.mark.slow
@pytest.mark.parametrize("route", PAGES)
def test_what_somebody_gets_who_is_logged_in_is_private(route: str, shop: Shopkeeper, client: Client) -> None:
    kind, address = ROUTES[route]
    client.force_login(User.objects.create_user("ada", is_staff=True))
    answer = client.get(filled(address, shop))
    if kind in (PERSONAL, BY_TOKEN):
        assert "private" in answer["Cache-Control"]
        assert "Cookie" in answer["Vary"]


def api_address(route: str, shop: Shopkeeper) -> str:
    product = shop.product("Red dress")
    address = route.replace("(?P<slug>[-a-zA-Z0-9_]+)", product.slug).replace("<slug:slug>", product.slug)
    address = address.replace("(?P<format>[a-z0-9]+)/?", "json").replace("\\.", ".")
    address = address.replace("(?:/(?P<unknown>(?s:.*)))?", "/nothing")
    return "/" + address.replace("<path:unknown>", "nothing").replace("<drf_format_suffix:format>", ".json")


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "options"])
@pytest.mark.parametrize("who", ["nobody", "token", "session", "wrong token"])
@pytest.mark.parametrize("route", API)
def test_an_answer_of_the_api_is_for_who_asked(
    route: str, who: str, method: str, shop: Shopkeeper, client: Client
) -> None:
    headers = {}
    staff = User.objects.create_superuser("ada")
    if who == "session":
        client.force_login(staff)
    elif "token" in who:
        key = Token.objects.create(user=staff).key if who == "token" else "0" * 40
        headers = {"Authorization": f"Token {key}"}
    answer = getattr(client, method)(api_address(route, shop), headers=headers)
    assert answer.status_code < 500
    assert {"Authorization", "Cookie"} <= {name.strip() for name in answer["Vary"].split(",")}
    assert "private" in answer["Cache-Control"]
    assert ("no-store" in answer["Cache-Control"]) == (method not in ("get", "options"))


@pytest.mark.case
def test_staff_and_shoppers_do_not_share_an_answer(shop: Shopkeeper, client: Client) -> None:
    hidden = shop.product("Secret dress")
    type(hidden).objects.filter(pk=hidden.pk).update(published=False)
    token = Token.objects.create(user=User.objects.create_superuser("ada")).key
    as_staff = client.get("/api/v1/products/", headers={"Authorization": f"Token {token}"})
    assert [found["sku"] for found in as_staff.json()["results"]] == [hidden.sku]
    assert client.get("/api/v1/products/").json()["results"] == []
    assert as_staff["Cache-Control"] == "private"
    assert as_staff["Vary"] == "Authorization, Cookie"


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "a b", "[", "x" * 5000, "a@b", "%0a\r\n"])
@pytest.mark.parametrize("path", ["/", "/healthz", "/admin/", "/static/favicon.svg", "/nothing", "/p/nothing/"])
def test_a_forged_host_is_refused_in_one_line(
    host: str, path: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 400
    lines = [record for record in caplog.records if record.name != "django.request"]
    expected = [("WARNING", "shop.requests.hosts", None)]
    assert [(record.levelname, record.name, record.exc_info) for record in lines] == expected
    assert len(lines[0].getMessage()) < 200
    assert "\n" not in lines[0].getMessage()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]


@pytest.mark.case
@pytest.mark.parametrize("path", ["/api/v1/products/", "/api/nothing"])
@override_settings(DEBUG=True)
def test_under_the_api_a_forged_host_is_a_problem_document(path: str, client: Client) -> None:
    answer = client.get(path, headers={"Host": "evil.example"})
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (400, "unknown_host")
    assert "private" in answer["Cache-Control"]
