"""What the page shows of the facets: options with counts, the prices, and the chips of active filters."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.facets.choice import IN_STOCK, LISTS, PRICES, Choice, price_problem
from catalog.facets.counts import Counts
from catalog.facets.tree import STEP, Node, below
from catalog.facets.words import size_order
from catalog.pages import COUNTED, Count
from catalog.storefront.prices import in_field, price_text
from common.money import amount_text

MOST = 40  # options of a facet: the commonest, and those chosen
_TITLES = {
    "category": gettext_lazy("Category"),
    "colour": gettext_lazy("Colour"),
    "brand": gettext_lazy("Brand"),
    "size": gettext_lazy("Size"),
}


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    count: str
    chosen: bool


@dataclass(frozen=True)
class Facet:
    name: str
    title: str | Promise
    options: list[Option]


@dataclass(frozen=True)
class Bar:
    """Of the histogram, in percent of its width and height."""

    x: str
    width: str
    y: str
    height: str


@dataclass(frozen=True)
class Price:
    """
    Attributes:
        minimum, maximum: the fields, as typed.
        lowest, highest: of the products, as amounts; empty if none has a price.
        problems: for each field, why its amount was not used.
    """

    minimum: str
    maximum: str
    lowest: str
    highest: str
    bars: list[Bar]
    problems: dict[str, str]


@dataclass(frozen=True)
class Chip:
    label: str
    pair: tuple[str, str]
    query: str = ""


@dataclass(frozen=True)
class Panel:
    facets: list[Facet]
    price: Price | None
    in_stock: Option | None
    chips: list[Chip] = field(default_factory=list)
    clear: str = ""

    @property
    def key(self) -> str:
        """Of what the facets show."""
        return repr((self.facets, self.price, self.in_stock))

    @property
    def offers_something(self) -> bool:
        return bool(self.facets or self.price or self.in_stock)


def panel(
    counted: dict[str, Counts], choice: Choice, nodes: list[Node], path: str, kept: tuple[tuple[str, str], ...]
) -> Panel:
    """
    Args:
        path: of the category of the page; empty for the whole shop.
        kept: the other parameters of the address.
    """
    facets = []
    for name in LISTS:
        options = (
            _branches(counted[name], choice, nodes, path) if name == "category" else _options(name, counted, choice)
        )
        if len(options) > 1 or any(option.chosen for option in options):
            facets.append(Facet(name, _TITLES[name], options))
    stocked, chosen = counted[IN_STOCK], choice.in_stock
    count = stocked.values[True]
    in_stock = Option("1", _("In stock"), _number(count, stocked), chosen)
    chips = [Chip(_label(pair, nodes), pair, choice.query(*kept, without=pair)) for pair in choice.pairs]
    return Panel(facets, _price(counted["price"], choice), in_stock, chips, choice.query(*kept, filters=False))


def _options(name: str, counted: dict[str, Counts], choice: Choice) -> list[Option]:
    found, chosen = counted[name], choice.lists.get(name, ())
    values = [value for value, _ in found.values.most_common(MOST)]
    values += [value for value in chosen if value not in values]
    values.sort(key=size_order if name == "size" else lambda value: (value.casefold(), value))
    return [Option(value, value, _number(found.values[value], found), value in chosen) for value in values]


def _branches(found: Counts, choice: Choice, nodes: list[Node], path: str) -> list[Option]:
    """The branches in which there are products: the highest of which there are several."""
    chosen = choice.lists.get("category", ())
    by_pk = {node.pk: node for node in nodes}
    paths = [(by_pk[pk].path, count) for pk, count in found.values.items() if pk in by_pk]
    while True:
        totals: Counter[str] = Counter()
        for each, count in paths:
            totals[each[: len(path) + STEP]] += count
        shown = [node for node in below(nodes, path) if totals[node.path] or node.address in chosen]
        if len(shown) != 1 or shown[0].address in chosen or not below(nodes, shown[0].path):
            break
        path = shown[0].path
    known = {node.address for node in shown}
    shown += [node for node in nodes if node.address in chosen and node.address not in known]
    return [
        Option(node.address, node.name, _number(totals[node.path[: len(path) + STEP]], found), node.address in chosen)
        for node in shown
    ]


def _number(count: int, found: Counts) -> str:
    """`1,000+` for more; `40+` if not all products were read."""
    shown = Count(count)
    return f"{shown}+" if found.partial and count and count <= COUNTED else str(shown)


def _price(found: Counts, choice: Choice) -> Price | None:
    minimum, maximum = (choice.typed.get(name) or in_field(_plain(choice.prices.get(name))) for name in PRICES)
    if found.lowest == found.highest and not minimum and not maximum:
        return None
    problems = {name: price_problem() for name in choice.typed}
    return Price(minimum, maximum, _plain(found.lowest), _plain(found.highest), _bars(found), problems)


def _plain(amount: Decimal | None) -> str:
    return "" if amount is None else amount_text(amount, settings.SHOP_CURRENCY)


def _bars(found: Counts) -> list[Bar]:
    """Steps next to each other, as cheap prices are more frequent than high ones."""
    steps = found.values
    if len(steps) < 3:
        return []
    first, last, most = min(steps), max(steps), max(steps.values())
    width = 100 / (last - first + 1)
    bars = []
    for step, count in sorted(steps.items()):
        height = 100 * math.sqrt(count / most)
        bars.append(Bar(f"{(step - first) * width:.2f}", f"{width * 0.86:.2f}", f"{100 - height:.1f}", f"{height:.1f}"))
    return bars


def _label(pair: tuple[str, str], nodes: list[Node]) -> str:
    name, value = pair
    if name == "category":
        return next((node.name for node in nodes if node.address == value), value)
    if name == "size":
        return _("Size %(size)s") % {"size": value}
    if name == "price_min":
        return _("From %(amount)s") % {"amount": price_text(Decimal(value), settings.SHOP_CURRENCY)}
    if name == "price_max":
        return _("Up to %(amount)s") % {"amount": price_text(Decimal(value), settings.SHOP_CURRENCY)}
    return _("In stock") if name == IN_STOCK else value
