"""Types for the options of commands (`type=`). The error for a bad value says which values are allowed."""

from __future__ import annotations

import math
import re
from argparse import ArgumentTypeError
from collections.abc import Callable

LARGEST = 2**31 - 1


def whole_number(least: int, most: int = LARGEST) -> Callable[[str], int]:
    """A whole number from `least` to `most`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or not least <= int(text) <= most:
            upper = "or more" if most == LARGEST else f"to {most}"
            raise ArgumentTypeError(f"{text!r} is not a whole number, {least} {upper}")
        return int(text)

    return read


positive = whole_number(1)
not_negative = whole_number(0)


def number(least: float, most: float = math.inf, *, below: bool = False) -> Callable[[str], float]:
    """A finite number from `least` to `most`, or to below `most`."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (least <= value < math.inf and (value < most if below else value <= most)):
            upper = "" if most == math.inf else f" to {'below ' if below else ''}{most:g}"
            raise ArgumentTypeError(f"{text!r} is not a number from {least:g}{upper}")
        return value

    return read
