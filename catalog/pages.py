"""Pagination whose cost does not grow with rows that nobody sees."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

#: Lists are counted exactly, and have numbered pages, up to this length. Beyond it "1,000+" is enough for a shopper,
#: and a full count would read the whole catalog: it took 79 of a page's 108 ms at 300,000 products.
COUNTED = 1000


class Count(int):
    """A bounded count. Attributes: more, whether there are more rows than this."""

    more: bool

    def __new__(cls, found: int) -> Count:
        """`found`: rows, counted up to `COUNTED` + 1."""
        made = super().__new__(cls, min(found, COUNTED))
        made.more = found > COUNTED
        return made

    def __str__(self) -> str:
        return f"{int(self):,}+" if self.more else f"{int(self):,}"


def count_of(rows: Any) -> Count:
    """Count a query set with one query that reads at most `COUNTED` + 1 rows."""
    return Count(rows.order_by()[: COUNTED + 1].count())


class BoundedPaginator(Paginator):
    """Numbered pages of the first `COUNTED` rows. `get_page` returns the last page for numbers beyond it."""

    @cached_property
    def count(self) -> Count:
        rows = self.object_list
        return count_of(rows) if hasattr(rows, "query") else Count(len(rows))
