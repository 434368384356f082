"""The category menu in the header: what it shows, what it costs, and how soon it follows the shop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Product
from catalog.storefront import menu
from tests.shopkeeper import Shopkeeper


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in the shop. Other tests have no kept menu."""
    monkeypatch.setattr(menu, "SECONDS", 60)
    cache.delete(menu.KEY)
    yield
    cache.delete(menu.KEY)


def shown(client: Client, url: str = "/privacy/") -> list[str]:
    panel = re.search(r'<nav class="menu".*?</nav>', client.get(url).content.decode(), re.DOTALL)
    return re.findall(r"<a [^>]*>([^<]*)</a>", panel[0]) if panel else []


def test_it_has_top_categories_and_their_children_with_published_products(shop: Shopkeeper, client: Client) -> None:
    shop.product(category="shoes/boots/winter")
    shop.product(category="bags")
    shop.product(category="clothes/coats", published=False)
    shop.category("shoes/sandals")
    assert shown(client) == ["Bags", "Shoes", "Boots"]


def test_an_empty_shop_has_no_menu(db: None, client: Client) -> None:
    assert b"popovertarget" not in client.get("/privacy/").content


def test_it_takes_no_query_once_it_is_kept_and_one_before(shop: Shopkeeper, client: Client) -> None:
    for number in range(12):
        shop.product(category=f"clothes/sort-{number}")
    with CaptureQueriesContext(connection) as captured:
        assert len(shown(client)) == 13
    assert len(captured) == 1
    with CaptureQueriesContext(connection) as captured:
        assert len(shown(client)) == 13
    assert len(captured) == 0


def test_it_follows_what_is_saved_and_deleted(
    shop: Shopkeeper, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    boot = shop.product(category="shoes/boots")
    assert shown(client) == ["Shoes", "Boots"]
    for change, now in (
        (lambda: shop.category("shoes/boots").save(), ["Shoes", "Boots"]),
        (lambda: shop.product(category="bags"), ["Bags", "Shoes", "Boots"]),
        (lambda: (setattr(boot, "published", False), boot.save()), ["Bags"]),
        (lambda: (setattr(boot, "published", True), boot.save()), ["Bags", "Shoes", "Boots"]),
        (boot.delete, ["Bags"]),
    ):
        with django_capture_on_commit_callbacks(execute=True):
            change()  # type: ignore[no-untyped-call]
        assert shown(client) == now


def test_what_sends_no_signal_shows_after_a_minute_at_most(shop: Shopkeeper, client: Client) -> None:
    shop.product(category="shoes")
    assert shown(client) == ["Shoes"]
    Product.objects.update(published=False)
    assert shown(client) == ["Shoes"]
    assert menu.SECONDS <= 60
    cache.delete(menu.KEY)
    assert shown(client) == []


def test_a_large_shop_has_a_bounded_menu(shop: Shopkeeper) -> None:
    nodes = []
    for top in range(70):
        path = f"{top + 1:04d}"
        nodes.append(menu.Node(top, path, f"Top {top:02d}", f"top-{top}"))
        nodes += [menu.Node(0, f"{path}{child + 1:04d}", f"Child {child}", "x") for child in range(9)]
    groups, more = menu.groups(nodes)
    assert more
    assert len(groups) == menu.TOPS
    assert all(len(group.children) == menu.CHILDREN and group.more for group in groups)
    assert sum(1 + len(group.children) for group in groups) <= menu.ENTRIES + menu.TOPS


def test_pages_without_a_database_have_no_menu(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> list[Any]:
        raise DatabaseError("away")

    monkeypatch.setattr(menu, "_read", unreachable)
    response = client.get("/privacy/")
    assert response.status_code == 200
    assert b"popovertarget" not in response.content
