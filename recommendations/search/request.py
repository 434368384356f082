"""Search requests: what to find, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from catalog.models import Product
from recommendations.search.filters import ANYTHING, Filters

MAX_RESULTS = 100
#: Results that are reordered afterwards are chosen from this many times the places to fill.
POOL = 4
#: Products that a search may be asked for more of, and as many for less of.
MOST_EXAMPLES = 4


class Sort(StrEnum):
    """Which results come first."""

    LIKENESS = "likeness"
    VALUE = "value"


@dataclass(frozen=True)
class SearchRequest:
    """How to answer a search, whatever its query vector is.

    Attributes:
        limit: products to return, 1 to `MAX_RESULTS`.
        shown: ids of products on earlier pages, see `recommendations.search.cursor`.
        colour_weight: weight of the colour against the shape, 0 to 1; None compares vectors as they are stored, which
            weights both equally.
        metric: None for the model's own.
        sort: `VALUE` puts cheaper look-alikes first: cheaper than the query product or, for a photo, than the median
            look-alike.
        in_colour: search for the product in this colour instead of its own; `find_similar` only.
        more, less: ids of products that the results should look more like, or less; they are not among the results;
            `find_similar` only.
        vectors: whether matches carry the vectors of their pictures.
    """

    limit: int
    filters: Filters = ANYTHING
    shown: frozenset[int] = frozenset()
    colour_weight: float | None = None
    metric: str | None = None
    sort: Sort = Sort.LIKENESS
    in_colour: str | None = None
    more: tuple[int, ...] = ()
    less: tuple[int, ...] = ()
    vectors: bool = False


def build_request(values: Mapping[str, Any], *, default_limit: int) -> SearchRequest:
    """The request that a form, a query string or a command line describes.

    Args:
        values: validated values by name, all optional: `limit`, `category` (a `Category`), `price_min`, `price_max`,
            `in_stock`, `brand` (a list), `attribute` (pairs of name and value), `colour_weight`, `metric`, `sort`,
            `cursor` (product ids, as `from_cursor` returns them), `in_colour`, `more` and `less` (lists of `Product`,
            of which the first `MOST_EXAMPLES` count). Other names are ignored.
        default_limit: `limit` where `values` has none.
    """
    return SearchRequest(
        limit=values.get("limit") or default_limit,
        filters=Filters(
            category=values.get("category"),
            price_min=values.get("price_min"),
            price_max=values.get("price_max"),
            in_stock=bool(values.get("in_stock")),
            brands=frozenset(values.get("brand") or ()),
            attributes=_by_name(values.get("attribute") or ()),
        ),
        shown=values.get("cursor") or frozenset(),
        colour_weight=values.get("colour_weight"),
        metric=values.get("metric"),
        sort=Sort(values.get("sort") or Sort.LIKENESS),
        in_colour=values.get("in_colour") or None,
        more=_ids(values.get("more") or ()),
        less=_ids(values.get("less") or ()),
    )


def _ids(products: Iterable[Product]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(product.pk for product in products))[:MOST_EXAMPLES]


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name, value in pairs:
        found[name] = found.get(name, frozenset()) | {value}
    return found
