"""From text to words. Products and searches pass through the same functions, so spellings that differ only in accents,
case, signs or spaces meet: T-shirt and tshirt, U.S. Polo and us polo, Château and chateau, Größe and groesse."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

LONGEST = 64  # letters of a word; a SKU is no longer
MOST_JOINED = 40  # letters of words written together
_JOINED_PARTS = 4  # of a number such as AB/12; a longer one is a list

#: Letters that Unicode does not take apart.
_PLAIN = str.maketrans(
    {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŋ": "n", "ŧ": "t"}
)
#: How people without these keys write them. Applied to composed text.
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
#: Accents of Latin, Greek and Cyrillic letters. Marks of other scripts change the letter: Japanese が is not か.
_ACCENTS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
#: Invisible inside a word: soft hyphen, zero-width characters, direction marks, variation selectors.
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
#: Scripts without spaces between words: each character is a word, and a search for several is a search for a phrase.
_SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_NUMBER = r"\d+(?:[.,]\d+)*"
#: C++, C#, F#: the sign is part of the name.
_SIGNED = r"(?<!\w)[^\W\d_]{1,2}(?:\+\+|\#)(?!\w)"
_ASCII_WORD = re.compile(rf"{_SIGNED}|[a-z]+|{_NUMBER}")
#: Signs that may stand within one word: s.Oliver, T-shirt, Levi's, H&M, snake_case, 7+1, Toys"R"Us.
_WITHIN = re.compile(r"[\"\u201c\u201d.\-'&_+#\u2010\u2011\u2019\u02bc\u2018\u201b\u2032`\u00b4\u30fb\u00b7*]*")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")

_IRREGULAR = {
    "men": "man", "mens": "man", "women": "woman", "womens": "woman", "womans": "woman", "children": "child",
    "childrens": "child", "feet": "foot", "teeth": "tooth", "mice": "mouse", "geese": "goose", "people": "person",
    "lens": "lens", "lenses": "lens", "knives": "knife", "scarves": "scarf", "leaves": "leaf", "shelves": "shelf",
    "halves": "half", "wolves": "wolf", "hooves": "hoof", "calves": "calf", "wives": "wife", "elves": "elf",
    "loaves": "loaf", "thieves": "thief", "selves": "self",
}  # fmt: skip
_VOWEL = re.compile("[aeiouy]")


@cache
def _any_word() -> re.Pattern[str]:
    """Not compiled before the first text beyond ASCII: it takes 0.2 s."""
    marks = "".join(chr(code) for code in range(0x300, 0x20000) if unicodedata.category(chr(code)) in {"Mn", "Mc"})
    letter = rf"(?![{_SPACELESS}])(?:[^\W\d_]|[{marks}])"
    return re.compile(rf"{_SIGNED}|[{_SPACELESS}][{marks}]*|(?:{letter})+|{_NUMBER}")


@dataclass(frozen=True, slots=True)
class Piece:
    """What is written without a space: one word, or several that are also looked up as one.

    Attributes:
        words: in order; each with its spellings, the plain one first: (("grosse", "groesse"),).
        joined: all words written together, if there are several: ("tshirt",).
    """

    words: tuple[tuple[str, ...], ...]
    joined: tuple[str, ...] = ()

    @property
    def forms(self) -> tuple[str, ...]:
        """The spellings as one word."""
        return self.joined or (self.words[0] if len(self.words) == 1 else ())

    @property
    def spaceless(self) -> bool:
        """Whether it is several words of a script without spaces."""
        return len(self.words) > 1 and all(re.match(f"[{_SPACELESS}]", word[0]) for word in self.words)

    @property
    def plain(self) -> str:
        return "".join(word[0] for word in self.words)


def fold(text: str) -> str:
    """Lower case without accents, in compatibility form: full-width １ is 1, ß is ss, ﬁ is fi, İ and ı are i."""
    text = _INVISIBLE.sub("", text).casefold()
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKD", text).casefold()
    text = unicodedata.normalize("NFC", _ACCENTS.sub("", text)).translate(_PLAIN)
    return "".join(_digit(character) for character in text)


def _digit(character: str) -> str:
    """Arabic, Devanagari and other digits as 0 to 9."""
    return character if character.isascii() or not character.isdecimal() else str(unicodedata.decimal(character))


def pieces(text: str) -> list[Piece]:
    """The words of a text, in order; empty if it has none."""
    return [piece for chunk in text.split() for piece in _of_chunk(chunk)]


@lru_cache(maxsize=50_000)  # titles repeat their words: twice as fast for a catalog
def _of_chunk(chunk: str) -> tuple[Piece, ...]:
    folded = fold(chunk)
    written_out = fold(unicodedata.normalize("NFC", chunk).casefold().translate(_WRITTEN_OUT))
    runs = list(_runs(folded))
    others = list(_runs(written_out)) if written_out != folded else []
    if [len(run) for run in others] != [len(run) for run in runs]:
        others = runs
    found = [
        Piece(words, _together(words))
        for run, other in zip(runs, others, strict=True)
        if (words := tuple(tuple(dict.fromkeys(pair)) for pair in zip(run, other, strict=True)))
    ]
    words = tuple(word for piece in found for word in piece.words)
    is_number = 1 < len(words) <= _JOINED_PARTS and any(word[0][0].isdigit() for word in words)
    if len(found) > 1 and is_number and (together := _together(words)):  # AB/12 is also AB12
        found = [Piece(words, together)]
    return tuple(found)


def _runs(folded: str) -> Iterator[list[str]]:
    """Words with only signs such as - and ' between them, together."""
    pattern = _ASCII_WORD if folded.isascii() else _any_word()
    run: list[str] = []
    end = 0
    for found in pattern.finditer(folded):
        if run and not _WITHIN.fullmatch(folded, end, found.start()):
            yield run
            run = []
        run += _numbers(found[0]) if found[0][0].isdigit() else [found[0][:LONGEST]]
        end = found.end()
    if run:
        yield run


def _numbers(text: str) -> list[str]:
    """1,000 is 1000; 1,5 is 1.5; 12.34.56 is three numbers."""
    if _THOUSANDS.fullmatch(text):
        return [text.replace(",", "")[:LONGEST]]
    parts = re.split("[.,]", text)
    return [".".join(parts)[:LONGEST]] if len(parts) == 2 else [part[:LONGEST] for part in parts]


def _together(words: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    if len(words) < 2 or all(word[0][0].isdigit() and "." in word[0] for word in words):
        return ()
    forms = dict.fromkeys("".join(word[min(which, len(word) - 1)] for word in words) for which in (0, 1))
    return tuple(form for form in forms if len(form) <= MOST_JOINED)


def together(*words: str) -> str:
    """Neighbouring words written as one; empty if that is too long for a word, or if one of them is empty."""
    joined = "".join(words)
    return joined if all(words) and len(joined) <= MOST_JOINED else ""


def singular(word: str) -> str:
    """The singular that an English plural is most likely of, as people write it: watch of watches, shoe of shoes. Empty
    for words that are none."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 4 or not word.isascii() or not word.endswith("s") or word.endswith(("ss", "us")):
        return ""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("sses", "shes", "ches", "xes", "zzes")) else word[:-1]


@lru_cache(maxsize=50_000)
def stem(word: str, *, plurals_only: bool = False) -> str:
    """English plurals and "-ed" as their base, roughly: what matters is that both come out equal. Dresses and dress are
    "dress", hoodies and hoodie "hoody", striped and stripes "stripe". Other words stay as they are.

    Args:
        plurals_only: "-ed" stays, for words written together that are not one word.
    """
    if not word.isascii() or not word.isalpha() or len(word) < 3:
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")):
        word = _IRREGULAR.get(word[:-1], word[:-1])
    if len(word) > 3 and word.endswith("ie"):
        return word[:-2] + "y"
    if len(word) > 3 and word.endswith(("se", "xe", "ze", "che", "she", "oe")):
        return word[:-1]
    if (
        not plurals_only
        and len(word) > 4
        and word.endswith("ed")
        and not word.endswith("eed")
        and _VOWEL.search(word[:-2])
    ):
        return _without_ed(word[:-2])
    return word


def _without_ed(base: str) -> str:
    """Porter's rules: hopped is hop, striped is stripe, printed is print."""
    if len(base) > 2 and base[-1] == base[-2] and base[-1] not in "aeiouylszf":
        return base[:-1]
    short = re.fullmatch(r"[^aeiou]*[aeiouy][^aeiouwxy]", base)
    return stem(base + "e") if base.endswith(("at", "bl", "iz", "v")) or (short and len(base) < 6) else base
