"""Words beside a photo: "in green, under €40, for men". What the shop knows is passed in; nothing here asks for it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from common.money import CURRENCIES, is_payable
from ml.files.catalog.cells import PRICE_BELOW, SIGNS, currencies_of, plain_amount
from recommendations.storefront.languages import (
    AND,
    AT_LEAST,
    AT_MOST,
    BETWEEN,
    CHEAPER,
    FILLERS,
    FROM,
    IN_ENGLISH,
    IN_STOCK,
    NEGATIONS,
    ODD,
    ROUGHLY,
    SIZE,
    STEMS,
    TO,
    UNITS,
    UP_TO,
)  # fmt: skip


class Kind(StrEnum):
    """What a phrase asks for."""

    COLOUR = "colour"
    CATEGORY = "category"
    BRAND = "brand"
    ATTRIBUTE = "attribute"
    SIZE = "size"
    PRICE = "price"
    CHEAPER = "cheaper"
    IN_STOCK = "in_stock"


@dataclass(frozen=True)
class Meaning:
    """
    Attributes:
        label: the word as the shop writes it most often.
        values: every spelling of it, commonest first; addresses of categories.
        name: of the attribute.
    """

    kind: Kind
    label: str = ""
    values: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Phrase(Meaning):
    """
    Attributes:
        start, end: its place in the text, with the "in" or "for" before it.
        minimum, maximum: of a price, both inclusive.
        is_weighed: of a colour that moves products forward, but leaves none out.
    """

    start: int = 0
    end: int = 0
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    is_weighed: bool = False


@dataclass(frozen=True)
class Vocabulary:
    """What the shop knows.

    Attributes:
        meanings: folded words, as `folded` returns them → what they mean. Where a word has several meanings, the one
            that was added first.
        sizes: the same for sizes, which are understood after "size" or if nothing else is written like that (XL).
        currency: of the shop. Amounts in another one are not understood.
        has_colours: whether enough products have a colour label to filter by.
    """

    currency: str
    meanings: Mapping[tuple[str, ...], Meaning] = field(default_factory=dict)
    sizes: Mapping[tuple[str, ...], Meaning] = field(default_factory=dict)
    has_colours: bool = False


@dataclass(frozen=True)
class Reading:
    """
    Attributes:
        phrases: what was understood, in the order of the text.
        unknown: what was not, as typed.
    """

    text: str
    phrases: tuple[Phrase, ...] = ()
    unknown: tuple[str, ...] = ()

    def of(self, kind: Kind) -> list[Phrase]:
        return [phrase for phrase in self.phrases if phrase.kind == kind]

    def without(self, *phrases: Phrase) -> str:
        """The text without these phrases."""
        text = self.text
        for phrase in sorted(phrases, key=lambda each: -each.start):
            text = f"{text[: phrase.start]} {text[phrase.end :]}"
        return re.sub(r"\s+", " ", re.sub(r"\s*([,;])[\s,;]*", r"\1 ", text)).strip(" ,;.!?")


_UNIT = "|".join([*sorted(map(re.escape, {*UNITS, *SIGNS}), key=len, reverse=True), *sorted(CURRENCIES)])
_NUMBER = r"\d+(?:[.,'’ ]\d+)*(?:[.,][-–]{1,2})?"
_AFTER = rf"\s*(?:{_UNIT})(?!\w)"
_AMOUNT = rf"(?:(?:{_UNIT})\s*)?{_NUMBER}(?:{_AFTER})?"
_MONEY = rf"(?:(?:{_UNIT})\s*{_NUMBER}|{_NUMBER}{_AFTER})"
_END = r"(?![\w%])"
#: In this order. `low` and `high` are amounts.
_PRICES = [
    re.compile(pattern + _END, re.IGNORECASE)
    for pattern in (
        rf"(?:{BETWEEN})\s+(?P<low>{_AMOUNT})\s*(?:{AND}|[-–])\s*(?P<high>{_AMOUNT})",
        rf"(?:{UP_TO})\s*(?P<high>{_AMOUNT})",
        rf"(?:{FROM})\s*(?P<low>{_AMOUNT})",
        rf"(?P<low>{_NUMBER})\s*(?:{TO}|[-–])\s*(?P<high>{_MONEY})",
        rf"(?P<low>{_MONEY})\s*(?:{TO}|[-–])\s*(?P<high>{_AMOUNT})",
        rf"(?P<high>{_AMOUNT})\s*(?:{AT_MOST})",
        rf"(?P<low>{_AMOUNT})\s*(?:{AT_LEAST})",
        rf"(?P<high>{_MONEY})",  # a sum alone is what somebody can spend
    )
]
_ROUGHLY = re.compile(rf"(?:{ROUGHLY})\s*{_AMOUNT}{_END}", re.IGNORECASE)
_CHEAPER = re.compile(rf"(?:{CHEAPER})(?!\w)", re.IGNORECASE)
_IN_STOCK = re.compile(rf"(?:{IN_STOCK})(?!\w)", re.IGNORECASE)
_SIZE = re.compile(rf"(?:{SIZE}):?\s+", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['’.&+/-][^\W_]+)*['’]?|[&<>≤≥~]")
_LETTERS = re.compile(r"[0-9]{0,2}X+[SL]", re.IGNORECASE)  # S, M and L alone may be anything
_LONGEST = 4  # words of what the shop knows


def folded(text: str) -> tuple[str, ...]:
    """Its words without case, accents, possessive and plural endings: ("man", "shoe") for "Men's shoes"."""
    return tuple(_fold(match[0]) for match in _WORD.finditer(text.replace("-", " ")))


def read(text: str, known: Vocabulary) -> Reading:
    """What the words ask for. One colour is understood, because a look-alike is shown in one. What is negated is not:
    nearness knows no "not"."""
    phrases: list[Phrase] = []
    unknown: list[tuple[int, int]] = []
    start: int | None = None  # of the fillers before a phrase
    may_join = False  # whether only fillers stand between the last unknown words and these
    for piece in _pieces(text, known):
        if isinstance(piece, Phrase) and piece.kind == Kind.COLOUR and any(p.kind == Kind.COLOUR for p in phrases):
            piece = (piece.start, piece.end)
        if isinstance(piece, int):
            start = piece if start is None else start
        elif isinstance(piece, Phrase):
            phrases.append(piece if start is None else replace(piece, start=start))
            start, may_join = None, False
        else:
            unknown[-1:] = [(unknown[-1][0], piece[1])] if may_join else [*unknown[-1:], piece]
            start, may_join = None, True
    return Reading(text, tuple(phrases), tuple(text[begin:end] for begin, end in unknown))


def _pieces(text: str, known: Vocabulary) -> Iterator[Phrase | int | tuple[int, int]]:
    """From left to right: phrases, the places of fillers, and the places of words that are not understood."""
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        phrase = _phrase_at(text, place, known)
        word = _WORD.match(text, place)
        if phrase is not None:
            yield phrase
            place = phrase.end
        elif roughly := _ROUGHLY.match(text, place):
            yield place, roughly.end()
            place = roughly.end()
        elif word and word[0].casefold() in NEGATIONS:
            end = _negated(text, word.end(), known)
            yield place, end
            place = end
        elif word:
            yield place if word[0].casefold() in FILLERS else (place, word.end())
            place = word.end()
        else:
            place += 1


def _phrase_at(text: str, place: int, known: Vocabulary) -> Phrase | None:
    for pattern in _PRICES:
        if match := pattern.match(text, place):
            return _price(match, known.currency)
    if match := _CHEAPER.match(text, place):
        return Phrase(Kind.CHEAPER, start=place, end=match.end())
    if match := _IN_STOCK.match(text, place):
        return Phrase(Kind.IN_STOCK, start=place, end=match.end())
    words = _words_from(text, place)
    if (
        words
        and (named := _SIZE.match(text, place))
        and (size := _longest(place, _words_from(text, named.end()), known.sizes))
    ):
        return size
    if found := _longest(place, words, known.meanings):
        return found
    return _longest(place, words[:1], known.sizes) if words and _LETTERS.fullmatch(words[0][0]) else None


def _price(match: re.Match[str], currency: str) -> Phrase | None:
    """None for amounts of another currency, and for what may be read in two ways."""
    limits = {name: _amount(text, currency) for name, text in match.groupdict().items()}
    if None in limits.values():
        return None
    low, high = limits.get("low"), limits.get("high")
    if low is not None and high is not None and low > high:
        low, high = high, low
    return Phrase(Kind.PRICE, start=match.start(), end=match.end(), minimum=low, maximum=high)


def _amount(text: str, currency: str) -> Decimal | None:
    """A sign that may mean the currency of the shop means it, and so does none."""

    def coded(unit: re.Match[str]) -> str:
        sign = UNITS.get(unit[0].lower(), unit[0])
        return currency if currency in currencies_of(sign) else sign

    coded_text, units = re.subn(_UNIT, coded, text, flags=re.IGNORECASE)
    try:
        amount = Decimal(plain_amount(coded_text if units else f"{text} {currency}", currency))
    except InvalidOperation:
        return None
    return amount if 0 <= amount < PRICE_BELOW and is_payable(amount, currency) else None


def _negated(text: str, place: int, known: Vocabulary) -> int:
    """The end of what is negated: a phrase, or else a word, with the fillers before it."""
    end = place
    while word := _WORD.match(text, place + len(text[place:]) - len(text[place:].lstrip())):
        end = word.end()
        if word[0].casefold() not in FILLERS:
            phrase = _phrase_at(text, word.start(), known)
            return phrase.end if phrase else end
        place = end
    return end


def _words_from(text: str, place: int) -> list[tuple[str, int]]:
    """The next words with their ends, as far as only spaces and hyphens stand between them."""
    found: list[tuple[str, int]] = []
    for match in re.finditer(r"[\s-]*([^\W_]+(?:['’.&+/][^\W_]+)*['’]?|&)", text[place : place + 200]):
        if match.start() != (found[-1][1] - place if found else 0) or len(found) == _LONGEST:
            break
        found.append((match[1], place + match.end()))
    return found


def _longest(start: int, words: list[tuple[str, int]], known: Mapping[tuple[str, ...], Meaning]) -> Phrase | None:
    parts = tuple(_fold(word) for word, _ in words)
    # As the shop writes it, or else in the basic form, or in English.
    forms = (parts, tuple(STEMS.get(part, part) for part in parts), tuple(IN_ENGLISH.get(part, part) for part in parts))
    for count in range(len(words), 0, -1):
        is_filler = count == 1 and words[0][0].casefold() in FILLERS | NEGATIONS
        meaning = next((known[form[:count]] for form in forms if form[:count] in known), None)
        if meaning and not is_filler:
            return Phrase(meaning.kind, meaning.label, meaning.values, meaning.name, start, words[count - 1][1])
    return None


def _fold(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.casefold().replace("’", "'"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub("'s?$", "", plain)
    if plain in ODD:
        return ODD[plain]
    if len(plain) > 4 and plain.endswith("ies"):
        plain = f"{plain[:-3]}y"
    elif len(plain) > 4 and re.search("(?:sh|ch|x|ss|zz)es$", plain):
        plain = plain[:-2]
    elif len(plain) > 3 and plain.endswith("s") and not plain.endswith("ss"):
        plain = plain[:-1]
    return ODD.get(plain, plain)
