from __future__ import annotations

import logging

from django.core.management import call_command

from bench.emptying import empty_shop
from bench.shop import ScratchShop


def measure(shop: ScratchShop, *, products: int) -> None:
    """Run import_catalog as an operator does; it prints its own rate."""
    empty_shop()
    logging.disable(logging.WARNING)
    catalog = shop.catalog()
    print(f"Importing at most {products:,} products ({shop.describe()}):")
    call_command("import_catalog", catalog, limit=products, demo_prices=True)
    print("The same again, with all of them in the shop:")
    call_command("import_catalog", catalog, limit=products, demo_prices=True)
