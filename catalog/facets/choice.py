"""The filters and the order that an address asks for: `?colour=Red&brand=Nike&price_max=40&sort=price`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import F, Q
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from catalog.facets.words import has_colour, has_size
from common.money import is_payable
from ml.files.catalog.cells import PRICE_BELOW, plain_amount

#: Facets of several values, which are alternatives.
LISTS = ("category", "colour", "brand", "size")
PRICES = ("price_min", "price_max")
IN_STOCK = "in_stock"
MOST, LONGEST = 20, 255  # values of a facet, and characters of a value; more are ignored
NEWEST, CHEAPEST, DEAREST, BEST = "newest", "price", "-price", "best"
_ORDERS: dict[str, tuple[Any, ...]] = {
    NEWEST: ("-pk",),
    CHEAPEST: (F("price").asc(nulls_last=True), "-pk"),
    DEAREST: (F("price").desc(nulls_last=True), "-pk"),
}
SORTS = {
    BEST: gettext_lazy("Best match"),
    NEWEST: gettext_lazy("Newest"),
    CHEAPEST: gettext_lazy("Price, low to high"),
    DEAREST: gettext_lazy("Price, high to low"),
}


@dataclass(frozen=True)
class Choice:
    """
    Attributes:
        lists: facet → chosen values. Categories are chosen by address, and include those below them.
        prices: `price_min` and `price_max`, inclusive, in the shop's currency as budgets are. Products without a price
            meet no price filter.
        typed: prices as typed, if they are no amounts.
        sort: a key of `SORTS`; empty for the default order.
        pairs: the active filters as parameters, in the order of the address.
    """

    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prices: Mapping[str, Decimal] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    in_stock: bool = False
    sort: str = ""
    pairs: tuple[tuple[str, str], ...] = ()

    def conditions(self, without: str = "") -> Q:
        """The conditions for `filter`.

        Args:
            without: a facet to leave out: one of `LISTS`, "price" or `IN_STOCK`.
        """
        found = Q()
        for name, values in self.lists.items():
            if name != without:
                one_of = Q()
                for value in values:
                    one_of |= _condition(name, value)
                found &= one_of
        if without != "price":
            for name, amount in self.prices.items():
                found &= Q(**{"price__gte" if name == "price_min" else "price__lte": amount})
        if self.in_stock and without != IN_STOCK:
            found &= Q(stock__gt=0)
        return found

    @property
    def active(self) -> set[str]:
        """The facets that filter."""
        names = {name for name, values in self.lists.items() if values}
        return names | ({"price"} if self.prices else set()) | ({IN_STOCK} if self.in_stock else set())

    @property
    def order(self) -> tuple[Any, ...]:
        """For `order_by`; empty for the order of relevance."""
        return _ORDERS.get(self.sort, ())

    def query(self, *kept: tuple[str, str], without: tuple[str, str] | None = None, filters: bool = True) -> str:
        """The query string of this choice, with its "?". `kept`: other parameters, before the filters."""
        pairs = [pair for pair in kept if pair[1]]
        pairs += [pair for pair in self.pairs if filters and pair != without]
        if self.sort:
            pairs.append(("sort", self.sort))
        return f"?{urlencode(pairs)}"


def read(parameters: QueryDict, sorts: tuple[str, ...]) -> Choice:
    """What an address asks for. What it cannot mean is ignored; prices that are no amounts are `typed`.

    Args:
        sorts: the possible orders, the default one first.
    """
    lists: dict[str, tuple[str, ...]] = {}
    prices: dict[str, Decimal] = {}
    typed: dict[str, str] = {}
    pairs: list[tuple[str, str]] = []
    in_stock = False
    for name in parameters:
        if name in LISTS:
            values = [text for value in parameters.getlist(name) if (text := str(value).strip()) and _is_storable(text)]
            if chosen := tuple(dict.fromkeys(values))[:MOST]:
                lists[name] = chosen
                pairs += [(name, value) for value in chosen]
        elif name in PRICES and (text := str(parameters[name]).strip()[:50]):
            amount = _amount(text)
            if amount is None:
                typed[name] = text
            else:
                prices[name] = amount
                pairs.append((name, f"{amount:f}"))
        elif name == IN_STOCK and parameters[name] == "1":
            in_stock = True
            pairs.append((name, "1"))
    sort = str(parameters.get("sort", ""))
    return Choice(lists, prices, typed, in_stock, sort if sort in sorts[1:] else "", tuple(pairs))


def price_problem() -> str:
    return _("Enter an amount of money, for example 49.90.")


def _condition(name: str, value: str) -> Q:
    if name == "category":
        return Q(category__address=value) | Q(category__address__startswith=f"{value}/")
    if name == "colour":
        return has_colour(value)
    return has_size(value) if name == "size" else Q(brand=value)


def _is_storable(text: str) -> bool:
    return len(text) <= LONGEST and "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)


def _amount(text: str) -> Decimal | None:
    try:
        amount = Decimal(plain_amount(text, settings.SHOP_CURRENCY))
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount < PRICE_BELOW:
        return None
    amount = amount.quantize(Decimal("0.01"))
    return amount.normalize() if is_payable(amount, settings.SHOP_CURRENCY) else None
