"""Words beside a photo: what is understood, and what is said not to be."""

from __future__ import annotations

import pytest

from recommendations.storefront.phrases import Kind, Meaning, Phrase, Vocabulary, folded, read

_WORDS = {
    Kind.COLOUR: ("Green", "Red", "Navy Blue", "Gray", "Off White"),
    Kind.CATEGORY: ("Dresses", "T-shirts", "Shoes", "Watches"),
    Kind.ATTRIBUTE: ("Men", "Women", "Casual"),
    Kind.BRAND: ("Nike", "H&M", "United Colors of Benetton", "Only", "Levi's"),
}
_SIZES = ("M", "XL", "42", "One Size")
FORTY = "price:-40.00"


def known(currency: str = "EUR") -> Vocabulary:
    meanings = {folded(word): Meaning(kind, word, (word,)) for kind, words in _WORDS.items() for word in words}
    return Vocabulary(currency, meanings, {folded(size): Meaning(Kind.SIZE, size, (size,)) for size in _SIZES})


def told(phrase: Phrase) -> str:
    if phrase.kind == Kind.PRICE:
        low, high = ("" if each is None else str(each) for each in (phrase.minimum, phrase.maximum))
        return f"price:{low}-{high}"
    return f"{phrase.kind}:{phrase.label}" if phrase.label else phrase.kind


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("in green", "colour:Green"),
        ("in Green!", "colour:Green"),
        ("GREEN", "colour:Green"),
        ("a green one", "colour:Green"),
        ("the same but in red", "colour:Red"),
        ("in navy blue", "colour:Navy Blue"),
        ("off-white", "colour:Off White"),
        ("grey", "colour:Gray"),
        ("coloured gréen", "colour:Green"),
        ("cheaper", "cheaper"),
        ("a cheaper one", "cheaper"),
        ("cheaper than this one", "cheaper"),
        ("less expensive", "cheaper"),
        ("in stock", "in_stock"),
        ("available", "in_stock"),
        ("under 40", FORTY),
        ("under €40", FORTY),
        ("under 40€", FORTY),
        ("under 40 EUR", FORTY),
        ("under eur 40", FORTY),
        ("under 40 euros", FORTY),
        ("Under 40.", FORTY),
        ("under 40,00", FORTY),
        ("under 39,90 €", "price:-39.90"),
        ("under 39.90", "price:-39.90"),
        ("below 1.299,00 €", "price:-1299.00"),
        ("below 1,299.00 €", "price:-1299.00"),
        ("up to 1 299", "price:-1299.00"),
        ("less than 40", FORTY),
        ("cheaper than 40", FORTY),
        ("no more than 40", FORTY),
        ("not more than 40", FORTY),
        ("not over 40", FORTY),
        ("max 40", FORTY),
        ("max. 40", FORTY),
        ("maximum of 40", FORTY),
        ("at most 40", FORTY),
        ("40 max", FORTY),
        ("40 or less", FORTY),
        ("within 40", FORTY),
        ("budget 40", FORTY),
        ("<40", FORTY),
        ("≤ 40", FORTY),
        ("€40", FORTY),
        ("40 €", FORTY),
        ("12,- €", "price:-12.00"),
        ("over 40", "price:40.00-"),
        ("at least 40", "price:40.00-"),
        ("more than €40", "price:40.00-"),
        ("40 or more", "price:40.00-"),
        ("between 20 and 40", "price:20.00-40.00"),
        ("between €20 and €40", "price:20.00-40.00"),
        ("between 40 and 20", "price:20.00-40.00"),
        ("from 20 to 40", "price:20.00-40.00"),
        ("20-40 €", "price:20.00-40.00"),
        ("€20 to 40", "price:20.00-40.00"),
        ("for men", "attribute:Men"),
        ("men’s", "attribute:Men"),
        ("for ladies", "attribute:Women"),
        ("female", "attribute:Women"),
        ("something casual", "attribute:Casual"),
        ("a dress", "category:Dresses"),
        ("t shirt", "category:T-shirts"),
        ("watch", "category:Watches"),
        ("by Nike", "brand:Nike"),
        ("from h&m", "brand:H&M"),
        ("united colors of benetton", "brand:United Colors of Benetton"),
        ("levis", "brand:Levi's"),
        ("size 42", "size:42"),
        ("size m", "size:M"),
        ("in XL", "size:XL"),
        ("size one size", "size:One Size"),
        ("in green, under 40", f"colour:Green {FORTY}"),
        ("green under 40 for men", f"colour:Green {FORTY} attribute:Men"),
        ("under 40 in green", f"{FORTY} colour:Green"),
        ("red men's shoes by Nike in stock", "colour:Red attribute:Men category:Shoes brand:Nike in_stock"),
        ("only under 40", FORTY),
        ("size 42, red", "size:42 colour:Red"),
        ("Nike or H&M", "brand:Nike brand:H&M"),
        ("", ""),
        ("something like this one", ""),
    ],
)
def test_words_of_shoppers_are_understood(text: str, found: str) -> None:
    reading = read(text, known())
    assert (" ".join(map(told, reading.phrases)), reading.unknown) == (found, ())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("in Grün", "colour:Green"),
        ("ein rotes", "colour:Red"),
        ("in der Farbe grün, unter 40 €", f"colour:Green {FORTY}"),
        ("weniger als 40", FORTY),
        ("bis 40 €", FORTY),
        ("bis zu 39,90", "price:-39.90"),
        ("höchstens 40", FORTY),
        ("40 oder weniger", FORTY),
        ("ab 40", "price:40.00-"),
        ("mindestens 40", "price:40.00-"),
        ("zwischen 20 und 40", "price:20.00-40.00"),
        ("20 bis 40 €", "price:20.00-40.00"),
        ("günstiger", "cheaper"),
        ("etwas Billigeres", "cheaper"),
        ("auf Lager", "in_stock"),
        ("für Herren", "attribute:Men"),
        ("für Frauen", "attribute:Women"),
        ("Größe M", "size:M"),
        ("in Gr. 42", "size:42"),
        ("Größe 42, rot", "size:42 colour:Red"),
    ],
)
def test_german_words_are_understood_too(text: str, found: str) -> None:
    reading = read(text, known())
    assert (" ".join(map(told, reading.phrases)), reading.unknown) == (found, ())


def test_a_label_in_german_comes_before_its_translation() -> None:
    meanings = {folded(word): Meaning(Kind.COLOUR, word, (word,)) for word in ("Pink", "Rosa", "Grün")}
    found = [read(text, Vocabulary("EUR", meanings)).phrases[0].label for text in ("rosa", "pink", "grünes")]
    assert found == ["Rosa", "Pink", "Grün"]


@pytest.mark.parametrize(
    ("text", "found", "unknown"),
    [
        ("fluffy", "", ("fluffy",)),
        ("without sleeves", "", ("without sleeves",)),
        ("not red", "", ("not red",)),
        ("for women, but not in red", "attribute:Women", ("not in red",)),
        ("no zip, in green", "colour:Green", ("no zip",)),
        ("something fluffy in green with laces", "colour:Green", ("fluffy", "laces")),
        ("red or green", "colour:Red", ("green",)),
        ("dark green", "colour:Green", ("dark",)),
        ("robe rouge", "", ("robe rouge",)),
        ("kein Rot", "", ("kein Rot",)),
        ("etwa 40", "", ("etwa 40",)),
        ("around 40", "", ("around 40",)),
        ("~40", "", ("~40",)),
        ("40", "", ("40",)),
        ("M", "", ("M",)),
        ("size 43", "", ("size 43",)),
        ("under $40", "", ("under $40",)),
        ("under 40 dollars", "", ("under 40 dollars",)),
        ("under 40 USD in red", "colour:Red", ("under 40 USD",)),
        ("under 1.299", "", ("under 1.299",)),
        ("under forty", "", ("under forty",)),
        ("under 40% in red", "colour:Red", ("under 40",)),
        ("under 12.345 €", "", ("under 12.345",)),
        ("under 99999999999", "", ("under 99999999999",)),
    ],
)
def test_what_is_not_understood_is_named(text: str, found: str, unknown: tuple[str, ...]) -> None:
    reading = read(text, known())
    assert (" ".join(map(told, reading.phrases)), reading.unknown) == (found, unknown)


@pytest.mark.parametrize(
    ("currency", "text", "found"),
    [
        ("USD", "under $40", FORTY),
        ("USD", "under 40 bucks", FORTY),
        ("GBP", "under £40", FORTY),
        ("GBP", "40 pounds or less", FORTY),
        ("JPY", "under ¥4,000", "price:-4000.00"),
        ("JPY", "under 4000 yen", "price:-4000.00"),
        ("JPY", "under 40.50", ""),
        ("SEK", "under 400 kr", "price:-400.00"),
        ("CHF", "under Fr. 40.–", FORTY),
        ("INR", "under Rs. 1,29,999", "price:-129999.00"),
        ("PLN", "under 40 zł", FORTY),
        ("BRL", "under R$ 40,00", FORTY),
    ],
)
def test_amounts_are_read_in_the_shops_currency(currency: str, text: str, found: str) -> None:
    assert " ".join(map(told, read(text, known(currency)).phrases)) == found


def test_a_phrase_is_removed_with_the_words_around_it() -> None:
    reading = read("in green, under 40, for men", known())
    assert [reading.without(phrase) for phrase in reading.phrases] == [
        "under 40, for men",
        "in green, for men",
        "in green, under 40",
    ]


def test_reading_any_text_ends() -> None:
    for text in (
        "1" * 120,
        "<" * 120,
        "size " * 24,
        "not " * 30,
        "1,1" * 40,
        "€" * 120,
        "- " * 60,
        "between 1 and " * 8,
    ):
        assert read(text, known()).phrases is not None
