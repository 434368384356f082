"""Whether a search walks the vector index or compares with everything that the filter leaves.

The index hands out neighbours one by one and the filter throws most of them away: to fill a page from a share s of
the catalog it visits page / s entries. Comparing with all that is left costs catalog × s, with no detour. Both are
equal where s² = page / catalog × what one visit costs in comparisons; below that, comparing is faster, and exact.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import sqrt

from django.db import connection

from catalog.models import Product
from recommendations.filters import Filters

#: What the visit of one entry of the index costs, in comparisons of a row that the filter left. `python -m bench plans`
#: finds both equal at 1.7 and 2.5 (40,000 x 256, 10 and 50 products), and at 1.9 and 2.6 (100,000 x 256).
VISIT = 2.0


@dataclass(frozen=True)
class Plan:
    """Attributes:
    exact: compare with all that the filter leaves.
    rows: products that the filter leaves, as the database's statistics have it.
    total: published or not, likewise.
    """

    exact: bool
    rows: int
    total: int


def plan(filters: Filters, fetch: int) -> Plan:
    """How to fetch that many rows. From the planner's statistics, which cost nothing to ask; where they are wrong,
    answers take longer, and are the same."""
    if not filters.narrows:
        return Plan(exact=False, rows=0, total=0)
    rows, total = _estimate(filters), _total()
    return Plan(exact=rows <= sqrt(VISIT * fetch * max(total, 0)), rows=rows, total=total)


def _estimate(filters: Filters) -> int:
    products = Product.objects.published().filter(filters.conditions()).order_by()
    described = json.loads(products.explain(format="json"))
    return int(described[0]["Plan"]["Plan Rows"])


def _total() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [Product._meta.db_table])
        return int(cursor.fetchone()[0])
