from __future__ import annotations

import logging

from django.core.management import call_command

from bench.emptying import empty_shop
from bench.shop import ScratchShop


def measure(shop: ScratchShop, *, products: int) -> None:
    """import_catalog as an operator runs it; it prints its own rate."""
    empty_shop()
    logging.disable(logging.WARNING)
    print(f"Importing {products:,} products ({shop.describe()}):")
    call_command("import_catalog", shop.catalog(), limit=products, demo_prices=True)
    print("The same again, when all is there already:")
    call_command("import_catalog", shop.catalog(), limit=products, demo_prices=True)
