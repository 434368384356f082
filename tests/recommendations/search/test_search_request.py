"""A form, a query string and a command line that say the same make the same request."""

from __future__ import annotations

from argparse import ArgumentParser
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.http import QueryDict

from recommendations.api.serializers import SearchParameters, SimilarParameters
from recommendations.management.arguments import add_search_arguments, search_request_of
from recommendations.models import EmbeddingModel
from recommendations.search.cursor import to_cursor
from recommendations.search.filters import Filters
from recommendations.search.photo import SeenPhoto
from recommendations.search.request import SearchRequest, Sort, build_request
from recommendations.storefront.forms import PhotoSearchForm
from tests.shopkeeper import Shopkeeper


def of_query(query: str, parameters: type[SearchParameters] = SearchParameters) -> SearchRequest:
    found = parameters(data=QueryDict(query))
    found.is_valid(raise_exception=True)
    return found.search_request


def of_command(*arguments: str) -> SearchRequest:
    parser = ArgumentParser()
    add_search_arguments(parser)
    return search_request_of(vars(parser.parse_args(arguments)))


def of_form(photo: SeenPhoto, **fields: Any) -> SearchRequest:
    form = PhotoSearchForm({"seen": photo.to_token(), **fields})
    assert form.is_valid(), form.errors
    return form.search_request(photo)


def test_query_string_and_command_line_mean_the_same(shop: Shopkeeper) -> None:
    shoes = shop.category("shoes")
    query = of_query(
        "limit=7&category=shoes&price_min=5&price_max=49.90&in_stock=true&brand=Bata&brand=Lotto"
        "&attribute=colour:Red&attribute=colour:Blue&attribute=usage:a:b&colour_weight=0.25&sort=value"
    )
    command = of_command(
        "-k", "7", "--category", "shoes", "--price-min", "5", "--price-max", "49.90", "--in-stock", "--brand", "Bata",
        "--brand", "Lotto", "--attribute", "colour=Red", "--attribute", "colour=Blue", "--attribute", "usage=a:b",
        "--colour-weight", "0.25", "--sort", "value",
    )  # fmt: skip
    filters = Filters(
        category=shoes,
        price_min=Decimal(5),
        price_max=Decimal("49.90"),
        in_stock=True,
        brands=frozenset({"Bata", "Lotto"}),
        attributes={"colour": frozenset({"Red", "Blue"}), "usage": frozenset({"a:b"})},
    )
    assert query == command == SearchRequest(7, filters, colour_weight=0.25, sort=Sort.VALUE)


def test_the_form_means_the_same(shop: Shopkeeper, coloured: EmbeddingModel) -> None:
    photo, shoes = SeenPhoto(coloured, np.array([1, 0, 1, 0], np.float32)), shop.category("shoes")
    cursor = to_cursor([3, 5])
    form = of_form(photo, price_max="49.90", type=shoes.pk, colour="0.25", sort="value", cursor=cursor)
    assert form == of_query(
        f"limit={form.limit}&category=shoes&price_max=49.90&colour_weight=0.25&sort=value&cursor={cursor}"
    )


@pytest.mark.parametrize(
    ("text", "amount"), [("49,90", "49.90"), ("49,9", "49.90"), ("1.299,00", "1299"), ("1,299.50", "1299.50")]
)
def test_a_budget_may_have_a_decimal_comma_at_every_door(coloured: EmbeddingModel, text: str, amount: str) -> None:
    photo = SeenPhoto(coloured, np.array([1, 0, 1, 0], np.float32))
    requests = [
        of_query(f"price_max={text}"),
        of_command("--price-max", text),
        of_form(photo, price_max=text),
        of_form(photo, price_max=f" {text} $ "),
    ]
    assert {request.filters.price_max for request in requests} == {Decimal(amount)}


def test_a_budget_that_may_be_two_amounts_is_refused(coloured: EmbeddingModel) -> None:
    form = PhotoSearchForm({"price_max": "1,299", "seen": "x"}, {})
    assert form.errors["price_max"] == ["Enter the budget as an amount of money, for example 49.90."]
    assert PhotoSearchForm({"price_max": "5 €", "seen": "x"}, {}).errors["price_max"], "prices are in dollars"


@pytest.mark.slow
def test_nothing_said_is_the_same_at_every_door(shop: Shopkeeper, coloured: EmbeddingModel) -> None:
    photo = SeenPhoto(coloured, np.array([1, 0, 1, 0], np.float32))
    requests = [of_query("limit=6"), of_command(), build_request({}, default_limit=6)]
    assert requests == [SearchRequest(6)] * 3
    form = of_form(photo)
    assert form == SearchRequest(form.limit)
    assert of_form(photo, colour="0.5") == form, "as vectors are stored"


def test_another_colour_is_part_of_the_request(db: None) -> None:
    assert of_query("limit=6&in_colour=Red", SimilarParameters) == SearchRequest(6, in_colour="Red")
