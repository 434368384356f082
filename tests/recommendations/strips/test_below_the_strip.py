"""What a product page shows with its strip: cheaper look-alikes, the same product in other colours, and examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from math import cos, sin
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Product
from recommendations.models import EmbeddingModel, Rule
from recommendations.strips.curation import set_vetoes
from recommendations.strips.product_strip import product_strip
from tests.models import stated
from tests.shopkeeper import Shopkeeper
from tests.strips import strip_of


@pytest.fixture(autouse=True)
def no_colours_read_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def turned(turn: float) -> list[float]:
    return [cos(turn), sin(turn), 0]


def cheaper(product: Product, limit: int = 2) -> list[str]:
    return [card.product.title for card in product_strip(product, limit, whole=True).cheaper]


def titles(page: str) -> list[str]:
    return re.findall(r'card__title"><a [^>]*>([^<]+)<', page)


# Cheaper


@pytest.fixture
def boot(shop: Shopkeeper, plane: EmbeddingModel) -> Product:
    """A boot for 100, two that look most like it and cost as much, then cheaper and dearer ones."""
    stated(plane)
    for place, (title, price) in enumerate(
        {"twin": "99", "sister": "95", "cheap": "80", "least": "90", "too little": "90.01", "cheaper": "50"}.items()
    ):
        shop.embedded(plane, title, turned(0.12 * (place + 1)), price=Decimal(price), category="boots")
    shop.embedded(plane, "other type", turned(0.05), price=Decimal(1), category="ties")
    shop.embedded(plane, "unpriced", turned(0.33), price=None, category="boots")
    shop.embedded(plane, "other currency", turned(0.35), price=Decimal(1), currency="EUR", category="boots")
    shop.embedded(plane, "not alike", turned(2.5), price=Decimal(1), category="boots")
    return shop.embedded(plane, "boot", turned(0), price=Decimal(100), category="boots")


def test_look_alikes_of_its_type_that_cost_a_tenth_less_have_a_row(boot: Product) -> None:
    assert cheaper(boot, limit=3) == ["cheap", "least", "cheaper"]
    assert cheaper(boot) == ["cheap", "least"]
    assert cheaper(boot, limit=9) == [], "all of them are in the strip already"
    Product.objects.filter(title="cheap").update(price=Decimal(91))
    assert cheaper(boot) == ["least", "cheaper"], "prices are those of now"
    Product.objects.filter(title="least").update(stock=0)
    assert cheaper(boot) == []


def test_the_heading_says_what_each_of_them_saves(boot: Product, client: Client, settings: Any) -> None:
    settings.SIMILAR_PRODUCTS = 2
    page = strip_of(client, boot)
    assert "Similar look, at least 10% cheaper</h3>" in page
    Product.objects.filter(title="least").update(price=Decimal("74.50"))
    Product.objects.filter(title="cheap").update(price=Decimal("70"))
    page = strip_of(client, boot)
    assert "Similar look, at least 25% cheaper</h3>" in page
    assert titles(page)[2:] == ["cheap", "least"]
    assert len(re.findall(r'data-strip="', page)) == 2


def test_one_alone_or_none_without_a_price_or_a_calibration_has_no_row(boot: Product, plane: EmbeddingModel) -> None:
    Product.objects.filter(title__in=["least", "cheaper"]).update(published=False)
    assert cheaper(boot) == []
    Product.objects.update(published=True)
    assert cheaper(Product(**{**vars_of(boot), "price": None})) == []
    EmbeddingModel.objects.update(calibration={})
    assert cheaper(boot) == []


def vars_of(product: Product) -> dict[str, Any]:
    return {field.attname: getattr(product, field.attname) for field in product._meta.concrete_fields}


def test_vetoes_and_rules_apply_to_it(boot: Product) -> None:
    set_vetoes(boot, [Product.objects.get(title="cheap")])
    assert cheaper(boot) == ["least", "cheaper"]
    Product.objects.filter(title="least").update(brand="Barred")
    Rule.objects.create(effect="exclude", brand="Barred")
    assert cheaper(boot) == []


def test_all_of_it_is_one_search(boot: Product) -> None:
    boot = Product.objects.for_page().get(pk=boot.pk)
    with CaptureQueriesContext(connection) as alone:
        product_strip(boot, 2)
    with CaptureQueriesContext(connection) as whole:
        product_strip(boot, 2, whole=True)
    # A shop with fewer than a hundred products needs one more: its first search finds fewer than it asks for.
    assert len(whole) == len(alone) + 1


# The same product in another colour


@pytest.mark.slow
def test_colours_of_a_named_style_come_first_and_lead_to_their_pages(
    shop: Shopkeeper, coloured: EmbeddingModel, client: Client
) -> None:
    def dress(title: str, colour: str, vector: list[float], **fields: Any) -> Product:
        style = {"style": "Zeus"} if "Zeus" in title else {}
        return shop.embedded(coloured, title, vector, attributes={"colour": colour, **style}, category="c", **fields)

    asking = dress("Zeus one", "Red", [1, 0, 1, 0])
    green = dress("Zeus two", "Green", [0, 1, 0, 1])
    dress("Zeus three", "Green", [0, 1, 0, 1])
    dress("Zeus small", "Red", [1, 0, 1, 0])
    dress("Zeus gone", "Blue", [1, 0, -1, 0], stock=0)
    dress("Zeus of another brand", "Pink", [1, 0, -1, 0], brand="Other")
    dress("looks like it", "Green", [1, 0.1, 0, 1])
    page = strip_of(client, asking)
    newest = Product.objects.get(title="Zeus three")
    row = page[page.index("This item in another colour") : page.index("Similar items in another colour")]
    assert re.findall(r'href="([^"]+)" data-colour="([^"]+)"', row) == [(newest.get_absolute_url(), "Green")]
    page = strip_of(client, asking, "?colour=Green")
    assert titles(page)[0] == "Zeus three"
    assert re.findall(r'data-source="(\w+)"', page)[0] == "style"
    assert page.count("This item in another colour</span>") == 1
    assert "looks like it" in titles(page)
    set_vetoes(asking, [newest])
    assert titles(strip_of(client, asking, "?colour=Green"))[0] == green.title


@pytest.mark.slow
def test_names_and_pictures_tell_colours_too(shop: Shopkeeper, coloured: EmbeddingModel, client: Client) -> None:
    asking = shop.embedded(coloured, "Lotto Men Zeus Red Sandals", [1, 0, 1, 0], attributes={"colour": "Red"})
    shop.embedded(coloured, "Lotto Men Zeus Olive Sandals", [1, 0.05, 0, 1], attributes={"colour": "Olive"})
    shop.embedded(coloured, "Lotto Men Zeus Blue Sandals", [1, 3, -1, 0], attributes={"colour": "Blue"})
    page = strip_of(client, asking)
    row = page[page.index("This item in another colour") : page.index("Similar items in another colour")]
    assert re.findall(r'data-colour="([^"]+)"', row) == ["Olive"], "the blue one has another shape"


# Examples


@pytest.fixture
def row(shop: Shopkeeper, plane: EmbeddingModel) -> dict[str, Product]:
    places = {"asking": 0.0, "left": 0.5, "far left": 1.0, "right": -0.45, "far right": -0.95}
    return {name: shop.embedded(plane, name, turned(turn)) for name, turn in places.items()}


def links(page: str, label: str) -> list[str]:
    return [link.replace("&amp;", "&") for link in re.findall(rf'href="([^"]+)"[^>]* aria-label="{label}', page)]


def test_cards_become_examples_and_examples_chips(row: dict[str, Product], client: Client) -> None:
    page = strip_of(client, row["asking"])
    address = row["asking"].get_absolute_url()
    assert links(page, "More like left") == [f"{address}?more={row['left'].slug}#similar-title"]
    assert links(page, "Less like right") == [f"{address}?less={row['right'].slug}#similar-title"]
    query = f"?more={row['left'].slug}&less={row['right'].slug}"
    page = strip_of(client, row["asking"], query)
    assert titles(page) == ["far left", "far right"]
    chips = page[page.index("Your examples") : page.index("strip__swapped")]
    assert re.findall(r"</span>([^<]+)</a>", chips) == ["More like left", "Less like right"]
    assert f'href="{address}?less={row["right"].slug}#similar-title"' in chips
    assert f'href="{address}?similar=1#similar-title"' in chips, "Clear all"
    assert titles(client.get(address + query).content.decode()) == titles(page), "a shared address shows the same"


def test_there_are_at_most_four_of_each_and_what_is_gone_is_none(row: dict[str, Product], client: Client) -> None:
    slugs = [product.slug for name, product in row.items() if name != "asking"]
    page = strip_of(client, row["asking"], "?" + "&".join(f"more={slug}" for slug in slugs))
    assert "Nothing is left with these examples." in page
    Product.objects.filter(title="left").update(published=False)
    page = strip_of(client, row["asking"], f"?more={row['left'].slug}&less=nothing&less=%00&more={row['asking'].slug}")
    assert "Your examples" not in page
    assert set(titles(page)) == {"right", "far right", "far left"}


def test_with_four_of_each_no_card_offers_another(shop: Shopkeeper, plane: EmbeddingModel, client: Client) -> None:
    asking, *others = (shop.embedded(plane, f"item {number}", turned(0.3 * number)) for number in range(10))
    page = strip_of(client, asking, "?" + "&".join(f"more={each.slug}" for each in others[:4]))
    assert 'aria-label="More like' not in page
    assert 'aria-label="Less like' in page


@pytest.mark.slow
def test_a_colour_and_examples_go_together(shop: Shopkeeper, coloured: EmbeddingModel, client: Client) -> None:
    asking = shop.embedded(coloured, "asking", [1, 0, 1, 0], attributes={"colour": "Red"})
    liked = shop.embedded(coloured, "liked", [0, 1, 1, 0], attributes={"colour": "Red"})
    shop.embedded(coloured, "like it in green", [1, 0.1, 0, 1], attributes={"colour": "Green"})
    shop.embedded(coloured, "like the example in green", [0.2, 1, 0, 1], attributes={"colour": "Green"})
    assert titles(strip_of(client, asking, "?colour=Green"))[0] == "like it in green"
    page = strip_of(client, asking, f"?colour=Green&more={liked.slug}")
    assert set(titles(page)) == {"like it in green", "like the example in green"}
    assert f'href="{asking.get_absolute_url()}?more={liked.slug}#similar-title"' in page, "the original colour"
    assert "Similar items in Green</h2>" in page


def test_products_that_cannot_be_compared_offer_no_examples(shop: Shopkeeper, client: Client) -> None:
    shop.product("another")
    assert "strip__example" not in strip_of(client, shop.product("no picture"))
