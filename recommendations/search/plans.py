"""Plans: whether a search walks the vector index or compares every product that the filters leave.

The index returns neighbours one by one, and the filters discard most of them: to fill a page from a share s of the
catalog, it visits page / s entries, earlier pages included. Comparing everything that is left costs catalog × s. Both
cost the same where s² = page / catalog × the cost of one visit in comparisons; below that, comparing is faster, and
exact.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from catalog.models import Product, ProductImage
from recommendations.search.filters import Filters

#: Cost of visiting one entry of the index, in comparisons of a row that the filters left. `python -m bench plans` finds
#: that both plans cost the same at 1.7 and 2.5 (40,000 x 256, 10 and 50 products), and at 1.9 and 2.6 (100,000 x 256).
VISIT = 2.0
#: `hnsw.ef_search` as in settings.py, and the highest value that pgvector accepts.
EFFORT, MOST_EFFORT = 100, 1000
#: A walk that continues past its candidate list (`ef_search`) misses some neighbours. A list of 1.5 times the entries
#: that are needed takes no longer and misses fewer: at 1,000,000 x 256, recall@10 is .994 instead of .986 if a filter
#: leaves 10 %, and .983 instead of .957 if it leaves 1 %.
SPARE = 1.5
#: Rows to request for each product, if there are no statistics yet.
FETCH = 4


@dataclass(frozen=True)
class Plan:
    """Attributes:
    exact: compare every row that the filters leave.
    fetch: number of pictures to request first.
    effort: length of a walk's candidate list (`hnsw.ef_search`).
    rows: products that the filters leave, by the database's statistics; `total` without filters.
    total: all products, published or not, by the same statistics.
    """

    exact: bool
    fetch: int
    effort: int
    rows: int
    total: int


def plan(filters: Filters, limit: int) -> Plan:
    """How to find `limit` products, from the planner's statistics, which cost next to nothing to read. If they are
    wrong, answers take longer but stay the same."""
    total, pictures = _totals()
    fetch = _fetch(limit, total, pictures)
    met = fetch + len(filters.excluded)  # products on earlier pages are the nearest, so they are visited first
    most = sqrt(VISIT * met * max(total, 0))  # rows up to which comparing is faster
    rows = _rows(filters, ceil(most)) if filters.narrows else total
    effort = ceil(SPARE * met * total / max(rows, 1))
    return Plan(
        exact=0 <= rows <= most,
        fetch=fetch,
        effort=min(max(effort, EFFORT), MOST_EFFORT),
        rows=rows,
        total=total,
    )


def _fetch(limit: int, products: int, pictures: int) -> int:
    """Requesting more than necessary is not free: with a filter that leaves one product in a hundred, each further
    picture costs a hundred visits. Requesting too few costs another query."""
    if products <= 0 or pictures <= 0:
        return limit * FETCH
    each = max(pictures / products, 1.0)
    return ceil(limit * (each + (each - 1.0) / 2))


def _rows(filters: Filters, most: int) -> int:
    """The planner's estimate, or a count where the planner knows little: up to `most` rows, beyond which the count
    decides nothing. It assumes that any attribute matches one product in a thousand and that all categories are equally
    large: with 300,000 products, it compared the 20,000 of one colour one by one (0.23 s), and walked the index for a
    small category (0.1 s)."""
    products = Product.objects.published().filter(filters.conditions()).order_by().values("pk")
    rows = _estimate(products)
    if not filters.attributes and filters.category is None:
        return rows
    found = products[: most + 1].count()
    return found if found <= most else max(rows, found)


def _estimate(products: QuerySet[Product, Any]) -> int:
    described = json.loads(products.explain(format="json"))
    return int(described[0]["Plan"]["Plan Rows"])


def _totals() -> tuple[int, int]:
    """Numbers of products and of pictures; -1 before the first ANALYZE."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT reltuples FROM pg_class WHERE oid = %s::regclass), reltuples FROM pg_class "
            "WHERE oid = %s::regclass",
            [Product._meta.db_table, ProductImage._meta.db_table],
        )
        products, pictures = cursor.fetchone()
    return int(products), int(pictures)
