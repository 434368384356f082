"""Text as words: what is equal for a search."""

from __future__ import annotations

import pytest

from catalog.search.words import pieces, stem


def forms(text: str) -> set[str]:
    """Everything that the text is found under, as stems."""
    found = pieces(text)
    words = {spelling for piece in found for word in piece.words for spelling in word}
    return {stem(word) for word in words | {form for piece in found for form in piece.joined}}


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("T-shirt", "tshirts"), ("U.S. Polo", "us"), ("s.Oliver", "oliver"), ("s.Oliver", "soliver"),
        ("Levi's", "levis"), ("Levi’s", "levi's"), ("LEVIS", "levi"), ("H&M", "hm"), ("Größe", "grosse"),
        ("Größe", "groesse"), ("GRÖSSE", "größe"), ("Château", "chateau"), ("Cha\u0302teau", "château"),
        ("ﬁne", "fine"), ("İpek", "ipek"),
        ("ısı", "isi"), ("１２３", "123"), ("٣٤", "34"), ("Łódź", "lodz"), ("Ærø", "aero"), ("Ёлка", "елка"),
        ("500ml", "ml"), ("500ml", "500ml"), ("1,5 l", "1.5"), ("1,000", "1000"), ("AB-1234", "ab1234"),
        ("AB/12", "ab12"), ("snake_case", "snakecase"), ("C++", "c++"),
        ("flip-flops", "flipflops"), ("Football/Soccer", "soccer"),
        ("soft\u00adhyphen", "softhyphen"), ("Dress👗", "dress"), ("a\0b", "b"), ("红色", "红"), ("ドレス", "ドレス"),
        ("हिन्दी", "हिन्दी"), ("O`Neill", "oneill"), ("Gray/Grey", "grey"),
    ],
)  # fmt: skip
def test_two_spellings_have_a_word_in_common(written: str, typed: str) -> None:
    assert forms(written) & forms(typed), (forms(written), forms(typed))


@pytest.mark.parametrize(
    ("a", "b"), [("C++", "C"), ("が", "か"), ("1.5", "15"), ("cape", "cap"), ("women", "men"), ("glove", "glof")]
)
def test_these_stay_different(a: str, b: str) -> None:
    assert not forms(a) & forms(b)


@pytest.mark.parametrize("text", ["", " ", "---", "!?;", "👗", "\0", "“”", "++", "' or --"[:1]])
def test_text_without_letters_has_no_words(text: str) -> None:
    assert pieces(text) == []


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("dresses", "dress"), ("boots", "boot"), ("watches", "watch"), ("shoes", "shoe"), ("boxes", "box"),
        ("sizes", "size"), ("blouses", "blouse"), ("hoodies", "hoodie"), ("hoodies", "hoody"), ("ties", "tie"),
        ("scarves", "scarf"), ("gloves", "glove"), ("women", "woman"), ("mens", "men"), ("children", "child"),
        ("glasses", "glass"), ("buses", "bus"), ("capes", "cape"), ("caps", "cap"), ("jeans", "jean"),
        ("striped", "stripes"), ("printed", "print"), ("knitted", "knit"), ("lined", "line"), ("bras", "bra"),
    ],
)  # fmt: skip
def test_plurals_have_the_stem_of_their_singular(many: str, one: str) -> None:
    assert stem(many) == stem(one)


def test_a_very_long_word_is_cut_and_costs_nothing() -> None:
    (piece,) = pieces("x" * 100_000)
    assert len(piece.words[0][0]) == 64
