"""How many decimals amounts of money have: yen none, dinars three, most currencies two (ISO 4217)."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

_NONE = frozenset(
    {
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
        "XPF",
    }
)  # fmt: skip
_THREE = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def decimals_of(currency: str) -> int:
    return 0 if currency in _NONE else 3 if currency in _THREE else 2


def is_payable(amount: Decimal, currency: str) -> bool:
    """Whether the currency has a coin for every digit: no yen has a fraction."""
    return amount == _rounded(amount, currency)


def amount_text(amount: Decimal, currency: str) -> str:
    """For programs: `"49.90"` in euros, `"1980"` in yen, `"12.500"` in Kuwaiti dinars."""
    return str(_rounded(amount, currency))


def _rounded(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-decimals_of(currency)), ROUND_HALF_UP)
