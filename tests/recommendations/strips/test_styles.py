"""Which products are one thing to a shopper. The names are real."""

from __future__ import annotations

import numpy as np
import pytest

from catalog.models import Product
from recommendations.strips.styles import Look, Style, collapsed, style_of


def named(title: str, colour: str = "", **fields: object) -> Style:
    attributes = {"colour": colour} if colour else {}
    return style_of(Product(title=title, category_id=1, attributes=attributes | dict(fields)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Spykar Men Ranger Navy Blue Shirt", "Navy Blue"), ("Spykar Men Ranger White Shirt", "White")),
        (("Lotto Men Zeus Olive Sandals", "Olive"), ("Lotto Men Black Zeus Sandals", "Black")),
        (("Puma Men's Silly Point Blue T-shirt", "Blue"), ("Puma Men's Silly Point Green T-shirt", "Green")),
        (("Wrangler Men's Authentic Embro Orange T-shirt", "Orange"),
         ("Wrangler Men's Authentic Embro Olive T-shirt", "Green")),
        (("Nike Men Red Portugal Football T-shirt", "Red"),
         ("Nike Men Charcoal Grey Portugal Football T-shirt", "Charcoal")),
        (("SDL by Sweet Dreams Women Pink & Black Printed Night Suit S11-3134", "Pink"),
         ("SDL by Sweet Dreams Women Green and White Printed Night Suit S11-3134", "Green")),
        (("Timex Men Off White Dial Watch", "Cream"), ("Timex Men Black Dial Watch", "Black")),
        (("Puma Men Archive Boot WTR Brown Casual Shoes", "Brown"),
         ("Puma Men Archive Boot Wtr Black Casual Shoes", "Black")),
        (("Jealous 21 Light Blue Crest Top", ""), ("Jealous 21 Red Crest Top", "")),
    ],
)  # fmt: skip
def test_names_that_differ_only_in_colour_may_be_one_style(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert named(*one).key == named(*other).key is not None
    assert named(*one).colour != named(*other).colour


def test_second_hand_pieces_are_one_of_a_kind() -> None:
    fields = {"title": "Beige shirt with fine stripes", "category_id": 1}
    assert style_of(Product(condition="Very good", **fields)).key is None
    assert style_of(Product(condition="Very good", attributes={"style": "A7"}, **fields)).key is not None
    for condition in ("", "New", "new with tags"):
        assert style_of(Product(condition=condition, **fields)).key is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Puma Men Jiyu 2 Black Casual Shoes", "Puma Men Jiyu 3 Black Casual Shoes"),
        ("Amante White T-shirt Bra BCMF02", "Amante Black T-shirt Bra BCMF03"),
        ("Nike Men Red Portugal Football T-shirt", "Nike Men Red France Football T-shirt"),
        ("Scullers Men Light Jacket", "Scullers Men Jacket"),
    ],
)
def test_names_that_differ_in_anything_else_are_not(one: str, other: str) -> None:
    assert named(one, "Red").key != named(other, "Blue").key


def test_another_category_brand_or_gender_is_another_style() -> None:
    ranger = Product(title="Ranger Shirt", category_id=1, brand="Spykar", attributes={"gender": "Men"})
    for other in (
        Product(title="Ranger Shirt", category_id=2, brand="Spykar", attributes={"gender": "Men"}),
        Product(title="Ranger Shirt", category_id=1, brand="Arrow", attributes={"gender": "Men"}),
        Product(title="Ranger Shirt", category_id=1, brand="Spykar", attributes={"gender": "Women"}),
    ):
        assert style_of(other).key != style_of(ranger).key


def test_a_single_word_names_no_style() -> None:
    assert named("Red dress").key is None
    assert named("").key is None


def test_the_shop_may_say_which_is_which() -> None:
    assert named("Spring shirt", style="S-17") == named("Summer shirt", style="s-17")
    assert named("Spring shirt", style="S-17").key != named("Spring shirt", style="S-18").key
    assert named("Spring shirt", style=17).told


@pytest.mark.parametrize(
    "attributes", [{}, {"colour": 5}, {"colour": True, "gender": 1}, {"gender": ["Men"], "colour": ["Red"]}]
)
def test_attributes_may_have_any_json_type(attributes: object) -> None:
    assert style_of(Product(title="Ranger Shirt", category_id=1, attributes=attributes)).key is not None


def looks(*entries: tuple[str, str, list[float]]) -> list[Look]:
    found = []
    for title, colour, vector in entries:
        unit = np.array(vector, np.float32) / np.linalg.norm(vector)
        found.append(Look(named(title, colour), None, unit, unit))
    return found


def test_one_name_is_one_card_only_in_different_colours_and_where_the_shapes_agree() -> None:
    found = looks(
        ("Lotto Men Zeus Black Sandals", "Black", [1, 0, 0]),
        ("Lotto Men Zeus Red Sandals", "Red", [1, 0.15, 0]),
        ("Lotto Men Zeus Green Sandals", "Green", [0, 1, 0]),  # another shape
        ("Lotto Men Zeus Blue Sandals", "", [1, 0.16, 0]),  # "Blue" by its name
        ("Lotto Men Zeus Sandals", "", [1, 0.13, 0]),  # of an unknown colour
    )
    assert collapsed(found) == [[0, 1, 3], [2], [4]]


def test_a_name_that_two_pairs_of_one_colour_have_says_nothing() -> None:
    found = looks(
        ("Catwalk Women Black Heels", "Black", [1, 0, 0]),
        ("Catwalk Women Red Heels", "Red", [1, 0.15, 0]),
        ("Catwalk Women Black Heels", "Black", [1, 0.15, 0.2]),
    )
    assert collapsed(found) == [[0], [1], [2]]
    assert collapsed(found[:2]) == [[0, 1]]
    assert collapsed([*found[:2], found[0]]) == [[0, 1, 2]], "the same picture twice is no other pair"


def test_one_picture_is_one_card_whatever_it_is_called() -> None:
    found = looks(("Nike Men Zoom Shoes", "Red", [1, 0, 0]), ("Nike Pegasus", "Red", [1, 0.001, 0]))
    assert collapsed(found) == [[0, 1]]
    assert collapsed([Look(named("One"), "d1"), Look(named("Two"), "d1"), Look(named("Three"))]) == [[0, 1], [2]]


def test_what_the_shop_pinned_has_a_card_each() -> None:
    found = looks(*[("Nike Men Zoom Shoes", "Red", [1, 0, 0])] * 3)
    assert collapsed(found, apart=2) == [[0, 2], [1]]
    assert collapsed([]) == []
