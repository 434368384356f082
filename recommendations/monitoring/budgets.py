"""Price limits that keep a given share of the catalog: filters of known selectivity for any shop's prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

ALL = 1.0  # the share without a filter


@dataclass(frozen=True)
class Budget:
    """Attributes:
    share: the requested share of published products.
    price_max: None if all products are requested.
    leaves: the share that costs at most `price_max`; larger than requested if many products have the same price.
    """

    share: float
    price_max: Decimal | None
    leaves: float


def budgets(shares: Iterable[float]) -> tuple[list[Budget], list[str]]:
    """A budget for each share (above 0, at most 1), and a sentence for each share that the prices do not allow."""
    found, notes = [], []
    for share in shares:
        if share >= ALL:
            found.append(Budget(ALL, None, 1.0))
            continue
        total, priced, price, met = _at(share)
        leaves = met / total if total else 0.0
        if priced < share * total or not priced:
            notes.append(f"No budget keeps {share:.3g} of the catalog: {priced:,} of {total:,} products have a price.")
        elif leaves > min(2 * share, (1 + share) / 2):
            notes.append(f"No budget keeps {share:.3g} of the catalog: {price} already keeps {leaves:.2g}.")
        else:
            found.append(Budget(share, price, leaves))
    return found, notes


def _at(share: float) -> tuple[int, int, Decimal | None, int]:
    """Number of published products, number of those with a price, the smallest price that keeps at least `share` of all
    products, and the number of products up to that price."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH shown AS (SELECT price FROM catalog_product WHERE published),
                 counted AS (SELECT count(*) AS total, count(price) AS priced FROM shown),
                 budget AS (
                     SELECT percentile_disc((
                                SELECT least(%s * total / greatest(priced, 1), 1) FROM counted
                            )::float) WITHIN GROUP (ORDER BY price) AS price
                       FROM shown
                 )
            SELECT counted.total, counted.priced, budget.price,
                   (SELECT count(*) FROM shown WHERE shown.price <= budget.price)
              FROM counted, budget
            """,
            [share],
        )
        return cursor.fetchone()
