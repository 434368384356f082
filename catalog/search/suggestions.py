"""What the search box offers while somebody types: words, categories and products that they would find."""

from __future__ import annotations

from dataclasses import dataclass, field

from catalog.models import Category, Product, SearchWord
from catalog.search.finding import exist, find, in_order
from catalog.search.lexicon import Lexicon
from catalog.search.query import Term, condition, has_syntax, parse
from catalog.search.words import pieces, stem

LEAST_LETTERS = 2  # typed; one letter begins half of the words
WORDS, CATEGORIES, PRODUCTS = 4, 3, 4
_TRIED = 12  # words that begin with what was typed, the most frequent ones
#: Of the products of the most frequent of them. Rarer words are mostly typing errors: "mencasual".
_LEAST_SHARE = 0.02


@dataclass(frozen=True)
class Suggestions:
    """
    Attributes:
        words: whole searches, most frequent first; each finds something.
        categories: that have products.
        products: what the search for the typed text finds first.
    """

    words: list[str] = field(default_factory=list)
    categories: list[Category] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.words or self.categories or self.products)


def suggested(text: str) -> Suggestions:
    """For a text that may end within a word. Only published products count."""
    branches = parse(text)
    if len(text.strip()) < LEAST_LETTERS or not branches:
        return Suggestions()
    products = Product.objects.published()
    if has_syntax(branches):
        return Suggestions(products=in_order(products.for_cards(), find(text, products).ids[:PRODUCTS]))
    branch, lexicon = branches[0], Lexicon.load()
    is_word, words = (True, []) if text[-1:].isspace() else _completed(branch, lexicon)
    found = find(text if is_word or not words else words[0], products, lexicon=lexicon)
    if found.corrected and not found.partial:
        words = [found.corrected, *words]
    shown = [] if found.partial else in_order(products.for_cards(), found.ids[:PRODUCTS])
    return Suggestions(list(dict.fromkeys(words))[:WORDS], _categories(branch, lexicon), shown)


def _completed(branch: list[Term], lexicon: Lexicon) -> tuple[bool, list[str]]:
    """Whether the last word is one of the shop as it is, and the typed words with the last one completed, if there are
    products with all of them."""
    typed, others = branch[-1].word, branch[:-1]
    if not typed.isalpha() or len(typed) < (1 if others else LEAST_LETTERS):
        return False, []
    rows = SearchWord.objects.filter(word__startswith=typed, products__gt=0).order_by("-products", "word")
    frequent = dict(rows.values_list("word", "products")[:_TRIED])
    least = max(frequent.values(), default=0) * _LEAST_SHARE
    by_stem: dict[str, str] = {}
    for word, count in frequent.items():
        if word.isalpha() and word != typed and count >= least:
            by_stem.setdefault(stem(word), word)
    made = [[*others, Term(word, tuple(pieces(word)))] for word in by_stem.values()]
    there = [True] * len(made)
    if others:  # a word of the shop finds something; two may never occur together
        there = exist([condition([each], lexicon, prefix=False) for each in made], Product.objects.published())
    words = [" ".join(term.raw.strip('"') for term in each) for each, exists in zip(made, there, strict=True) if exists]
    return frequent.get(typed, 0) >= max(least, 1), words[:WORDS]


def _categories(branch: list[Term], lexicon: Lexicon) -> list[Category]:
    words = [{*term.forms, *(f"~{stem(form)}" for form in term.forms)} for term in branch if not term.optional]
    last = branch[-1].word
    named = lexicon.categories_named(words, last if len(last) >= LEAST_LETTERS else "")
    categories = Category.objects.in_bulk(named[: 2 * CATEGORIES])
    found = [categories[pk] for pk in named if pk in categories]
    return [each for each in found if Product.objects.published().in_subtree(each).exists()][:CATEGORIES]
