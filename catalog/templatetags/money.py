from __future__ import annotations

from decimal import Decimal

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma

from common.money import amount_text

register = template.Library()

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}


@register.filter
def money(amount: Decimal | None, currency: str = "USD") -> str:
    """A price for people: `$49.90`, `¥1,980`, or `12.500 KWD` for currencies without a common symbol."""
    if amount is None:
        return ""
    number = intcomma(amount_text(amount, currency), use_l10n=False)
    return f"{SYMBOLS[currency]}{number}" if currency in SYMBOLS else f"{number} {currency}"
