"""Prices as people of each language write them."""

from __future__ import annotations

import re
from decimal import Decimal

from django.utils.formats import get_format, number_format
from django.utils.translation import get_language

from common.money import amount_text, decimals_of

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}
#: Languages that write the symbol after the number, by CLDR. Their variants follow, except those in `BEFORE`.
AFTER = frozenset(
    re.findall(
        r"\w+",
        "ar az be bg bs ca cs da de el es et eu fi fr gl hr hu hy is it ka kk lt lv mk nb nn no pl pt ro ru sk sl sq "
        "sr sv uk vi",
    )
)
BEFORE = frozenset({"de-at", "de-ch", "es-mx", "pt-br"})
NO_BREAK = "\u00a0"


def in_field(amount: str) -> str:
    """An amount such as `49.90` as people type it: in German `49,90`. Never with separators of thousands."""
    return amount.replace(".", get_format("DECIMAL_SEPARATOR"))


def price_text(amount: Decimal | None, currency: str) -> str:
    """`$49.90`, `¥1,980`, or `12.500 KWD` for a currency without a common symbol; in German `49,90 €`."""
    if amount is None:
        return ""
    language = (get_language() or "en").lower()
    number = number_format(Decimal(amount_text(amount, currency)), decimals_of(currency), force_grouping=True)
    symbol = SYMBOLS.get(currency)
    if language.partition("-")[0] in AFTER and language not in BEFORE:
        return f"{number}{NO_BREAK}{symbol or currency}"
    if symbol is None:
        return f"{number} {currency}"
    return f"{symbol}{NO_BREAK if language in BEFORE else ''}{number}"
