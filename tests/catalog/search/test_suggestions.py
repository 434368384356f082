"""What the search box offers while somebody types."""

from __future__ import annotations

import pytest
from django.test import Client

from catalog.search.indexing import count_words
from catalog.search.suggestions import suggested
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db


@pytest.fixture
def stocked(shop: Shopkeeper) -> None:
    for title in ("Red shirt", "Blue shirts"):
        shop.product(title, category="clothing/shirts")
    shop.product("Green shorts", category="clothing/shorts")
    shop.product("Red shoes", category="footwear/casual-shoes")
    shop.product("Secret shoehorn", category="hidden", published=False)
    count_words()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("shi", ["shirt"]),  # not its plural as well
        ("red s", ["red shirt", "red shoe"]),  # no red shorts
        ("shir ", []),  # a whole word
        ("handbg", []),
        ("grene", ["green"]),
        ("secr", []),  # not published
        ("s", []),
        ("", []),
        ("red -s", []),
        ('"red s', ["red shirt", "red shoe"]),
    ],
)
def test_words_lead_to_products(stocked: None, typed: str, words: list[str]) -> None:
    assert sorted(suggested(typed).words) == words


def test_products_are_those_of_the_first_words(stocked: None) -> None:
    assert [product.title for product in suggested("red sho").products] == ["Red shoes"]
    assert {product.title for product in suggested("shirts").products} == {"Red shirt", "Blue shirts"}
    assert suggested("secret").products == []


@pytest.mark.slow
def test_categories_have_products_and_stand_for_those_below_them(stocked: None, shop: Shopkeeper) -> None:
    shop.category("shoelaces")
    assert [category.name for category in suggested("casual sh").categories] == ["Casual shoes"]
    assert [category.name for category in suggested("footw").categories] == ["Footwear"]
    assert suggested("shoel").categories == suggested("hidd").categories == []


@pytest.mark.parametrize(
    "typed", ["", "a", "red", "<script>", "\0", "x" * 500, "or or", '"', "%", "'", "日本", "ß", "- - -"]
)
def test_any_text_gets_an_answer(client: Client, stocked: None, typed: str) -> None:
    answer = client.get("/search/suggestions/", {"q": typed})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "<script" not in page
    assert "<html" not in page
    assert 'href="/search/photo/"' in page
