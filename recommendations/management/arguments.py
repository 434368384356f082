"""Arguments and output shared by commands."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from json import dumps
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper

from catalog.models import Product
from catalog.models.former_address import category_at
from common.arguments import number, whole_number
from common.money import amount_text
from ml.files.catalog.cells import plain_amount
from recommendations.models import EmbeddingModel
from recommendations.search.calibration import calibration_of
from recommendations.search.request import MAX_RESULTS, SearchRequest, Sort, build_request
from recommendations.search.results import Results

DEFAULT_LIMIT = 6


def add_search_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-k", type=count, default=DEFAULT_LIMIT, metavar="N", help=f"number of products, 1 to {MAX_RESULTS}"
    )
    parser.add_argument("--price-max", type=money, metavar="P", help="only products that cost at most P")
    parser.add_argument("--price-min", type=money, metavar="P", help="only products that cost at least P")
    parser.add_argument("--category", metavar="ADDRESS", help="only products in this category or below it")
    parser.add_argument("--in-stock", action="store_true", help="only products in stock")
    parser.add_argument("--brand", action="append", default=[], help="only products of this brand; may be repeated")
    parser.add_argument(
        "--attribute",
        action="append",
        default=[],
        type=attribute,
        metavar="NAME=VALUE",
        help="only products with this attribute, e.g. colour=Red; may be repeated, and of several values for one name "
        "any matches",
    )
    parser.add_argument(
        "--colour-weight",
        type=share,
        metavar="W",
        help="weight of the colour against the shape, from 0 (only shape) to 1 (only colour)",
    )
    parser.add_argument(
        "--sort",
        choices=[sort.value for sort in Sort],
        default=Sort.LIKENESS.value,
        help="`value` puts cheaper look-alikes first",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def search_request_of(options: Mapping[str, Any]) -> SearchRequest:
    """The request that the arguments of `add_search_arguments` describe.

    Raises:
        CommandError: the category does not exist.
    """
    category = None
    if options["category"]:
        category = category_at(options["category"])
        if category is None:
            raise CommandError(f"No category has the address {options['category']!r}.")
    return build_request({**options, "limit": options["k"], "category": category}, default_limit=DEFAULT_LIMIT)


share = number(0, 1)
count = whole_number(1, MAX_RESULTS)


def attribute(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def money(text: str) -> Decimal:
    try:
        amount = Decimal(plain_amount(text, settings.SHOP_CURRENCY) if "," in text or not text.isascii() else text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and 0 <= amount < 10**8):  # the range of prices
        raise ArgumentTypeError(f"{text!r} is not an amount of money")
    return amount


def price_text(product: Product) -> str:
    """`49.90 EUR`; empty without a price."""
    return "" if product.price is None else f"{amount_text(product.price, product.currency)} {product.currency}"


def chosen_model(name: str | None) -> EmbeddingModel:
    """The model with this name, or the active one if no name is given."""
    model = EmbeddingModel.objects.filter(name=name).first() if name else EmbeddingModel.objects.active()
    if model is None:
        raise CommandError(
            f"There is no model {name!r}. See `manage.py embedding_models list`."
            if name
            else "There is no embedding model yet. Run `manage.py embed_catalog` first."
        )
    return model


def write_results(stdout: OutputWrapper, results: Results, *, as_json: bool) -> None:
    if as_json:
        stdout.write(dumps(results.to_json(), indent=2, ensure_ascii=False))
        return
    if results.nothing_similar:  # then the votes of the neighbours mean nothing
        stdout.write("No close matches. These are the nearest products:")
    elif results.types:
        types = ", ".join(f"{each.category.address} {each.share:.0%}" for each in results.types)
        stdout.write(f"Seems to show: {types}.")
    if results.matches:
        meaning = calibration_of(results.model)
        stdout.write(f"{'score':>7} {meaning.basis.value if meaning else '':>6}  {'SKU':<14} {'price':>14}")
    for match in results.matches:
        price = price_text(match.product) or "on request"
        score = "" if match.score is None else f"{match.score:.4f}"
        likely = "" if match.match is None else f"{match.match}"
        stdout.write(f"{score:>7} {likely:>6}  {match.product.sku:<14} {price:>14}  {match.product.title}")
    if results.above:
        above, nearest = results.above, results.above.match.product
        stdout.write(
            f"No products within the budget. {above.count} products cost more, from "
            f"{amount_text(above.lowest, nearest.currency)}. The cheapest of the 100 most "
            f"similar is {nearest.sku}, at {amount_text(nearest.price or above.lowest, nearest.currency)}."
        )
    elif not results.matches:
        stdout.write("No products found.")
