"""Whether a search walks the vector index or compares with everything that the filter leaves.

The index hands out neighbours one by one and the filter throws most of them away: to fill a page from a share s of
the catalog it visits page / s entries, the pages before it included. Comparing with all that is left costs catalog × s,
with no detour. Both are equal where s² = page / catalog × what one visit costs in comparisons; below that, comparing is
faster, and exact.
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

#: What the visit of one entry of the index costs, in comparisons of a row that the filter left. `python -m bench plans`
#: finds both equal at 1.7 and 2.5 (40,000 x 256, 10 and 50 products), and at 1.9 and 2.6 (100,000 x 256).
VISIT = 2.0
#: `hnsw.ef_search` as settings.py has it, and the most that pgvector takes.
EFFORT, MOST_EFFORT = 100, 1000
#: A walk that goes on past what it had in sight misses some. One that has in sight all that it needs, and half as much
#: again, takes as long: 1,000,000 x 256, recall@10 .994, not .986, where a filter leaves 10 %; .983, not .957, for 1 %.
SPARE = 1.5
#: Rows asked for a product wanted, where there are no statistics yet.
FETCH = 4


@dataclass(frozen=True)
class Plan:
    """Attributes:
    exact: compare with all that the filter leaves.
    fetch: pictures to ask for at first.
    effort: of a walk: how many of the nearest it keeps in sight (`hnsw.ef_search`).
    rows: products that the filter leaves, as the database's statistics have it; `total` without a filter.
    total: published or not, likewise.
    """

    exact: bool
    fetch: int
    effort: int
    rows: int
    total: int


def plan(filters: Filters, limit: int) -> Plan:
    """How to find that many products. From the planner's statistics, which cost next to nothing to ask; where they
    are wrong, answers take longer, and are the same."""
    total, pictures = _totals()
    fetch = _fetch(limit, total, pictures)
    met = fetch + len(filters.excluded)  # what was shown before is the nearest, and met first
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
    """Asking for more than there is need of is not free: behind a filter that leaves one product in a hundred, a
    picture more is a hundred visits more. Too few cost another query."""
    if products <= 0 or pictures <= 0:
        return limit * FETCH
    each = max(pictures / products, 1.0)
    return ceil(limit * (each + (each - 1.0) / 2))


def _rows(filters: Filters, most: int) -> int:
    """As the planner has it; of what it knows little about, counted, if only as far as it decides anything. It takes
    any attribute for one in a thousand, and each category for as large as the others: of 300,000 products it had a
    colour that 20,000 bear compared one by one (0.23 s), and the index walked for a small category far off (0.1 s)."""
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
    """Products and pictures; -1 before the first ANALYZE."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT reltuples FROM pg_class WHERE oid = %s::regclass), reltuples FROM pg_class "
            "WHERE oid = %s::regclass",
            [Product._meta.db_table, ProductImage._meta.db_table],
        )
        products, pictures = cursor.fetchone()
    return int(products), int(pictures)
