"""Prints the comparison of two models."""

from __future__ import annotations

from argparse import ArgumentParser
from json import dumps

from django.core.management.base import CommandError, OutputWrapper

from catalog.models import Product
from common.arguments import not_negative
from recommendations.management.arguments import count, price_text
from recommendations.models import EmbeddingModel
from recommendations.monitoring.model_comparison import Comparison, Row, Shown, colour_of, products_of, sample_products

SAMPLE = 10
TITLE = 28  # characters of a title per column
LEGEND = "= found by both, t same type, c same colour"


def add_compare_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("first", metavar="A")
    parser.add_argument("second", metavar="B")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--sku", action="append", help="compare on this product; may be repeated")
    which.add_argument(
        "--sample", type=count, default=SAMPLE, metavar="N", help=f"compare on N random products (default {SAMPLE})"
    )
    parser.add_argument("--seed", type=not_negative, default=0, metavar="S", help="seed of the random sample")
    parser.add_argument("-k", type=count, default=10, metavar="N", help="look-alikes per product (default 10)")
    parser.add_argument("--json", action="store_true", help="machine-readable output")


def chosen_products(skus: list[str]) -> list[Product]:
    """
    Raises:
        CommandError: no product has one of the SKUs.
    """
    products, unknown = products_of(skus)
    if unknown:
        raise CommandError(f"No product has the SKU {', '.join(unknown)}.")
    return products


def drawn_products(first: EmbeddingModel, second: EmbeddingModel, size: int, seed: int) -> list[Product]:
    """
    Raises:
        CommandError: there are no products to choose from.
    """
    products = sample_products(first, second, size, seed)
    if not products:
        raise CommandError(
            f"No product has a vector from both {first.name} and {second.name}. See `manage.py embedding_models list`."
        )
    return products


def write_comparison(stdout: OutputWrapper, found: Comparison, *, as_json: bool) -> None:
    if as_json:
        stdout.write(dumps(found.to_json(), indent=2, ensure_ascii=False))
        return
    stdout.write(" | ".join(f"{model.name} ({model.state})" for model in found.models) + f"   {LEGEND}\n")
    for row in found.rows:
        _write_row(stdout, row)
    _write_summary(stdout, found)


def _write_row(stdout: OutputWrapper, row: Row) -> None:
    stdout.write(f"{row.product.sku}  {_described(row.product)}")
    columns = [[_cell(one) for one in side.shown] for side in row.sides]
    for column, side in zip(columns, row.sides, strict=True):
        if not side.embedded:
            column.append(f"no vector from {side.model.name}")
    width = max((len(cell) for cell in columns[0]), default=0)
    for place in range(max(map(len, columns))):
        left, right = (column[place] if place < len(column) else "" for column in columns)
        stdout.write(f"{place + 1:>4}  {left.ljust(width)}  |  {right}".rstrip())
    stdout.write(
        f"      {row.common} of {row.most} found by both, rank-biased overlap {_number(row.rbo)}; "
        f"same type {_pair(row, 'same_type')}; same colour {_pair(row, 'colour')}{_prices(row)}\n"
    )


def _described(product: Product) -> str:
    price = price_text(product)
    return " · ".join(filter(None, (product.title, product.category.name, colour_of(product), price)))


def _cell(one: Shown) -> str:
    marks = ("=" if one.elsewhere else " ") + ("t" if one.same_type else " ") + ("c" if one.same_colour else " ")
    product = one.match.product
    title = product.title if len(product.title) <= TITLE else f"{product.title[: TITLE - 1]}…"
    return f"{marks}  {product.sku:<10}  {one.match.score or 0.0:6.3f}  {title:<{TITLE}}"


def _pair(row: Row, name: str) -> str:
    return " | ".join(_percent(getattr(side, name)) for side in row.sides)


def _prices(row: Row) -> str:
    checked = [side.within_price for side in row.sides]
    if row.product.price is None or not any(checked):
        return ""
    found = " | ".join("–" if one is None else f"{one.found - one.dearer} of {one.due}" for one in checked)
    return f"; within {price_text(row.product)}: {found}"


def _write_summary(stdout: OutputWrapper, found: Comparison) -> None:
    count = len(found.rows)
    stdout.write(
        f"{count} product{'s' if count != 1 else ''}: {_percent(found.overlap)} found by both, rank-biased overlap "
        f"{_number(found.rbo)}."
    )
    for total in found.totals:
        stdout.write(
            f"{total.model.name}: same type {_percent(total.same_type)}, same colour {_percent(total.colour)}, "
            f"within price limit {total.prices_kept} of {total.prices_asked}."
        )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}".replace("%", " %")


def _number(number: float | None) -> str:
    return "–" if number is None else f"{number:.2f}"
