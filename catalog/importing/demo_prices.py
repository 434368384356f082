"""Invented prices for data without any: the same SKU costs the same on every machine."""

import hashlib
from decimal import Decimal

from common.money import decimals_of

#: Every 6th product is on sale.
SALE_EVERY = 6


def demo_price(sku: str, category: tuple[str, ...], currency: str = "USD") -> tuple[Decimal, Decimal | None]:
    """Price and former price. Every category has its price level, within which prices vary fourfold."""
    level = 15 + _number("/".join(category)) % 100
    spread = Decimal(50 + _number(sku) % 151) / 100
    price = (level * spread).quantize(Decimal(1)) - Decimal("0.01")
    sale = _number(sku + "/sale") % SALE_EVERY == 0
    former = (price * Decimal("1.3")).quantize(Decimal(1)) - Decimal("0.01") if sale else None
    if decimals_of(currency) == 0:  # 24.99 would be the price of a sweet
        return (price * 100).quantize(Decimal(1)), former and (former * 100).quantize(Decimal(1))
    return price, former


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
