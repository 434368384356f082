"""Cards are drawn once, and never older than the rows that a page has read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from catalog.models import Product, ProductImage
from catalog.storefront import cards
from catalog.storefront.cards import card, key_of
from recommendations.search.results import Source
from recommendations.strips.badges import Badge, Reason
from recommendations.strips.cards import Card
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db


@pytest.fixture
def product(shop: Shopkeeper) -> Product:
    made = shop.product("Red dress", price=Decimal(10), stock=3, brand="Kestrel")
    shop.image(made)
    return read(made)


def read(product: Product) -> Product:
    return Product.objects.for_cards().get(pk=product.pk)


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"price": Decimal("12.50")}, "$12.50"),
        ({"price": None}, "Price on request"),
        ({"compare_at_price": Decimal(20)}, "-50%"),
        ({"stock": 0}, "Sold out"),
        ({"title": "Blue dress"}, "Blue dress"),
        ({"brand": "Heron"}, "Heron"),
        ({"slug": "other"}, "/p/other/"),
        ({"currency": "EUR"}, "€10.00"),
    ],
)
def test_a_row_changed_by_sql_shows_on_the_next_card(product: Product, changed: dict[str, Any], shown: str) -> None:
    assert shown not in card(product)
    Product.objects.filter(pk=product.pk).update(**changed)
    assert shown in card(read(product))


@pytest.mark.parametrize("changed", [{"alt": "From the side"}, {"tone": "123"}, {"width": 99}])
def test_a_picture_changed_by_sql_makes_another_card(product: Product, changed: dict[str, Any]) -> None:
    before = key_of(product, None, 0)
    ProductImage.objects.update(**changed)
    assert key_of(read(product), None, 0) != before


def test_what_the_search_says_and_the_language_are_part_of_it(product: Product) -> None:
    plain = Card(product, product.main_image, 0.9, Source.VISUAL)
    cheaper = Card(product, product.main_image, 0.9, Source.VISUAL, badges=(Badge(Reason.CHEAPER, 20),))
    cheapest = Card(product, product.main_image, 0.9, Source.VISUAL, badges=(Badge(Reason.CHEAPER, 30),))
    pinned = Card(product, product.main_image, None, Source.PINNED)
    drawn = [card(product, each) for each in (None, plain, cheaper, cheapest, pinned)]
    assert len(set(drawn)) == 4  # without badges, a look-alike's card is the product's own
    assert "20% cheaper" in drawn[2]
    with translation.override("de"):
        assert "Ähnliche finden" in card(product)
    assert "Find similar" in card(product)


def test_the_first_pictures_of_a_page_load_at_once(product: Product) -> None:
    assert 'fetchpriority="high"' in card(product, place=1)
    assert card(product, place=2) == card(product, place=6)
    assert 'loading="lazy"' not in card(product, place=6)
    assert card(product, place=7) == card(product)
    assert 'loading="lazy"' in card(product)


def test_a_card_is_drawn_once(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    first = card(product)
    monkeypatch.setattr(cards, "mark_safe", lambda text: pytest.fail("drawn again"))
    assert card(read(product)) is first


def test_a_column_that_was_not_read_is_not_guessed(product: Product) -> None:
    part = Product.objects.for_cards().defer("price").get(pk=product.pk)
    assert key_of(part, None, 0) is None
    assert "$10.00" in card(part)


def test_the_oldest_cards_are_dropped(shop: Shopkeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "KEPT", 3)
    for number in range(5):
        card(read(shop.product(f"Item {number}")))
    assert [len(each) for each in cards._drawn.values()][-1] == 3


def test_pages_escape_titles_in_cards_once(shop: Shopkeeper, client: Client) -> None:
    shop.product("<b>Tom & Jerry</b>", category="clothes")
    page = client.get("/c/clothes/").content.decode()
    assert "&lt;b&gt;Tom &amp; Jerry&lt;/b&gt;</a>" in page
    assert "<b>Tom" not in page
