"""Correcting words that no product contains, from the words of the shop.

Postgres finds candidates: two words within one edit have a form in common once a letter is left out of either (the
method of SymSpell), so one look-up in an index replaces comparing with every word. Long words leave out two letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import log10

from rapidfuzz.distance import OSA

from catalog.models import SearchWord
from catalog.search.lexemes import LONGEST_KNOWN

SHORTEST = 4  # typed letters; fewer are within one edit of too much
_SHORTEST_VOWELS = 2  # in which only vowels and doubled letters are missing: "rd" for red, "blu" for blue
_TWO_EDITS_FROM = 7  # letters whose forms lack two
#: Letters. Of shorter words, two edits must leave the consonants as they are: "scarves" does not mean "scarlet".
_UNLIKELY_FROM, _UNLIKE_FROM = 5, 8
_CANDIDATES = 300
_BEGINNINGS = 60


def near(word: str) -> list[str]:
    """The word, and what is left without any letter; of long words, without any two."""
    found = {word}
    for _ in range(1 + (len(word) >= _TWO_EDITS_FROM)):
        found |= {each[:place] + each[place + 1 :] for each in found for place in range(len(each))}
    return sorted(found)


def candidates(
    word: str, others: Iterable[str] = (), *, more_common_than: int = 0, same_consonants: bool = False
) -> list[str]:
    """Words of the shop that may have been meant, best first.

    Args:
        others: more words, of categories and synonyms.
        more_common_than: products of the typed word; rarer words are not meant.
        same_consonants: only words that differ in their vowels and doubled letters.
    """
    if not _SHORTEST_VOWELS <= len(word) <= LONGEST_KNOWN or not word.isalpha():
        return []
    is_short = len(word) < SHORTEST
    forms = [word] if is_short else near(word)  # what a letter is missing from is among the forms of the whole
    rows = (
        SearchWord.objects.filter(near__overlap=forms, products__gt=more_common_than)
        .order_by("-products")
        .values_list("word", "products")
    )
    found = dict(rows[:_CANDIDATES])
    for other in others:
        if abs(len(other) - len(word)) <= 2 and other.isalpha() and len(other) >= SHORTEST - 1:
            found.setdefault(other, 1)
    most = 2 if len(word) >= _UNLIKELY_FROM else 1
    consonants = _consonants(word)
    ranked = []
    for other, products in found.items():
        distance = edits(word, other, most)
        if not 0 < distance <= most or products <= more_common_than or len(other) >= LONGEST_KNOWN:
            continue  # of `LONGEST_KNOWN` letters are the beginnings of longer words too
        wrong_start = other[0] != word[0]
        alike = _consonants(other) == consonants
        if ((same_consonants or is_short) and not alike) or (is_short and (wrong_start or len(other) < len(word))):
            continue
        if distance == 2 and len(word) < _UNLIKE_FROM and not alike:
            continue
        if wrong_start and len(word) < _UNLIKELY_FROM and sorted(other) != sorted(word):
            continue  # "nike" does not mean "like"; "hsoe" is "shoe"
        # One edit less outweighs a word that is 100 times as common. Vowels are mistaken more easily: sandle, sandal.
        cost = distance + 0.3 * wrong_start - 0.5 * alike - 0.5 * log10(max(products, 1))
        ranked.append((cost, other))
    return [other for _, other in sorted(ranked)]


def beginning(prefix: str) -> list[str] | None:
    """The words of products that begin like this; None if they are too many to name, or have signs or digits."""
    if not prefix.isalpha() or len(prefix) >= LONGEST_KNOWN:
        return None
    rows = SearchWord.objects.filter(word__startswith=prefix).order_by().values_list("word", flat=True)
    found = list(rows[: _BEGINNINGS + 1])
    return found if len(found) <= _BEGINNINGS else None


def _consonants(word: str) -> str:
    """The word without vowels, and without one of doubled letters."""
    return re.sub(r"[aeiouy]|(.)(?=\1)", "", word)


def edits(a: str, b: str, most: int = 2) -> int:
    """Letters to insert, delete, replace or swap with their neighbour; `most` + 1 if it takes more."""
    return int(OSA.distance(a, b, score_cutoff=most))
