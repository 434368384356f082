"""What a number of a spreadsheet looks like in its number format."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import NamedTuple

#: Parts of a format: a currency with its locale, a text in quotes, an escaped letter, padding, a colour or condition.
_PARTS = re.compile(r'\[\$([^\]-]*)(?:-[^\]]*)?\]|"([^"]*)"|\\(.)|[_*].|\[[^\]]*\]')
_DIGITS = re.compile(r"[#0?][#0?,]*(?:\.([#0?]*))?")


class NumberFormat(NamedTuple):
    """
    Attributes:
        decimals: that it shows; None if it is no plain format of numbers.
        zeros: digits that it shows at least: `00000` shows 42 as 00042.
        sign: of the currency that it states, or the texts next to the number.
    """

    decimals: int | None = None
    zeros: int = 1
    sign: str = ""

    def text(self, number: int | float) -> str | None:
        """12.5 for 12.50; None if the format does not say."""
        if self.decimals is None or abs(number) >= 1e15:
            return None
        rounded = Decimal(format(number, ".15g")).quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP)
        text = f"{rounded:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return text.zfill(self.zeros) if text.isdecimal() else text


@lru_cache(maxsize=1000)
def number_format(code: str) -> NumberFormat:
    """Of positive numbers. Dates, per cent, fractions and powers of ten are not understood."""
    texts: list[str] = []

    def kept(match: re.Match[str]) -> str:
        texts.append(match[1] or match[2] or match[3] or "")
        return "\0"

    first = _PARTS.sub(kept, code).partition(";")[0]
    texts = texts[: first.count("\0")]
    rest = first.replace("\0", "")
    numbers = list(_DIGITS.finditer(rest))
    if len(numbers) != 1 or re.search("[%E/@a-df-zA-DF-Z]", rest) or numbers[0][0].endswith(","):
        return NumberFormat()
    whole = numbers[0][0].partition(".")[0]
    around = rest[: numbers[0].start()] + rest[numbers[0].end() :]
    sign = " ".join(filter(None, (each.strip() for each in (*texts, around))))
    return NumberFormat(len(numbers[0][1] or ""), len(whole) if set(whole) == {"0"} else 1, sign)
