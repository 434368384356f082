"""Misspelt words: which are corrected, and into what."""

from __future__ import annotations

import pytest

from catalog.models import Product
from catalog.search.finding import Found, find
from catalog.search.indexing import count_words
from tests.shopkeeper import Shopkeeper


def _find(words: str) -> tuple[list[str], Found]:
    found = find(words, Product.objects.published())
    skus = dict(Product.objects.values_list("pk", "sku"))
    return [skus[pk] for pk in found.ids], found


@pytest.fixture
def stocked(shop: Shopkeeper, synonyms: None) -> None:
    titles = ["White shirt", "Black shoes", "Yellow dress", "Watches", "Batteries", "Leather handbag", "Thing of wool"]
    for title in [
        *titles,
        "Men's suit",
        "Back pillow nike",
        "Miler tent",
        "Blue shirts",
        "Red skirt",
        *["John Miller cap"] * 3,
    ]:
        shop.product(title, sku=f"{title} {Product.objects.count()}")
    shop.product("Skirt", description="Not yello at all.")
    count_words()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("whit shirt", "white shirt"), ("blac shoes", "black shoes"), ("yello dress", "yellow dress"),
        ("wathc", "watch"), ("battary", "battery"), ("leathr hanbag", "leather handbag"),
        ("john miler", "john miller"), ("blu shirts", "blue shirts"), ("rd skirt", "red skirt"),
    ],
)  # fmt: skip
def test_a_misspelt_word_is_corrected(stocked: None, typed: str, meant: str) -> None:
    skus, found = _find(typed)
    assert (found.corrected, found.partial) == (meant, False)
    assert skus


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["bathing suit", "black nike shoe", "zzzzqx shoe"])
def test_what_a_correction_does_not_complete_stays_as_typed(stocked: None, typed: str) -> None:
    skus, found = _find(typed)
    assert (found.corrected, found.partial, bool(skus)) == ("", True, True)


def test_of_words_that_no_product_has_together_the_misspelt_are_corrected(stocked: None) -> None:
    skus, found = _find("black shose zzzzqx")
    assert (found.corrected, found.partial) == ("black shoes zzzzqx", True)
    assert [sku.split(" ")[:2] for sku in skus] == [["Black", "shoes"]]


@pytest.mark.slow
def test_brands_and_plurals_are_no_misspellings_of_other_words(shop: Shopkeeper) -> None:
    for n in range(12):
        shop.product("Like new shirt", sku=f"L{n}")
        shop.product("Scarlet top", sku=f"T{n}")
    shop.product("Running shoes", sku="NIKE", brand="Nike")
    count_words()
    assert [_find(typed)[1].corrected for typed in ("nike shirt", "nikee", "scarves")] == ["", "nike", ""]
    Product.objects.filter(sku="NIKE").update(published=False)
    count_words()
    assert [_find(typed)[1].corrected for typed in ("nike shirt", "ilke shirt")] == ["", "like shirt"]


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["red+skirt", "skirt+red", "skirt/red", "skirt_red", "red-skirt"])
def test_signs_between_words_are_spaces_unless_they_make_one_word(stocked: None, typed: str) -> None:
    skus, found = _find(typed)
    assert [sku[:9] for sku in skus] == ["Red skirt"]
    assert not found.corrected


def test_a_common_word_may_be_two_edits_away(shop: Shopkeeper) -> None:
    for n in range(12):
        shop.product("Summer sandals", sku=f"S{n}")
    shop.product("Saddle T-shirt", sku="SADDLE")
    count_words()
    assert [_find(typed)[1].corrected for typed in ("sandle", "sandel", "sadle")] == ["sandal", "sandal", "saddle"]


@pytest.mark.parametrize("title", ["Age Defying Sculpt -Logic Toner", "Black or White mug", 'Sleeve 15" or "so" -x'])
def test_a_whole_title_is_found_whatever_signs_it_has(shop: Shopkeeper, title: str) -> None:
    shop.product(title, sku="IT")
    shop.product("White mug", sku="OTHER")
    skus, found = _find(title)
    assert (skus[0], found.corrected, found.partial) == ("IT", "", False)


@pytest.mark.django_db
def test_two_words_are_no_past_tense_of_the_first(shop: Shopkeeper) -> None:
    shop.product("Grey jumper", sku="grey")
    shop.product("Blue blazer", sku="blue")
    shop.product("Hand bag of leather", sku="bag")
    count_words()
    assert _find("jumper red")[1].partial
    assert _find("blazer red")[1].partial
    assert _find("handbags")[0] == ["bag"]
