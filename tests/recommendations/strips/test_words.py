"""Words on cards, their order, and N cards where many products are one thing."""

from __future__ import annotations

from math import cos, sin

import numpy as np
import pytest

from catalog import services
from catalog.models import Product
from recommendations.embeddings import claims
from recommendations.models import EmbeddingModel, Rule
from recommendations.search.photo import SeenPhoto
from recommendations.search.photo_types import photo_types_of
from recommendations.search.request import SearchRequest, Sort, build_request
from recommendations.strips.cards import Cards, photo_cards
from recommendations.strips.product_strip import product_strip
from recommendations.strips.taste import inspired_by
from tests.models import stated
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper


def seen(model: EmbeddingModel, vector: list[float]) -> SeenPhoto:
    unit = np.array(vector, np.float32) / np.linalg.norm(vector)
    return SeenPhoto(model, unit, tuple(photo_types_of(unit, model)))


def words(cards: Cards) -> dict[str, str]:
    return {card.product.title: card.word for card in cards.matches}


@pytest.fixture
def sandals_and_ties(shop: Shopkeeper, plane: EmbeddingModel) -> EmbeddingModel:
    """Red things: ties look as much like a red sandal as other sandals do."""
    stated(plane)
    for number, vector in enumerate(([1, 0.2, 0], [1, -0.2, 0], [1, 0, 0.2])):
        shop.embedded(plane, f"sandal {number}", vector, category="sandals")
    shop.embedded(plane, "tie", [1, 0, -0.2], category="ties")
    return plane


def test_only_what_is_of_the_photos_type_gets_a_word(sandals_and_ties: EmbeddingModel) -> None:
    found = words(photo_cards(seen(sandals_and_ties, [1, 0, 0]), SearchRequest(4)))
    assert found == {"sandal 0": "Very close", "sandal 1": "Very close", "sandal 2": "Very close", "tie": ""}


def test_a_photo_of_no_certain_type_gets_no_words(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    stated(plane)
    for category in ("sandals", "ties", "caps"):
        shop.embedded(plane, category, [1, 0, 0.01 * len(category)], category=category)
    assert set(words(photo_cards(seen(plane, [1, 0, 0]), SearchRequest(3))).values()) == {""}


def test_the_type_that_the_shopper_chose_is_the_photos_type(sandals_and_ties: EmbeddingModel, shop: Shopkeeper) -> None:
    request = build_request({"category": shop.category("ties")}, default_limit=4)
    assert words(photo_cards(seen(sandals_and_ties, [1, 0, 0]), request)) == {"tie": "Very close"}


@pytest.mark.slow
def test_a_products_page_and_the_personal_strip_compare_types_too(
    sandals_and_ties: EmbeddingModel, shop: Shopkeeper
) -> None:
    red = shop.embedded(sandals_and_ties, "red sandal", [1, 0.01, 0], category="sandals")
    for found in (words(product_strip(red, 4)), words(inspired_by([red.pk], 4))):
        assert found["sandal 0"] == "Very close"
        assert found["tie"] == ""


def test_words_come_closest_first_and_others_keep_their_place(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    stated(plane)
    red = shop.embedded(plane, "red", [1, 0, 0], attributes={"gender": "Women"})
    shop.embedded(plane, "same gender", [7.2, 6.94, 0], attributes={"gender": "Women"})  # .72 + .05
    shop.embedded(plane, "closer", [7.6, -6.5, 0], attributes={"gender": "Men"})  # .76
    shop.embedded(plane, "favoured", [6, 0, 8], brand="Ours")
    Rule.objects.create(effect="boost", boost=0.2, brand="Ours")
    found = product_strip(red, 3)
    assert list(words(found).items()) == [("favoured", ""), ("closer", "Very close"), ("same gender", "Close")]


def test_cheaper_first_keeps_its_order(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    stated(plane)
    shop.embedded(plane, "dear", [1, 0.1, 0], price="90.00")
    shop.embedded(plane, "cheap", [7.2, 6.94, 0], price="1.00")
    found = photo_cards(seen(plane, [1, 0, 0]), SearchRequest(2, sort=Sort.VALUE))
    assert list(words(found).items()) == [("cheap", "Close"), ("dear", "Very close")]


def with_placeholder(shop: Shopkeeper, plane: EmbeddingModel, count: int) -> list[Product]:
    accepted = services.accept_image(picture("black"))
    products = [shop.product(f"unpictured {number}", category="new") for number in range(count)]
    images = [services.attach_image(product=product, accepted=accepted) for product in products]
    known = [(image.pk, image.digest) for image in images]
    claims.store_known(plane, known, np.tile(np.array([1, 0, 0], np.float32), (count, 1)))
    return products


@pytest.mark.slow
@pytest.mark.case
def test_one_placeholder_on_120_products_takes_one_card(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    """In the photo search, on a product's page and in the personal strip."""
    products = with_placeholder(shop, plane, 120)
    for number in range(20):
        far, turn = 0.7 + 0.02 * number, 2.4 * number
        shop.embedded(plane, f"other {number}", [1, far * cos(turn), far * sin(turn)], category="new")
    photo = seen(plane, [1, 0, 0])
    first = photo_cards(photo, SearchRequest(12))
    titles = [card.product.title for card in first.matches]
    assert titles == ["unpictured 0", *(f"other {number}" for number in range(11))]
    assert first.next
    strip = product_strip(products[0], 12)
    assert [card.source.value for card in strip.matches] == ["visual"] * 12
    assert len({card.product.title.partition(" ")[0] for card in strip.matches}) == 2
    assert len(inspired_by([products[0].pk], 12).matches) == 12


@pytest.mark.slow
@pytest.mark.case
def test_where_nothing_else_exists_its_products_have_cards_of_their_own(
    shop: Shopkeeper, plane: EmbeddingModel
) -> None:
    products = with_placeholder(shop, plane, 20)
    assert len(photo_cards(seen(plane, [1, 0, 0]), SearchRequest(12)).matches) == 12
    assert len(product_strip(products[0], 12).matches) == 12
    assert len(inspired_by([products[0].pk], 12).matches) == 12
    assert [card.product for card in product_strip(products[0], 12).matches] == products[1:13]
