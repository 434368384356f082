"""What the shop knows about words besides its products: the names of categories, and synonyms."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import cache, lru_cache

from catalog.models import Category, Synonyms
from catalog.search.lexemes import CONNECTING
from catalog.search.spelling import beginning
from catalog.search.words import Piece, pieces, singular, stem, together

Expression = tuple[str, ...]  # stems, one for each piece


class Lexicon:
    """
    Attributes:
        beginning: the words of products that begin like this, or None if they are too many to name.
        words: of categories and synonyms, to which a misspelt one may be corrected.
    """

    def __init__(
        self,
        synonyms: Iterable[list[Expression]] = (),
        categories: Iterable[tuple[int, str, frozenset[str]]] = (),
        beginning: Callable[[str], list[str] | None] = lambda _: None,
    ) -> None:
        """
        Args:
            synonyms: groups of expressions with the same meaning.
            categories: id, path, and the words of the name, in the order of their paths.
        """
        self.beginning = beginning
        self._categories = list(categories)
        self._named: dict[str, list[int]] = defaultdict(list)  # word → places in the list of categories
        for place, (_, _, words) in enumerate(self._categories):
            for word in words:
                self._named[word].append(place)
        self._sorted = sorted(self._named)
        self._meanings: dict[str, list[tuple[Expression, list[Expression]]]] = defaultdict(list)  # by the first stem
        for group in synonyms:
            for expression in group:
                self._meanings[expression[0]].append((expression, [other for other in group if other != expression]))
        names = {word for word in self._named if not word.startswith("~")}
        names |= {one for word in names if (one := singular(word))}
        self.words = names | {
            word for found in self._meanings.values() for expression, _ in found for word in expression
        }

    @classmethod
    def load(cls) -> Lexicon:
        """What the shop has now."""
        synonyms = Synonyms.objects.order_by("pk").values_list("words", flat=True)
        categories = Category.objects.order_by("path").values_list("pk", "path", "name")
        lexicon = copy(_prepared(tuple(synonyms), tuple(categories)))
        lexicon.beginning = cache(beginning)
        return lexicon

    def categories_of(self, words: set[str], prefix: str = "") -> list[int]:
        """Categories with one of these words (stems start with "~") in their name, and those below them.

        Args:
            prefix: or with a word that begins like this.
        """
        places = {place for word in words for place in self._named.get(word, ())}
        if prefix:
            for word in self._sorted[bisect_left(self._sorted, prefix) :]:
                if not word.startswith(prefix):
                    break
                places.update(self._named[word])
        found: dict[int, None] = {}
        for place in sorted(places):
            above = self._categories[place][1]
            for pk, path, _ in self._categories[place:]:
                if not path.startswith(above):
                    break
                found[pk] = None
        return list(found)

    def categories_named(self, words: Sequence[set[str]], prefix: str = "") -> list[int]:
        """Categories that all these words name, together with those above them; without those below them.

        Args:
            words: for each word its spellings and stems.
            prefix: the last word may also begin like this.
        """
        last = len(words) - 1
        found = [self.categories_of(each, prefix if place == last else "") for place, each in enumerate(words)]
        paths = {pk: path for pk, path, _ in self._categories}
        every = sorted(set.intersection(*map(set, found)) if found else (), key=lambda pk: (len(paths[pk]), paths[pk]))
        topmost: list[int] = []
        for pk in every:
            if not any(paths[pk].startswith(paths[above]) for above in topmost):
                topmost.append(pk)
        return topmost

    def same_meaning(self, stems: list[set[str]]) -> list[tuple[list[int], Expression]]:
        """Synonyms of consecutive pieces; "and" between them does not matter.

        Args:
            stems: of each piece, its stems.
        Returns:
            The places of the pieces, and another expression for them.
        """
        found = []
        counting = [place for place, forms in enumerate(stems) if not forms or forms - CONNECTING]
        for start, place in enumerate(counting):
            for first in sorted(stems[place]):
                for expression, others in self._meanings.get(first, ()):
                    places = counting[start : start + len(expression)]
                    if len(places) == len(expression) and all(
                        word in stems[place] for word, place in zip(expression, places, strict=True)
                    ):
                        found += [(places, other) for other in others]
        return found


@lru_cache(maxsize=4)
def _prepared(synonyms: tuple[str, ...], categories: tuple[tuple[int, str, str], ...]) -> Lexicon:
    """The same until somebody changes a name: 2 ms for 230 categories."""
    groups = [group for words in synonyms if len(group := _expressions(words)) > 1]
    return Lexicon(groups, [(pk, path, _name_words(name)) for pk, path, name in categories])


@lru_cache(maxsize=2000)
def _expressions(words: str) -> list[Expression]:
    parts = [pieces(part) for part in words.split(",")]
    each = (tuple(stem(piece.plain) for piece in part if piece.plain not in CONNECTING) for part in parts)
    return list(dict.fromkeys(expression for expression in each if expression))


@lru_cache(maxsize=20_000)
def _name_words(name: str) -> frozenset[str]:
    found: set[str] = set()
    before: Piece | None = None
    for piece in pieces(name):
        forms = {spelling for word in piece.words for spelling in word} | set(piece.joined)
        if before is not None and (joined := together(before.plain, piece.plain)):
            forms.add(joined)
        found |= forms | {f"~{stem(form)}" for form in forms}
        before = piece
    return frozenset(found)
