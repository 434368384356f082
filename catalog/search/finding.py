"""The one way from words to products: for the shop's page, the API and the admin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, islice, product
from typing import Any, overload

from django.db.models import F, IntegerField, QuerySet, Value
from django.db.models.functions import Cast

from catalog.models import Product, SearchWord
from catalog.querysets import ProductQuerySet
from catalog.search.lexicon import Lexicon
from catalog.search.query import Condition, Term, condition, has_syntax, in_any_order, parse
from catalog.search.ranking import ranked
from catalog.search.spelling import candidates
from catalog.search.statements import Matches, among, in_brands, probe, sample, tsquery, without
from catalog.search.words import pieces, stem

#: How many products are ranked, the newest: more than numbered pages show (`catalog.pages`). For "women" all are
#: equally good, and ranking all of them took 0.4 s at 300,000 products.
RANKED = 1050
#: Of what more products contain, reading the newest products finds enough. In 300,000 products, reading 20,000 from the
#: index of words and finding 1,050 that way take about equally long: 20 ms. More than `RANKED`.
MANY = 20_000
#: Of the newest products: if more match, reading on from there soon finds `RANKED`.
_SHARE = 0.03
_WINDOW = 50_000  # products read in that way at most
_TRIED = 4  # corrections of a word
_SAMPLE = 100  # products of a word: mostly one of them is visible
#: Products of a word that may be a misspelling of a more common one although they contain it: "john miler". A word of
#: more products may be one of a word that is `_MUCH_MORE` times as common.
_RARE, _MUCH_MORE = 20, 10
_MOST_RARE = 3  # such words of a search, the rarest
_MOST_CHOICES = 16  # combinations of corrections; each takes a statement
_CHECKED = 12  # words of a search; each takes a statement
_AT_ONCE = 4  # combinations in a statement; most often the first one is meant
#: A word of more products is not taken for a misspelling of a more common one.
_SELDOM = 2000
_COMPARED = 1500  # products, when none contains all words or all but one


@dataclass(frozen=True)
class Found:
    """
    Attributes:
        ids: products, best first, at most `RANKED` and those whose title was searched for.
        more: all that match, newest first, if there are more than `ids`.
        oldest: of the newest `RANKED` products that match, if there are more.
        corrected: the words that were searched for instead, if no product contained the typed ones.
        partial: whether no product contains all words, and these contain some.
        missed: whether nothing contains all words as typed or corrected.
    """

    ids: list[int] = field(default_factory=list)
    more: QuerySet[Product] | None = None
    oldest: int = 0
    corrected: str = ""
    partial: bool = False
    missed: bool = False

    @property
    def rest(self) -> QuerySet[Product] | None:
        """What matches besides `ids`, newest first."""
        return None if self.more is None else self.more.filter(pk__lt=self.oldest).exclude(pk__in=self._named())

    def _named(self) -> list[int]:
        return [pk for pk in self.ids if pk < self.oldest]


class Ranked(Sequence[Product]):
    """Products in the order of their ids. A slice reads its products with one query."""

    def __init__(self, ids: list[int], products: QuerySet[Product]) -> None:
        self.ids, self._products = ids, products

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> Product: ...
    @overload
    def __getitem__(self, place: slice) -> list[Product]: ...
    def __getitem__(self, place: int | slice) -> Product | list[Product]:
        if isinstance(place, int):
            return self._products.get(pk=self.ids[place])
        return in_order(self._products, self.ids[place])


def in_order(products: QuerySet[Product], ids: list[int]) -> list[Product]:
    """These products; without those that have just been deleted or unpublished."""
    found = {product.pk: product for product in products.filter(pk__in=ids)} if ids else {}
    return [found[pk] for pk in ids if pk in found]


def find(
    text: str, products: ProductQuerySet, *, visible: ProductQuerySet | None = None, lexicon: Lexicon | None = None
) -> Found:
    """Products with these words.

    If none contains all of them, unknown words are corrected from the words of the shop; if that does not help,
    products with some of the words are found.

    Args:
        products: where to search.
        visible: all products that the user may see, if `products` are filtered further. Words of others correct
            nothing.
        lexicon: loaded before; otherwise it is loaded.
    """
    everything = products if visible is None else visible
    branches = parse(text)
    if has_syntax(branches) and (plain := parse(text, syntax=False)) and _is_title(plain, everything):
        branches = plain
    if not branches:
        return Found(missed=bool(text.strip()))
    lexicon = lexicon or Lexicon.load()
    found = _search(condition(branches, lexicon), products)
    if found.ids:
        return found
    if len(branches) > 1:
        return replace(found, missed=True)
    if visible is not None and exist([condition(branches, lexicon)], visible)[0]:
        return found  # the filters leave none of them
    if (loose := in_any_order(branches[0])) != branches[0]:
        found = _search(condition([loose], lexicon), products)
        if found.ids:
            return found
    options = _options(branches[0], lexicon, everything)
    if better := _completion(branches[0], options, lexicon, everything):
        found = _search(condition([better], lexicon), products)
        if found.ids:
            return replace(found, corrected=_text(better))
    some, words = _some(branches[0], lexicon, products)
    corrected = ""
    if closest := _closest(branches[0], options, lexicon, everything):
        better_some, more = _some(closest, lexicon, products)
        if more > words:  # "black jeanz xl": jeans that are black, rather than all that is black
            some, corrected = better_some, _text(closest)
    return replace(some, corrected=corrected, partial=bool(some.ids), missed=True)


def _is_title(branches: list[list[Term]], visible: ProductQuerySet) -> bool:
    """Whether this is the whole title of a product, such as one with " -Word", " or " or quotes in it."""
    built = condition(branches, Lexicon())
    return built is not None and bool(built.whole) and exist([replace(built, match=built.whole)], visible)[0]


def _text(branch: list[Term]) -> str:
    return " ".join(term.raw for term in branch)


def _search(wanted: Condition | None, products: ProductQuerySet) -> Found:
    if wanted is None or not wanted.match:
        return Found()
    matching = products.filter(Matches(F("search_text__vector"), tsquery(wanted.match))).order_by("-id")
    seen = sample([wanted.match])
    if seen.complete:
        return Found(ranked(products.filter(among(seen.found[0])), wanted)) if seen.found[0] else Found()
    best: list[int] = []
    if len(seen.found[0]) > _SHARE * seen.size:
        # The planner's guess, the index of words, would read all that match.
        with without("bitmapscan", "seqscan", "sort"):
            best = _newest(matching.filter(pk__gt=seen.latest - _WINDOW), wanted)
    if len(best) <= RANKED and not wanted.positive:
        best = _newest(matching, wanted)  # every product without a word: no index helps
    elif len(best) <= RANKED:
        ids, count = probe([wanted.match], most=MANY, give=RANKED * 3 // 2)[0]  # most products are visible
        if not count:
            return Found()
        best = _newest(matching if count > MANY else products.filter(among(ids)), wanted)
        if len(best) <= RANKED and len(ids) < count <= MANY:
            # Few of them are visible, and the planner might read the catalog to its end to find them.
            matching = products.filter(among(probe([wanted.match], most=MANY, give=MANY)[0][0])).order_by("-id")
            best = _newest(matching, wanted)
    if len(best) <= RANKED:
        return Found(best)
    best.remove(min(best))
    named = probe([wanted.whole], most=RANKED, give=RANKED)[0][0] if wanted.whole else []
    if not set(named) <= set(best):  # older ones; nothing is better than the whole title
        first = ranked(products.filter(among(named)), wanted)
        return Found([*first, *(pk for pk in best if pk not in set(first))], matching, min(best))
    return Found(best, matching, min(best))


def _newest(products: ProductQuerySet, wanted: Condition) -> list[int]:
    """Ids of the newest `RANKED` + 1, best first."""
    return ranked(products.order_by("-id")[: RANKED + 1], wanted)


def exist(wanted: Sequence[Condition | None], visible: ProductQuerySet) -> list[bool]:
    """For each condition, whether a product that the user may see meets it."""
    positive = {each.match: each.positive for each in wanted if each is not None and each.match}
    asked = list(positive)
    if not asked:
        return [False] * len(wanted)
    found = _seen(dict(zip(asked, sample(asked).found, strict=True)), visible)
    counts = dict.fromkeys(asked, _SAMPLE + 1)
    if others := [match for match in asked if match not in found and positive[match]]:
        probed = dict(zip(others, probe(others, most=_SAMPLE, give=_SAMPLE), strict=True))
        found |= _seen({match: ids for match, (ids, _) in probed.items()}, visible)
        counts |= {match: count for match, (_, count) in probed.items()}
    for match in asked:
        unclear = match not in found and counts[match] > _SAMPLE
        if unclear and visible.filter(Matches(F("search_text__vector"), tsquery(match))).exists():
            found.add(match)
    return [each is not None and each.match in found for each in wanted]


def _seen(ids: dict[str, list[int]], visible: ProductQuerySet) -> set[str]:
    """Those of the conditions of which a product is visible, by the first `_SAMPLE` of each."""
    some = {match: pks[:_SAMPLE] for match, pks in ids.items() if pks}
    every = sorted({pk for pks in some.values() for pk in pks})
    there = set(visible.filter(among(every)).order_by().values_list("pk", flat=True)) if every else set()
    return {match for match, pks in some.items() if not there.isdisjoint(pks)}


def _options(branch: list[Term], lexicon: Lexicon, visible: ProductQuerySet) -> dict[int, list[Term]]:
    """By the place of a word, what may have been meant, best first: of words that no product contains, corrections; of
    rare ones, themselves and then corrections."""
    wanted = [term for term in branch if not term.excluded]
    if len(wanted) > _CHECKED:
        return {}
    stems = [{stem(form) for form in term.forms} if not term.quoted else set() for term in branch]
    meant = {place for places, _ in lexicon.same_meaning(stems) for place in places}
    rows = SearchWord.objects.filter(word__in={form for term in wanted for form in term.forms})
    counted = dict(rows.filter(products__gt=0).values_list("word", "products"))
    found, rare = {}, []
    unclear = []
    for place, term in enumerate(branch):
        if place in meant or not term.correctable:
            continue
        count = max((counted.get(form, 0) for form in term.forms), default=0)
        if not count and not any(form in counted for form in term.forms):
            unclear.append(place)
        elif len(wanted) > 1 and not term.optional and count <= _SELDOM:
            rare.append((count, place))
    # The words of the shop answer for most, without looking at any product.
    last = len(branch) - 1
    alone = [condition([[branch[place]]], lexicon, prefix=place == last) for place in unclear]
    there = exist(alone, visible) if alone and len(wanted) > 1 else [False] * len(alone)
    for place, exists in zip(unclear, there, strict=True):
        # Words of descriptions only are often misspelt; names of categories complete the search as they are.
        found[place] = [*([branch[place]] if exists else []), *_corrections(branch[place], lexicon)]
    rarest = sorted(rare)[:_MOST_RARE]
    brands = in_brands(sorted({form for _, place in rarest for form in branch[place].forms}))
    for count, place in rarest:
        least = count if count <= _RARE else count * _MUCH_MORE
        brand = not brands.isdisjoint(branch[place].forms)  # "nike shirt" does not mean "like shirt"
        better = _corrections(branch[place], lexicon, more_common_than=least, same_consonants=brand)
        found[place] = [branch[place], *better]
    return found


def _corrections(
    term: Term, lexicon: Lexicon, *, more_common_than: int = 0, same_consonants: bool = False
) -> list[Term]:
    words = candidates(term.word, lexicon.words, more_common_than=more_common_than, same_consonants=same_consonants)
    return [Term(word, tuple(pieces(word))) for word in words[:_TRIED]]


def _completion(
    branch: list[Term], options: dict[int, list[Term]], lexicon: Lexicon, visible: ProductQuerySet
) -> list[Term] | None:
    """The best corrections with which a product that the user may see contains all words: words of others are not
    revealed."""
    choices = product(*(enumerate(terms) for terms in options.values()))
    ordered = sorted(islice(choices, _MOST_CHOICES * 8), key=lambda chosen: sum(rank for rank, _ in chosen))
    tried = []
    for chosen in ordered[: _MOST_CHOICES + 1]:
        corrected = dict(zip(options, (term for _, term in chosen), strict=True))
        better = [corrected.get(place, term) for place, term in enumerate(branch)]
        if better != branch:
            tried.append(better)
    for start, end in ((0, 1), *((each, each + _AT_ONCE) for each in range(1, len(tried), _AT_ONCE))):
        some = tried[start:end]
        there = exist([condition([better], lexicon, prefix=better[-1] is branch[-1]) for better in some], visible)
        if any(there):
            return some[there.index(True)]
    return None


def _closest(
    branch: list[Term], options: dict[int, list[Term]], lexicon: Lexicon, visible: ProductQuerySet
) -> list[Term] | None:
    """Each word that no product contains replaced by the best correction that one contains."""
    found = list(branch)
    for place, terms in options.items():
        there = exist([condition([[term]], lexicon, prefix=False) for term in terms], visible)
        found[place] = next((term for term, exists in zip(terms, there, strict=True) if exists), branch[place])
    return None if found == branch else found


def _some(branch: list[Term], lexicon: Lexicon, products: ProductQuerySet) -> tuple[Found, int]:
    """Products with as many of the words as possible, and how many of the words the first of them has."""
    built = condition([branch], lexicon)
    if built is None or len(built.terms) < 2:
        return Found(), 0
    excluded = [term for term in branch if term.excluded]
    unless = condition([excluded], lexicon).match if excluded else ""  # type: ignore[union-attr]
    counted = zip(built.terms, probe(built.terms, most=2 * RANKED, give=RANKED), strict=True)
    probed = sorted(((count, term, ids) for term, (ids, count) in counted if count), key=lambda each: each[0])
    terms = [term for _, term, _ in probed]  # the rarest first
    # Most often one word is unknown, or one is too much. These statements find all products.
    all_known = [terms] if terms and len(terms) < len(built.terms) else []
    fewer = list(combinations(terms, len(terms) - 1)) if len(terms) > 1 else []
    for subsets, words in ((all_known, len(terms)), (fewer, len(terms) - 1)):
        if match := " | ".join(f"({' & '.join(subset)})" for subset in subsets):
            found = _search(replace(built, match=f"({match}) & {unless}" if unless else match), products)
            if found.ids:
                return found, words
    # Otherwise products of each word are compared, those of rare words first.
    near = dict.fromkeys(pk for _, _, ids in probed for pk in ids)
    return _most_words(list(near)[:_COMPARED], replace(built, terms=tuple(terms)), unless, products)


def _most_words(ids: list[int], built: Condition, unless: str, products: ProductQuerySet) -> tuple[Found, int]:
    """Those of the products that contain the most of the words, and how many these are."""
    counted: Any = Value(0)
    for term in built.terms:
        counted += Cast(Matches(F("search_text__vector"), tsquery(term)), IntegerField())
    possible = products.filter(among(ids))
    if unless:
        possible = possible.filter(Matches(F("search_text__vector"), tsquery(unless)))
    counts = dict(possible.annotate(words_found=counted).order_by().values_list("pk", "words_found"))
    most = max(counts.values(), default=0)
    best = sorted((pk for pk, count in counts.items() if count == most), reverse=True)[:RANKED]
    return (Found(ranked(products.filter(among(best)), built)) if most else Found()), most
