"""`type=` of options: each says what it takes when it is given something else."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from collections.abc import Callable

LARGEST = 2**31 - 1


def whole_number(least: int, most: int = LARGEST) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text) or not least <= int(text) <= most:
            upper = "or more" if most == LARGEST else f"to {most}"
            raise ArgumentTypeError(f"{text!r} is not a whole number, {least} {upper}")
        return int(text)

    return read


positive = whole_number(1)
not_negative = whole_number(0)


def number(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise ArgumentTypeError(f"{text!r} is not a number from {least:g} to {most:g}")
        return value

    return read
