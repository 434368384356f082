"""The queries of `python -m bench words`."""

from __future__ import annotations

import random
from collections import Counter

from bench.misspelling import Item, draw, misspelt
from catalog.search.spelling import edits

ITEMS = [
    Item(f"{brand} {gender} {colour} {what}", ("Apparel", what))
    for brand in ("Peter England", "Puma") for gender in ("Men", "Women") for colour in ("Black", "Purple", "Orange")
    for what in ("Shirts", "Trousers", "Jackets", "Sweaters")
]  # fmt: skip


def test_the_same_seed_draws_the_same_queries_of_each_kind() -> None:
    drawn = draw(ITEMS, 80, 3)
    assert [query.text for query in drawn] == [query.text for query in draw(ITEMS, 80, 3)]
    assert [query.text for query in drawn] != [query.text for query in draw(ITEMS, 80, 4)]
    assert Counter(query.kind for query in drawn) == {
        "title": 20, "title, misspelt": 20, "brand": 10, "brand, misspelt": 10,
        "category": 10, "category, misspelt": 10,
    }  # fmt: skip
    assert all(any(map(query.right, ITEMS)) for query in drawn)
    assert not any(query.right(Item("Toothbrush", ("Home",))) for query in drawn)


def test_a_misspelling_is_one_edit_in_one_long_word() -> None:
    rng = random.Random(1)
    for _ in range(50):
        wrong = misspelt("Red Sweaters", rng)
        assert wrong.startswith("Red ")
        assert edits(wrong.removeprefix("Red "), "sweaters") == 1
    assert misspelt("Red 12", rng) == "Red 12"
