"""Badges on cards: true of the card, and silent where the shop does not know."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from catalog.models import Product
from ml.weights.classes import Classes
from recommendations.models import EmbeddingModel, Rule
from recommendations.search.filters import ANYTHING, Filters
from recommendations.search.photo import SeenPhoto, from_token, in_colour
from recommendations.search.photo_types import shown_by
from recommendations.search.recognition import types_of
from recommendations.search.request import SearchRequest, build_request
from recommendations.strips import badges as badges_module
from recommendations.strips.badges import Reference, as_photo, as_product
from recommendations.strips.cards import Cards, photo_cards
from recommendations.strips.product_strip import product_strip
from recommendations.strips.taste import inspired_by
from tests.models import stated
from tests.shopkeeper import Shopkeeper


def seen(model: EmbeddingModel, vector: list[float]) -> SeenPhoto:
    unit = np.array(vector, np.float32) / np.linalg.norm(vector)
    return SeenPhoto(model, unit, **vars(shown_by(unit, model)))


def badges(cards: Cards) -> dict[str, list[str]]:
    return {card.product.title: [badge.label for badge in card.badges] for card in cards.matches}


@pytest.fixture
def sandals_and_ties(shop: Shopkeeper, plane: EmbeddingModel, monkeypatch: pytest.MonkeyPatch) -> EmbeddingModel:
    """Ties look as much like a red sandal as other sandals do. Three of four are sandals, and three are red. The model
    was taught a type that looks like [1, 0, 0]."""
    stated(plane)
    monkeypatch.setattr(badges_module, "types_of", lambda model: Classes(np.eye(3, dtype=np.float32), slice(0, 3)))
    for number, (vector, colour) in enumerate((([1, 0.2, 0], "Red"), ([1, -0.2, 0], "Maroon"), ([1, 0, 0.2], "Blue"))):
        shop.embedded(plane, f"sandal {number}", vector, category="sandals", attributes={"colour": colour})
    shop.embedded(plane, "tie", [1, 0, -0.2], category="ties", attributes={"colour": "Red"})
    return plane


def test_a_products_neighbours_say_what_their_labels_say(sandals_and_ties: EmbeddingModel, shop: Shopkeeper) -> None:
    own = {"category": "sandals", "attributes": {"colour": "red"}, "price": Decimal("30.00")}
    found = badges(product_strip(shop.embedded(sandals_and_ties, "red sandal", [1, 0.01, 0], **own), 4))
    assert found == {
        "sandal 0": ["Same type", "Same colour", "33% cheaper"],
        "sandal 1": ["Same type", "33% cheaper"],  # maroon is no red
        "sandal 2": ["Same type", "33% cheaper"],
        "tie": ["Same colour", "33% cheaper"],
    }


def test_a_photos_neighbours_say_what_most_of_them_show(sandals_and_ties: EmbeddingModel) -> None:
    found = badges(photo_cards(seen(sandals_and_ties, [1, 0, 0]), SearchRequest(4)))
    assert found == {
        "sandal 0": ["Same type", "Same colour"],
        "sandal 1": ["Same type", "Same colour"],  # of a photo, only the family of its colour is known
        "sandal 2": ["Same type"],
        "tie": ["Same colour"],
    }


def test_nothing_is_said_without_a_calibration_for_it(sandals_and_ties: EmbeddingModel) -> None:
    photo = seen(sandals_and_ties, [1, 0, 0])
    stated(sandals_and_ties, certain={"type": 0.66})
    assert badges(photo_cards(photo, SearchRequest(4)))["sandal 0"] == ["Same type"]
    stated(sandals_and_ties, certain={"colour": 0.66})
    assert badges(photo_cards(photo, SearchRequest(4)))["sandal 0"] == ["Same colour"]
    stated(sandals_and_ties, certain={})
    assert not any(badges(photo_cards(photo, SearchRequest(4))).values())
    sandals_and_ties.calibration = {}
    assert as_photo(photo, ANYTHING) == Reference()


def test_an_uncertain_photo_says_nothing(sandals_and_ties: EmbeddingModel) -> None:
    stated(sandals_and_ties, certain={"type": 1.1, "colour": 0.8})
    assert not any(badges(photo_cards(seen(sandals_and_ties, [1, 0, 0]), SearchRequest(4))).values())


def test_a_photo_that_shows_no_type_clearly_has_none(sandals_and_ties: EmbeddingModel) -> None:
    photo = seen(sandals_and_ties, [1, 0, 0])
    unclear = replace(photo, vector=np.full(3, 3**-0.5, np.float32))
    assert as_photo(photo, ANYTHING).category is not None
    assert as_photo(unclear, ANYTHING).category is None


def test_a_model_that_was_taught_no_types_states_none(
    sandals_and_ties: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(badges_module, "types_of", types_of)
    assert as_photo(seen(sandals_and_ties, [1, 0, 0]), ANYTHING).category is None


def test_what_every_result_is_needs_no_badge(sandals_and_ties: EmbeddingModel, shop: Shopkeeper) -> None:
    request = build_request({"category": shop.category("sandals")}, default_limit=4)
    assert badges(photo_cards(seen(sandals_and_ties, [1, 0, 0]), request))["sandal 0"] == ["Same colour"]
    red = Filters(attributes={"colour": frozenset({"Red"})})
    assert as_product(Product.objects.get(title="sandal 0"), red).colour is None


def test_a_link_says_the_same_as_the_search(sandals_and_ties: EmbeddingModel) -> None:
    photo = seen(sandals_and_ties, [1, 0, 0])
    assert as_photo(from_token(photo.to_token()), ANYTHING) == as_photo(photo, ANYTHING) != Reference()


def test_a_photo_in_another_colour_has_no_colour_of_its_own(shop: Shopkeeper, coloured: EmbeddingModel) -> None:
    stated(coloured)
    for name, vector in (("Red", [1, 0, 1, 0]), ("Blue", [1, 0, 0, 1])):
        shop.embedded(coloured, name, vector, attributes={"colour": name})
    photo = seen(coloured, [1, 0, 1, 0])
    assert photo.colour is not None
    assert in_colour(photo, "Blue").colour is None


def test_look_alikes_of_a_product_are_compared_with_it(sandals_and_ties: EmbeddingModel) -> None:
    tie = Product.objects.get(title="tie")
    tie.price = Decimal("40.00")
    found = badges(photo_cards(seen(sandals_and_ties, [1, 0, 0]), SearchRequest(4), like=tie))
    assert found["sandal 0"] == ["Same colour", "50% cheaper"]
    assert found["sandal 2"] == ["50% cheaper"]


def test_pins_and_what_fills_up_have_no_badge(sandals_and_ties: EmbeddingModel, shop: Shopkeeper) -> None:
    red = shop.embedded(sandals_and_ties, "red sandal", [1, 0.01, 0], category="sandals", price=Decimal(90))
    shop.product("unpictured", category="sandals")
    assert badges(product_strip(red, 5))["unpictured"] == []


def test_what_was_viewed_is_not_on_the_page_so_nothing_is_compared_with_it(sandals_and_ties: EmbeddingModel) -> None:
    first = Product.objects.get(title="sandal 0")
    assert not any(badges(inspired_by([first.pk], 4)).values())


def test_badges_do_not_change_the_order(shop: Shopkeeper, plane: EmbeddingModel) -> None:
    stated(plane)
    red = shop.embedded(plane, "red", [1, 0, 0], attributes={"gender": "Women"})
    shop.embedded(plane, "same gender", [7.2, 6.94, 0], attributes={"gender": "Women"})  # .72 + .05
    shop.embedded(plane, "closer", [7.6, -6.5, 0], attributes={"gender": "Men"})  # .76
    shop.embedded(plane, "favoured", [7, 0, 7], brand="Ours", category="elsewhere")
    Rule.objects.create(effect="boost", boost=0.2, brand="Ours")
    assert badges(product_strip(red, 3)) == {"favoured": [], "same gender": ["Same type"], "closer": ["Same type"]}


@pytest.mark.parametrize(
    ("price", "percent"),
    [("50.00", 0), ("47.51", 0), ("47.50", 5), ("33.34", 33), ("0.01", 99), ("60.00", 0), (None, 0)],
)
def test_how_much_cheaper_is_rounded_down(price: str | None, percent: int) -> None:
    product = Product(price=None if price is None else Decimal(price), currency="EUR")
    found = Reference(price=Decimal("50.00"), currency="EUR").badges_of(product)
    assert [badge.percent for badge in found] == ([percent] if percent else [])


def test_prices_of_different_currencies_and_free_products_are_not_compared() -> None:
    cheap = Product(price=Decimal("1.00"), currency="USD")
    assert Reference(price=Decimal("50.00"), currency="EUR").badges_of(cheap) == ()
    assert Reference(price=Decimal("0.00"), currency="USD").badges_of(cheap) == ()
    assert Reference(currency="USD").badges_of(cheap) == ()
