"""What words beside a photo ask of this shop: its vocabulary, the search request, and the chips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from catalog.facets.words import colour_label, is_shade, spellings, texts
from catalog.models import Category, Product
from catalog.storefront.prices import price_text
from recommendations.search.filters import Filters
from recommendations.search.photo import SeenPhoto, in_colour
from recommendations.search.query_vectors import COLOUR, has_colour_part
from recommendations.search.request import SearchRequest, Sort
from recommendations.storefront.phrases import Kind, Meaning, Phrase, Reading, Vocabulary, folded

#: The products whose attributes and sizes are read, newest first: a shop may have a million. Brands and categories are
#: read from all.
READ = 10_000
#: An attribute with more values is no facet but a text, such as a serial number.
MOST_VALUES = 200
MOST_BRANDS = 5_000
#: From this share of labelled products on, a colour filters. Of 120 second-hand clothes, all labelled, only 38 % of the
#: first results of "in green" had the colour when it was weighed: black dresses are more like a black dress.
LABELLED = 0.5
_SECONDS = 600
_SIZES = "sizes"


@dataclass(frozen=True)
class Chip:
    """
    Attributes:
        name, value: of the button that removes it.
    """

    label: str
    name: str
    value: str


def vocabulary() -> Vocabulary:
    """Three queries, every ten minutes."""
    found: tuple[list[Any], list[Any], bool] | None = cache.get_or_set("recommendations.words", _read, _SECONDS)
    *rows, has_colours = found or ([], [], False)
    meanings, sizes = (
        {tuple(words): Meaning(Kind(kind), label, tuple(values), name) for words, kind, label, values, name in each}
        for each in rows
    )
    return Vocabulary(settings.SHOP_CURRENCY, meanings, sizes, has_colours)


def asked(
    reading: Reading, known: Vocabulary, photo: SeenPhoto, request: SearchRequest
) -> tuple[SeenPhoto, SearchRequest, Reading]:
    """The photo and the request that the words ask for, and the words that were used: a category of which there are
    several is not.

    The colour replaces the colour of the photo. Other colours are left out if the shop labels its products with
    colours, or if the model has no part for the colour. Prices are no words by then, see `PhotoSearchForm`.
    """
    filters, kept = request.filters, []
    for each in reading.phrases:
        has_part = each.kind == Kind.COLOUR and has_colour_part(photo.model.spec)
        phrase = replace(each, is_weighed=has_part and not known.has_colours)
        if has_part:
            photo = in_colour(photo, phrase.values[0])
        narrowed = filters if phrase.is_weighed else _narrowed(filters, phrase, photo)
        if narrowed is not None:
            filters = narrowed
            kept.append(phrase)
    places = {each.start for each in kept}
    unused = [reading.text[each.start : each.end] for each in reading.phrases if each.start not in places]
    reading = replace(reading, phrases=tuple(kept), unknown=(*reading.unknown, *unused))
    sort = Sort.VALUE if reading.of(Kind.CHEAPER) else request.sort
    return photo, replace(request, filters=filters, sort=sort), reading


def chips(reading: Reading, filters: Filters) -> list[Chip]:
    """One for each phrase, and one for the price."""
    found = [Chip(_label(phrase), "remaining", reading.without(phrase)) for phrase in reading.phrases]
    label = _price_label(filters.price_min, filters.price_max)
    return [*found, Chip(label, "any_price", "on")] if label else found


def _narrowed(filters: Filters, phrase: Phrase, photo: SeenPhoto) -> Filters | None:
    """The filters with what the phrase asks for; None if no filter can express it."""
    values = frozenset(phrase.values)
    if phrase.kind == Kind.CATEGORY:
        category = _category(phrase, filters.category, photo)
        return None if category is None else replace(filters, category=category)
    if phrase.kind == Kind.BRAND:
        return replace(filters, brands=filters.brands | values)
    if phrase.kind == Kind.SIZE:
        return replace(filters, sizes=filters.sizes | values)
    if phrase.kind in {Kind.ATTRIBUTE, Kind.COLOUR}:
        name = phrase.name or COLOUR
        values |= filters.attributes.get(name, frozenset())
        return replace(filters, attributes={**filters.attributes, name: values})
    return replace(filters, in_stock=True) if phrase.kind == Kind.IN_STOCK else filters


def _category(phrase: Phrase, chosen: Category | None, photo: SeenPhoto) -> Category | None:
    """Of categories of the same name, the one within the chosen one or above what the photo shows; else the highest.
    None if several are as high."""
    found = list(Category.objects.filter(address__in=phrase.values).order_by("depth", "path"))
    within = [each for each in found if chosen is not None and each.path.startswith(chosen.path)]
    shown = [each for each in found if any(kind.category.path.startswith(each.path) for kind in photo.types)]
    for some in (within, shown, found):
        if some and (len(some) == 1 or some[0].depth < some[1].depth):
            return some[0]
    return None


def _label(phrase: Phrase) -> str:
    if phrase.kind == Kind.CHEAPER:
        return _("Cheaper first")
    if phrase.kind == Kind.IN_STOCK:
        return _("In stock")
    if phrase.kind == Kind.SIZE:
        return _("Size %(size)s") % {"size": phrase.label}
    if phrase.kind == Kind.COLOUR:
        words = _("Closer to %(colour)s") if phrase.is_weighed else _("In %(colour)s")
        return words % {"colour": _within_sentence(phrase.label)}
    return phrase.label


def _within_sentence(colour: str) -> str:
    """German writes nouns with a capital everywhere."""
    return colour if (get_language() or "").startswith("de") else colour.lower()


def _price_label(minimum: Decimal | None, maximum: Decimal | None) -> str:
    lowest, highest = (
        None if each is None else price_text(each, settings.SHOP_CURRENCY) for each in (minimum, maximum)
    )
    if lowest and highest:
        return _("%(lowest)s to %(highest)s") % {"lowest": lowest, "highest": highest}
    if highest:
        return _("Up to %(amount)s") % {"amount": highest}
    return _("From %(amount)s") % {"amount": lowest} if lowest else ""


def _read() -> tuple[list[Any], list[Any], bool]:
    """The meanings, the sizes, and whether colours filter, as the cache can store them."""
    attributes: dict[str, Counter[str]] = {}
    sizes: Counter[str] = Counter()
    published = Product.objects.published()
    read = labelled = 0
    for values, size in published.order_by("-pk").values_list("attributes", "size")[:READ].iterator():
        read, labelled = read + 1, labelled + bool(texts(values.get(COLOUR)))
        for name, value in values.items():
            attributes.setdefault(name, Counter()).update(texts(value))
        sizes.update([size] if size else [])
    sizes += attributes.pop(_SIZES, Counter())
    colours = attributes.pop(COLOUR, Counter())
    brands = published.exclude(brand="").order_by().values_list("brand", flat=True).distinct()[:MOST_BRANDS]
    categories = Category.objects.order_by("path").values_list("name", "address")
    meanings: dict[tuple[str, ...], Meaning] = {}
    known_colours = _grouped((colour_label(each[0]), each[0]) for each in colours.most_common())
    for label, labels in known_colours.items():
        shades = [each for other, written in known_colours.items() if is_shade(other, label) for each in written]
        for word in spellings(label):
            _add(meanings, word, Meaning(Kind.COLOUR, label, (*labels, *shades)))
    for name, addresses in _grouped(categories).items():
        _add(meanings, name, Meaning(Kind.CATEGORY, name, addresses))
    for attribute, counted in attributes.items():
        if len(counted) <= MOST_VALUES:
            for word, labels in _by_fold(counted).items():
                _add(meanings, word, Meaning(Kind.ATTRIBUTE, labels[0], labels, attribute))
    for word, labels in _by_fold(Counter(brands)).items():
        _add(meanings, word, Meaning(Kind.BRAND, labels[0], labels))
    known_sizes: dict[tuple[str, ...], Meaning] = {}
    for word, labels in _by_fold(sizes).items():
        _add(known_sizes, word, Meaning(Kind.SIZE, labels[0], labels))
    return _rows(meanings), _rows(known_sizes), labelled >= LABELLED * max(read, 1)


def _rows(known: dict[tuple[str, ...], Meaning]) -> list[Any]:
    return [(words, each.kind.value, each.label, each.values, each.name) for words, each in known.items()]


def _by_fold(counted: Counter[str]) -> dict[str, tuple[str, ...]]:
    """The commonest spelling → every spelling with the same words."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for value, _count in counted.most_common():
        groups.setdefault(folded(value), []).append(value)
    return {values[0]: tuple(values) for values in groups.values()}


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in groups.items()}


def _add(meanings: dict[tuple[str, ...], Meaning], word: str, meaning: Meaning) -> None:
    """The first meaning of a word stays. "tshirt" is understood where the shop writes "T-shirt"."""
    words = folded(word)
    if words and len(words) <= 4:
        meanings.setdefault(words, meaning)
        meanings.setdefault(("".join(words),), meaning)
