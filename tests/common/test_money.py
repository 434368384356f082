from __future__ import annotations

import json
import re
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client
from django.utils import translation
from rest_framework.test import APIClient

from catalog.importing.demo_prices import demo_price
from catalog.storefront.prices import price_text
from common.money import amount_text, is_payable
from recommendations.models import EmbeddingModel
from tests.catalog.conftest import staff_api  # noqa: F401  (a fixture)
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.case


@pytest.mark.parametrize(
    ("currency", "amount", "program", "people"),
    [
        ("EUR", "1234.5", "1234.50", "€1,234.50"),
        ("JPY", "1980.00", "1980", "¥1,980"),
        ("KRW", "25000", "25000", "25,000 KRW"),
        ("KWD", "12.50", "12.500", "12.500 KWD"),
        ("BHD", "1234", "1234.000", "1,234.000 BHD"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(currency: str, amount: str, program: str, people: str) -> None:
    assert amount_text(Decimal(amount), currency) == program
    assert price_text(Decimal(amount), currency) == people


@pytest.mark.parametrize(
    ("language", "euros", "yen", "dinars"),
    [
        ("en", "€1,234.50", "¥1,980", "12.500 KWD"),
        ("de", "1.234,50\u00a0€", "1.980\u00a0¥", "12,500\u00a0KWD"),
        ("de-at", "€\u00a01.234,50", "¥\u00a01.980", "12,500 KWD"),
        ("fr", "1\u00a0234,50\u00a0€", "1\u00a0980\u00a0¥", "12,500\u00a0KWD"),
        ("ja", "€1,234.50", "¥1,980", "12.500 KWD"),
        ("ar", "1234,50\u00a0€", "1980\u00a0¥", "12,500\u00a0KWD"),
    ],
)
def test_prices_follow_the_language(language: str, euros: str, yen: str, dinars: str) -> None:
    with translation.override(language):
        shown = [price_text(Decimal(amount), name) for amount, name in (("1234.5", "EUR"), ("1980", "JPY"))]
        assert [*shown, price_text(Decimal("12.5"), "KWD")] == [euros, yen, dinars]
    assert amount_text(Decimal("1234.5"), "EUR") == "1234.50"


def test_no_yen_has_a_fraction() -> None:
    assert is_payable(Decimal("1980.00"), "JPY")
    assert not is_payable(Decimal("1980.50"), "JPY")
    assert is_payable(Decimal("1980.50"), "USD")


@pytest.mark.slow
@pytest.mark.parametrize(("currency", "shown"), [("JPY", "1980"), ("KWD", "1980.000")])
def test_every_door_prints_them_so(
    currency: str, shown: str, shop: Shopkeeper, plane: EmbeddingModel, client: Client
) -> None:
    fields: dict[str, Any] = {"price": Decimal(1980), "compare_at_price": Decimal(2980), "currency": currency}
    asking = shop.embedded(plane, "asking", [1, 0, 0], **fields)
    shop.embedded(plane, "other", [1, 0.1, 0], **fields)
    page = client.get(asking.get_absolute_url()).content.decode()
    offer = json.loads(re.search(r'ld\+json">(.*?)</script>', page)[1])[0]["offers"]  # type: ignore[index]
    assert offer["price"] == shown
    assert "1,980.00<" not in page
    api = client.get(f"/api/v1/products/{asking.slug}/").json()
    assert (api["price"], api["compare_at_price"]) == (shown, shown.replace("1980", "2980"))
    assert client.get(f"/api/v1/products/{asking.slug}/similar/").json()["results"][0]["price"] == shown
    assert client.get(f"/api/v1/products/{asking.slug}/strip/").json()["results"][0]["price"] == shown
    out = StringIO()
    call_command("similar", asking.sku, stdout=out)
    assert f"{shown} {currency}" in out.getvalue()


def test_a_fraction_of_a_yen_is_refused(shop: Shopkeeper, staff_api: APIClient) -> None:  # noqa: F811
    shop.category()
    body = {"sku": "A", "title": "A", "category": "clothes", "price": "1980.50", "currency": "JPY"}
    answer = staff_api.post("/api/v1/products/", body, format="json")
    assert (answer.status_code, answer.json()["errors"]["price"][0]["code"]) == (400, "decimals")
    product = shop.product(currency="JPY", price=Decimal("19.80"))
    with pytest.raises(ValidationError, match="no decimals"):
        product.full_clean()


def test_invented_prices_suit_the_currency() -> None:
    for number in range(50):
        price, former = demo_price(f"S{number}", ("Bags",), "JPY")
        assert price > 100
        assert is_payable(price, "JPY")
        assert former is None or (former > price and is_payable(former, "JPY"))
