"""Parts of pages that are drawn once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.template import Context, Template
from django.test import Client
from django.utils import translation

from catalog.models import Product
from catalog.templatetags import unchanging
from tests.shopkeeper import Shopkeeper


class Counted:
    def __init__(self) -> None:
        self.times = 0

    def __str__(self) -> str:
        self.times += 1
        return f"drawn {self.times}"


def part(arguments: str = "") -> Template:
    inner = "{{ counted }} {% translate 'Sold out' %}"
    return Template(f"{{% load unchanging %}}{{% unchanging {arguments} %}}{inner}{{% endunchanging %}}")


def test_a_part_is_drawn_once_for_each_value_and_language() -> None:
    template, counted = part("name"), Counted()

    def drawn(name: str) -> str:
        return template.render(Context({"counted": counted, "name": name}))

    assert [drawn("a"), drawn("a"), drawn("b")] == ["drawn 1 Sold out", "drawn 1 Sold out", "drawn 2 Sold out"]
    with translation.override("de"):
        assert drawn("a") == "drawn 3 Ausverkauft"
    assert drawn("a") == "drawn 1 Sold out"


def test_templates_do_not_share_parts_and_old_versions_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanging, "KEPT", 2)
    template, counted = part("name"), Counted()
    for name in ("a", "b", "c", "a"):
        template.render(Context({"counted": counted, "name": name}))
    assert counted.times == 4
    assert part().render(Context({"counted": counted})) == "drawn 5 Sold out"


@pytest.mark.django_db
def test_the_frame_has_the_name_of_the_shop_of_today(client: Client, settings: Any) -> None:
    for name in ("First shop", "Second shop"):
        settings.SHOP_NAME = name
        page = client.get("/privacy/").content.decode()
        assert page.count(f"{name}: find products by how they look.") == 2
        assert f"{name}, home" in page


@pytest.mark.django_db
def test_facets_follow_products_prices_and_what_is_typed(shop: Shopkeeper, client: Client) -> None:
    for number in range(3):
        shop.product(f"Dress {number}", category="clothes", price=Decimal(10 + number), brand=f"Brand {number % 2}")

    def page(query: str = "") -> str:
        return client.get(f"/c/clothes/{query}").content.decode()

    assert 'data-highest="12.00"' in page()
    Product.objects.filter(title="Dress 2").update(price=Decimal(99), brand="Another")
    assert 'data-highest="99.00"' in page()
    assert "Another" in page()
    assert 'value="11.00"' in page("?price_min=11")
    assert 'value="11.00"' not in page()
    assert "Enter an amount" in page("?price_min=abc") or 'aria-invalid="true"' in page("?price_min=abc")
    assert 'aria-invalid="true"' not in page()
    assert "checked" in page("?brand=Another").partition('id="facets"')[2].partition("filters__foot")[0]
