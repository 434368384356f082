"""N cards where many products are one thing."""

from __future__ import annotations

from math import cos, sin

import numpy as np
import pytest

from catalog import services
from catalog.models import Product
from recommendations.embeddings import claims
from recommendations.models import EmbeddingModel
from recommendations.search.photo import SeenPhoto
from recommendations.search.request import SearchRequest
from recommendations.strips.cards import photo_cards
from recommendations.strips.product_strip import product_strip
from recommendations.strips.taste import inspired_by
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper


def seen(model: EmbeddingModel, vector: list[float]) -> SeenPhoto:
    unit = np.array(vector, np.float32) / np.linalg.norm(vector)
    return SeenPhoto(model, unit)


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
