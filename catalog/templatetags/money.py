from __future__ import annotations

from decimal import Decimal

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma

register = template.Library()

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}


@register.filter
def money(amount: Decimal | None, currency: str = "USD") -> str:
    """A price for people: `$49.90`, or `49.90 CHF` for currencies without a common symbol."""
    if amount is None:
        return ""
    number = intcomma(f"{amount:.2f}", use_l10n=False)
    return f"{SYMBOLS[currency]}{number}" if currency in SYMBOLS else f"{number} {currency}"
