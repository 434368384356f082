"""Similar items in another colour, on the page of a product."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Product
from ml.datasets.families import FAMILIES
from recommendations.models import EmbeddingModel, Rule
from recommendations.strips.curation import set_vetoes
from recommendations.strips.swatches import MOST, swatches_for
from tests.shopkeeper import Shopkeeper
from tests.strips import strip_of

ROOT = Path(__file__).resolve().parents[3]
STYLES, DEMO = ROOT / "static/css/components/strips.css", ROOT / "demo/catalog.csv"
SHADES = {"Red": [1.0, 0.0], "Green": [0.0, 1.0], "Blue": [-1.0, 0.0]}


@pytest.fixture(autouse=True)
def no_colours_read_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def stand(
    shop: Shopkeeper, model: EmbeddingModel, title: str, colour: str, kind: list[float], **fields: Any
) -> Product:
    fields.setdefault("category", "dresses")
    return shop.embedded(model, title, kind + SHADES[colour], attributes={"colour": colour}, **fields)


@pytest.fixture
def dress(shop: Shopkeeper, coloured: EmbeddingModel) -> Product:
    """A red dress, and others that are less and less similar to it."""
    asking = stand(shop, coloured, "asking", "Red", [1, 0])
    stand(shop, coloured, "also red", "Red", [1, 0.1])
    stand(shop, coloured, "wide and green", "Green", [1, 0.6])
    stand(shop, coloured, "green", "Green", [1, 0.2])
    stand(shop, coloured, "blue", "Blue", [1, 0.3])
    stand(shop, coloured, "green shoe", "Green", [1, 0], category="shoes")
    return asking


def offered(page: str) -> list[str]:
    return re.findall(r'data-colour="([^"]+)"', page)


def shown(page: str) -> list[str]:
    return re.findall(r'card__title"><a [^>]*>([^<]+)<', page)


def unsigned(page: str) -> str:
    """Without the labels of strips, which contain the time."""
    return re.sub(r' data-strip="[^"]+"', "", page)


@pytest.mark.slow
def test_the_colours_of_its_category_are_offered_but_its_own_commonest_first(dress: Product, client: Client) -> None:
    assert offered(strip_of(client, dress)) == ["Green", "Blue"]


@pytest.mark.slow
def test_a_swatch_is_a_link_that_shows_the_same_in_that_colour(dress: Product, client: Client) -> None:
    before = strip_of(client, dress)
    address = dress.get_absolute_url()
    link = re.search(
        f'href="({address}\\?colour=Green)#similar-title" hx-get="({address}similar/\\?colour=Green)"', before
    )
    assert link is not None
    assert f'hx-replace-url="{link[1]}"' in before
    assert 'aria-current="true">Original colour' in before
    after, whole = (unsigned(client.get(found).content.decode()) for found in (link[2], link[1]))
    assert after.strip() in whole, "the page of the link shows what the script fetches"
    assert "Similar items in Green</h2>" in after
    assert shown(after) == ["green", "wide and green"], "of the category and the colour, the most similar first"
    assert re.search(r'data-colour="Green" aria-current="true"', after)
    back = f'href="{address}?similar=1#similar-title" hx-get="{address}similar/" hx-replace-url="{address}"'
    assert f"{back}>Original colour" in after
    assert offered(after) == ["Green", "Blue"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "query", ["?colour=", "?colour=Red", "?colour=Infrared", "?colour=%00", "?colour=" + "x" * 5000]
)
def test_what_is_not_offered_is_not_searched_for(dress: Product, client: Client, query: str) -> None:
    asked = strip_of(client, dress, query)
    assert "Similar items</h2>" in asked
    assert 'aria-current="true">Original colour' in asked


@pytest.mark.slow
def test_the_colour_in_the_address_may_be_in_any_case(dress: Product, client: Client) -> None:
    assert "Similar items in Green</h2>" in strip_of(client, dress, "?colour=green")


@pytest.mark.slow
def test_a_colour_that_has_sold_out_since_is_reported(dress: Product, client: Client) -> None:
    strip_of(client, dress)
    Product.objects.filter(title="blue").update(stock=0)
    gone = strip_of(client, dress, "?colour=Blue")
    assert "No similar items in Blue right now." in gone
    assert offered(gone) == ["Green", "Blue"]
    cache.clear()
    assert offered(strip_of(client, dress)) == ["Green"]


@pytest.mark.slow
def test_curation_applies_in_every_colour(dress: Product, client: Client) -> None:
    set_vetoes(dress, [Product.objects.get(title="green")])
    assert shown(strip_of(client, dress, "?colour=Green")) == ["wide and green"]
    Rule.objects.create(effect="exclude", category=dress.category)
    assert shown(strip_of(client, dress, "?colour=Green")) == []


@pytest.mark.slow
def test_there_is_none_without_a_colour_part_a_vector_or_another_colour(
    shop: Shopkeeper, coloured: EmbeddingModel, client: Client
) -> None:
    alone = stand(shop, coloured, "alone", "Red", [1, 0])
    stand(shop, coloured, "also red", "Red", [1, 0.1])
    assert "another colour" not in strip_of(client, alone)
    assert offered(strip_of(client, alone)) == []
    cache.clear()
    stand(shop, coloured, "green", "Green", [1, 0.2])
    bare = shop.product("no picture", category="dresses")
    assert (offered(strip_of(client, alone)), offered(strip_of(client, bare))) == (["Green"], [])
    EmbeddingModel.objects.update(spec_meta={})
    assert offered(strip_of(client, alone)) == []


@pytest.mark.slow
def test_labels_are_read_with_care(shop: Shopkeeper, coloured: EmbeddingModel) -> None:
    asking = stand(shop, coloured, "asking", "Red", [1, 0])
    for colour in ("Blue", "blue", "blue", "", " ", True, 7, ["Green"]):
        shop.product(f"of {colour}", category="dresses", attributes={"colour": colour})
    shop.product("nothing known", category="dresses", attributes={})
    shop.product("sold out", category="dresses", attributes={"colour": "Pink"}, stock=0)
    shop.product("hidden", category="dresses", attributes={"colour": "Pink"}, published=False)
    assert swatches_for(asking) == ["blue"]
    for number in range(2 * MOST):
        shop.product(f"{number}", category="dresses", attributes={"colour": f"Shade {number}"})
    cache.clear()
    assert len(swatches_for(asking)) == MOST


@pytest.mark.slow
def test_an_odd_name_of_a_colour_is_escaped(shop: Shopkeeper, coloured: EmbeddingModel, client: Client) -> None:
    asking = stand(shop, coloured, "asking", "Red", [1, 0])
    odd = shop.embedded(coloured, "odd", [1, 0, 0, 1], category="dresses", attributes={"colour": "R&D/<b>#1"})
    found = strip_of(client, asking)
    assert f'href="{asking.get_absolute_url()}?colour=R%26D%2F%3Cb%3E%231#similar-title"' in found
    assert shown(strip_of(client, asking, "?colour=R%26D%2F%3Cb%3E%231")) == [odd.title]


@pytest.mark.slow
def test_swatches_cost_two_queries_and_sometimes_a_third(dress: Product) -> None:
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            swatches_for(dress)
        counts.append(len(captured))
    assert counts == [3, 2]


def test_the_colours_that_shops_use_have_a_shade() -> None:
    known = set(re.findall(r'\.swatch\[data-colour="([^"]+)" i\]', STYLES.read_text()))
    with DEMO.open(encoding="utf-8", newline="") as table:
        demo = {row["colour"] for row in csv.DictReader(table)}
    assert len(demo) >= 10
    used = {*demo, "Mint", "Multi", "Sky Blue", *(colour for family in FAMILIES.values() for colour in family)}
    assert {colour.casefold() for colour in used} - known == set()
