"""Arguments and output that commands share."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal, InvalidOperation
from json import dumps

from django.core.management.base import CommandError, OutputWrapper

from recommendations.models import EmbeddingModel
from recommendations.search import MAX_RESULTS, Results


def add_search_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("-k", type=count, default=6, metavar="N", help=f"how many products (1 to {MAX_RESULTS})")
    parser.add_argument("--price-max", type=money, metavar="P", help="only products that cost at most P")
    parser.add_argument("--json", action="store_true", help="for programs")


def count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= MAX_RESULTS:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MAX_RESULTS}")
    return number


def money(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise ArgumentTypeError(f"{text!r} is not an amount of money")
    return amount


def chosen_model(name: str | None) -> EmbeddingModel:
    """The model of this name; without one, the active one."""
    model = EmbeddingModel.objects.filter(name=name).first() if name else EmbeddingModel.objects.active()
    if model is None:
        raise CommandError(
            f"There is no model {name!r}; see `manage.py embedding_models list`."
            if name
            else "There is no embedding model yet. Run `manage.py embed_catalog` first."
        )
    return model


def write_results(stdout: OutputWrapper, results: Results, *, as_json: bool) -> None:
    if as_json:
        stdout.write(dumps(results.to_json(), indent=2, ensure_ascii=False))
        return
    for match in results.matches:
        price = "on request" if match.product.price is None else f"{match.product.price} {match.product.currency}"
        score = "" if match.score is None else f"{match.score:.4f}"
        stdout.write(f"{score:>7}  {match.product.sku:<14} {price:>14}  {match.product.title}")
    if not results.matches:
        stdout.write("Nothing found.")
