"""Budgets that leave a given share of the catalog over: filters of a known selectivity, on any shop's own prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

ALL = 1.0  # the share that no filter leaves


@dataclass(frozen=True)
class Budget:
    """Attributes:
    share: of the published products, as asked for.
    price_max: None where all are asked for.
    leaves: the share that costs at most `price_max`: more than asked for where many have one price.
    """

    share: float
    price_max: Decimal | None
    leaves: float


def budgets(shares: Iterable[float]) -> tuple[list[Budget], list[str]]:
    """One for each share, above 0 to 1, and a sentence for each one that the prices do not have."""
    found, notes = [], []
    for share in shares:
        if share >= ALL:
            found.append(Budget(ALL, None, 1.0))
            continue
        total, priced, price, met = _at(share)
        leaves = met / total if total else 0.0
        if priced < share * total or not priced:
            notes.append(f"No budget leaves {share:.3g} of the catalog: {priced:,} of {total:,} products have a price.")
        elif leaves > min(2 * share, (1 + share) / 2):
            notes.append(f"No budget leaves {share:.3g} of the catalog: {price} is already enough for {leaves:.2g}.")
        else:
            found.append(Budget(share, price, leaves))
    return found, notes


def _at(share: float) -> tuple[int, int, Decimal | None, int]:
    """Published products, those with a price, the price that this share of all is not above, and how many that is."""
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
