"""Prices of pictures, from a CSV file, so that `search` can keep to a budget."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np

from ml.files.catalog.cells import plain_amount
from ml.files.catalog.errors import CatalogFileError, RowError
from ml.files.catalog.text import read_text
from ml.files.tables import restored


class PricesError(Exception):
    """The file cannot be read, lacks a column, or has an invalid price."""


def price(text: str) -> float:
    """For `type=` of an option: a finite number, 0 or more."""
    try:
        value = float(plain_amount(text) if "," in text else text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no price")
    return value


def read_prices(path: Path, names: Sequence[str]) -> np.ndarray:
    """float64 [n], the price of each picture, NaN where the file has none.

    A row may name its picture by the whole name, by the end of it from any folder on, or by the file name without
    its extension: photos.zip/images/1.jpg matches images/1.jpg, 1.jpg and 1.

    Raises:
        PricesError: the file cannot be read, lacks the columns name and price, or has an invalid price.
    """
    listed: dict[str, float] = {}
    try:
        table = read_text(path.name, lambda: path.open("rb"))
        header = [restored(cell.strip()) for cell in table.header]
        if not {"name", "price"} <= set(header):
            raise PricesError(f"{path} must have the columns name and price.")
        for row in table.rows():
            if isinstance(row, RowError):
                raise PricesError(f"{path} cannot be read as CSV: line {row.line} is {row.reason}.")
            line, cells = row
            values = dict.fromkeys(header, "")
            values |= zip(header, (restored(cell.strip()) for cell in cells), strict=False)
            text = values["price"]
            try:
                listed[values["name"]] = price(text)
            except argparse.ArgumentTypeError:
                raise PricesError(f"{path}, line {line}: {text!r} is no price.") from None
    except (OSError, CatalogFileError) as error:
        raise PricesError(f"{path} cannot be read as CSV: {error}.") from error
    return np.array([next((listed[key] for key in _keys(name) if key in listed), math.nan) for name in names])


def _keys(name: str) -> list[str]:
    parts = PurePath(name).parts
    return [name, *("/".join(parts[start:]) for start in range(1, len(parts))), PurePath(name).stem]
