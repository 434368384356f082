"""From typed words to conditions on stored words.

The syntax is that of web search engines: every word must be in a product, "quoted words" stand next to each other,
-word must not be in it, and `or` separates alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from catalog.search.lexemes import CONNECTING, LONGEST_KNOWN, quoted, whole_of
from catalog.search.lexicon import Lexicon
from catalog.search.words import Piece, pieces, stem, together

LONGEST = 200  # characters
MOST_TERMS = 32
_PREFIX_FROM = 3  # letters; shorter beginnings would match half of the catalog
#: Looked for, but not required next to other words: "shoes for men". No other word is skipped: ONLY is a brand.
OPTIONAL = CONNECTING | frozenset(["a", "an", "the", "of", "for", "in", "on", "with", "by", "to", "at", "from"])
_TOKEN = re.compile(r'(-?)"([^"]*)"|(\S+)')
_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "\uff02": '"', "\0": " "})
#: As addresses write spaces: "red+dress". C++ and 7+1 are words.
_PLUS = re.compile(r"(?<=[^\W\d_]{2})\+(?=[^\W\d_]{2})")
_EXCLUDED = re.compile(r"[-\u2212](?=\w)")


@dataclass(frozen=True)
class Term:
    """A word or quoted phrase.

    Attributes:
        raw: as typed, for the page.
    """

    raw: str
    pieces: tuple[Piece, ...]
    quoted: bool = False
    excluded: bool = False

    @property
    def optional(self) -> bool:
        return not self.quoted and len(self.pieces) == 1 and self.pieces[0].plain in OPTIONAL

    @property
    def correctable(self) -> bool:
        return not self.quoted and not self.excluded and bool(self.word)

    @property
    def word(self) -> str:
        """The one word to correct, or empty."""
        return next(iter(self.forms), "")

    @property
    def forms(self) -> tuple[str, ...]:
        """The spellings of a single word."""
        return self.pieces[0].forms if len(self.pieces) == 1 else ()


@dataclass(frozen=True)
class Condition:
    """Texts of type tsquery; empty where nothing can be looked for.

    Attributes:
        match: what a product must fulfil.
        terms: the same for each required term on its own.
        positive: whether `match` requires a word, rather than only excluding some.
        whole, phrase, title: marks of good matches, best first: the title as a whole, all words next to each other in
            the title, all words in the title.
        rank: everything that may be found, joined by `or`; without beginnings.
        beginnings: of longer words.
    """

    match: str
    terms: tuple[str, ...]
    positive: bool
    whole: str
    phrase: str
    title: str
    rank: str
    beginnings: str = ""


def parse(text: str, *, syntax: bool = True) -> list[list[Term]]:
    """Alternatives, each a list of terms; no empty alternative.

    Args:
        syntax: read quotes, -word and `or`; otherwise all are words.
    """
    branches: list[list[Term]] = [[]]
    count = 0
    text = _PLUS.sub(" ", text[:LONGEST].translate(_QUOTES))
    for sign, phrase, word in _TOKEN.findall(text) if syntax else [("", "", word) for word in text.split()]:
        if syntax and not sign and word.casefold() == "or" and branches[-1]:
            branches.append([])
            continue
        excluded = syntax and bool(sign or _EXCLUDED.match(word))
        found = pieces(phrase or word)
        if phrase and found:
            terms = [Term(f'{sign}"{phrase}"', tuple(found), True, excluded)]
        elif len(found) == 1:
            terms = [Term(word, tuple(found), False, excluded)]
        else:
            terms = [Term(piece.plain, (piece,), False, excluded) for piece in found]
        count += len(terms)
        if count > MOST_TERMS:
            break
        branches[-1] += terms
    return [branch for branch in branches if branch]


def in_any_order(branch: list[Term]) -> list[Term]:
    """Words that are written together, one by one: of "cotton-dress", in a product with "dress of cotton". Text of
    scripts without spaces as single characters: where its words end is unknown."""
    found: list[Term] = []
    for term in branch:
        words = [word for piece in term.pieces for word in piece.words]
        if term.quoted or term.excluded or len(words) == 1:
            found.append(term)
        else:
            found += [Term(word[0], (Piece((word,)),)) for word in words]
    return found if len(found) <= MOST_TERMS else branch


def has_syntax(branches: list[list[Term]]) -> bool:
    return len(branches) > 1 or any(term.quoted or term.excluded for branch in branches for term in branch)


def condition(branches: list[list[Term]], lexicon: Lexicon, *, prefix: bool = True) -> Condition | None:
    """None if there is nothing to look for.

    Args:
        prefix: the last word may be the beginning of a longer one.
    """
    made = [_of_branch(branch, lexicon, last=prefix and branch is branches[-1]) for branch in branches]
    if not made:
        return None
    if len(made) == 1:
        return made[0]
    return Condition(
        match=_any(each.match for each in made),
        terms=(),
        positive=all(each.positive for each in made),
        whole=_any(each.whole for each in made),
        phrase=_any(each.phrase for each in made),
        title=_any(each.title for each in made),
        rank=_any(each.rank for each in made),
        beginnings=_any(each.beginnings for each in made),
    )


def _of_branch(branch: list[Term], lexicon: Lexicon, last: bool) -> Condition:
    wanted = [term for term in branch if not term.excluded]
    required = [term for term in wanted if not term.optional] or wanted
    words = [_Word(term, last and term is branch[-1], lexicon) for term in wanted]
    _look_up(words, lexicon)
    needed = [word for word in words if word.term in required]
    excluded = [_any(_own(piece) for piece in term.pieces) if not term.quoted else _phrase(term.pieces)
                for term in branch if term.excluded]  # fmt: skip
    terms = tuple(_any(word.alternatives) for word in needed)
    everything = [piece for term in wanted for piece in term.pieces]
    return Condition(
        match=_all([*terms, *(f"!{each}" for each in excluded)]),
        terms=terms,
        positive=bool(needed),
        whole=quoted(whole) if (whole := whole_of(everything)) else "",
        phrase=_phrase(everything, "A"),
        title=_all(_any(word.in_title) for word in needed),
        rank=_any(lexeme for word in words for lexeme in word.ranked),
        beginnings=_any(f"{quoted(prefix)}:*" for word in words for prefix in word.prefixes),
    )


class _Word:
    """A term with everything that stands for it."""

    def __init__(self, term: Term, last: bool, lexicon: Lexicon) -> None:
        self.term = term
        self.last = last and not term.quoted
        own = [_phrase(term.pieces)] if term.quoted else [_own(term.pieces[0])]
        self.alternatives = own
        self.in_title = [(term.quoted and _phrase(term.pieces, "A")) or _own(term.pieces[0], "A")]
        self.stems = {stem(form) for form in term.forms}
        words = {spelling for piece in term.pieces for word in piece.words for spelling in word}
        forms = words | {form for piece in term.pieces for form in piece.joined}
        self.ranked = [quoted(form) for form in sorted(forms)] + [quoted(f"~{stem(form)}") for form in sorted(forms)]
        self.ranked += [quoted(f"+{stem(form, plurals_only=True)}") for form in sorted(term.forms)]
        self.prefixes = [form for form in term.pieces[-1].forms if self.last and len(form) >= _PREFIX_FROM]
        # Not in `ranked`: Postgres counts 'bus' and 'bus':* as one, so "Buses" would be as good as "Bus".
        for prefix in self.prefixes:
            self.alternatives += _longer(prefix, self.stems, lexicon)

    def also(self, alternative: str) -> None:
        self.alternatives.append(alternative)
        self.ranked.append(alternative)


def _longer(prefix: str, stems: set[str], lexicon: Lexicon) -> list[str]:
    """Words that begin like this, besides those of the stems. Each is named where possible: for 'brown':* Postgres
    reads all that is brown before it looks at the other words, which took 40 ms in 300,000 products."""
    words = lexicon.beginning(prefix)
    if not words:  # or too new to be known
        return [f"{quoted(prefix)}:*"]
    longest = [f"{quoted(word)}:*" for word in words if len(word) >= LONGEST_KNOWN]
    return longest + [quoted(word) for word in words if len(word) < LONGEST_KNOWN and stem(word) not in stems]


def _look_up(words: list[_Word], lexicon: Lexicon) -> None:
    """Add categories, synonyms, and neighbouring words written together."""
    groups = [(range(place, place + 1), word.stems) for place, word in enumerate(words) if not word.term.quoted]
    # Only plurals: "jumper red" is no past tense of jumper.
    groups += [(places, {stem(joined, plurals_only=True)}) for places, joined in _neighbours(words)]
    for places, stems in groups:
        if len(places) > 1:
            for place in places:
                for each in stems:
                    words[place].also(quoted(f"~{each}"))
                    words[place].in_title.append(f"{quoted(f'~{each}')}:A")
        last = words[places[-1]]
        prefix = last.prefixes[0] if last.prefixes and len(places) == 1 else ""
        for pk in lexicon.categories_of({f"~{each}" for each in stems}, prefix):
            for place in places:
                words[place].also(quoted(f"#{pk}"))
    for meant, expression in lexicon.same_meaning([word.stems for word in words]):
        joined = "".join(expression)  # "back pack" is also a backpack
        ways = [quoted(f"~{joined}"), quoted(f"+{joined}")]
        if len(expression) > 1:
            ways.append("(" + " <-> ".join(quoted(f"~{each}") for each in expression) + ")")
        numbers = lexicon.categories_of({f"~{joined}"})
        for place in meant:
            words[place].alternatives += ways
            words[place].ranked += [*(quoted(f"~{each}") for each in expression), quoted(f"+{joined}")]
            for pk in numbers:
                words[place].also(quoted(f"#{pk}"))


def _neighbours(words: list[_Word]) -> Iterable[tuple[range, str]]:
    """Places of words, and what they are together: "t shirt" is also tshirt, "4 006381 333931" one number."""
    plain = ["" if word.term.quoted else word.term.pieces[0].plain for word in words]
    for place in range(len(words) - 1):
        if joined := together(*plain[place : place + 2]):
            yield range(place, place + 2), joined
    if len(words) > 2 and all(each.isdigit() for each in plain) and (joined := together(*plain)):
        yield range(len(words)), joined


def _own(piece: Piece, weight: str = "") -> str:
    """The piece itself, written as one word or as several."""
    mark = f":{weight}" if weight else ""
    found = []
    for form in piece.forms:
        found.append(quoted(f"~{stem(form)}") + mark)
        if len(form) > 3:
            found.append(quoted(f"+{stem(form, plurals_only=True)}") + mark)
    if len(piece.words) > 1:
        found.append("(" + " <-> ".join(_spellings(word, mark) for word in piece.words) + ")")
    return _any(found)


def _phrase(found: Iterable[Piece], weight: str = "") -> str:
    """All pieces next to each other; empty for a single one with a weight, which `_own` says as well."""
    mark = f":{weight}" if weight else ""
    each: list[str] = []
    found = list(found)
    for piece in [piece for piece in found if piece.plain not in CONNECTING] or found:
        ways = [quoted(f"~{stem(form)}") + mark for form in piece.joined]
        ways.append(" <-> ".join(_spellings(word, mark) for word in piece.words))
        each.append(_any(f"({way})" if " <-> " in way and len(ways) > 1 else way for way in ways))
    return "" if not each or (weight and len(each) < 2) else "(" + " <-> ".join(each) + ")"


def _spellings(word: tuple[str, ...], mark: str) -> str:
    return _any(quoted(f"~{stem(spelling)}") + mark for spelling in word)


def _any(alternatives: Iterable[str]) -> str:
    return _joined(" | ", alternatives)


def _all(parts: Iterable[str]) -> str:
    return _joined(" & ", parts)


def _joined(operator: str, parts: Iterable[str]) -> str:
    found = list(dict.fromkeys(part for part in parts if part))
    return found[0] if len(found) == 1 else f"({operator.join(found)})" if found else ""
