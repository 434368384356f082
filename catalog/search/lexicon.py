"""What the shop knows about words besides its products: the names of categories, and synonyms."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from catalog.models import Category, Synonyms
from catalog.search.lexemes import CONNECTING
from catalog.search.words import Piece, pieces, singular, stem, together

Expression = tuple[str, ...]  # stems, one for each piece


@dataclass(frozen=True)
class Lexicon:
    """
    Attributes:
        synonyms: groups of expressions with the same meaning.
        categories: id, path, and the words of the name.
    """

    synonyms: list[list[Expression]] = field(default_factory=list)
    categories: list[tuple[int, str, frozenset[str]]] = field(default_factory=list)

    @classmethod
    def load(cls) -> Lexicon:
        groups = (_expressions(words) for words in Synonyms.objects.order_by("pk").values_list("words", flat=True))
        rows = Category.objects.order_by("path").values_list("pk", "path", "name")
        return cls(
            [group for group in groups if len(group) > 1], [(pk, path, _name_words(name)) for pk, path, name in rows]
        )

    def categories_of(self, words: set[str], prefix: str = "") -> list[int]:
        """Categories with one of these words (stems start with "~") in their name, and those below them.

        Args:
            prefix: or with a word that begins like this.
        """
        found: list[int] = []
        above = None
        for pk, path, names in self.categories:
            inside = above is not None and path.startswith(above)
            if inside or words & names or (prefix and any(name.startswith(prefix) for name in names)):
                found.append(pk)
                above = above if inside else path
        return found

    def same_meaning(self, stems: list[set[str]]) -> list[tuple[list[int], Expression]]:
        """Synonyms of consecutive pieces; "and" between them does not matter.

        Args:
            stems: of each piece, its stems.
        Returns:
            The places of the pieces, and another expression for them.
        """
        found = []
        counting = [place for place, forms in enumerate(stems) if not forms or forms - CONNECTING]
        for group in self.synonyms:
            for expression in group:
                for start in range(len(counting) - len(expression) + 1):
                    places = counting[start : start + len(expression)]
                    if all(word in stems[place] for word, place in zip(expression, places, strict=True)):
                        found += [(places, other) for other in group if other != expression]
        return found

    def words(self) -> set[str]:
        """Words to which a misspelt one may be corrected."""
        names = {word for _, _, words in self.categories for word in words if not word.startswith("~")}
        names |= {one for word in names if (one := singular(word))}
        return names | {word for group in self.synonyms for expression in group for word in expression}


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
