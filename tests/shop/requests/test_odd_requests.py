"""Requests that no person would send: each is refused quickly, with a reason."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import DateField, Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.admin_widgets import MOST_ADDED
from recommendations.models import Pipeline
from tests.catalog.test_attributes import form_of
from tests.shop.requests.test_api_edges import LIST, anybody, keeper, problem  # noqa: F401  (fixtures)
from tests.shopkeeper import Shopkeeper


@pytest.mark.parametrize("plain", ["p=", "p=&o=1", "r=1&p=", "p=1.5", "p=%00", "p=-1", "o=1", "x", ""])
def test_a_cursor_that_nobody_was_given_is_refused(anybody: Client, plain: str) -> None:  # noqa: F811
    cursor = base64.b64encode(plain.encode()).decode()
    response = anybody.get(LIST, {"cursor": cursor})
    if response.status_code != 200:  # "o=1": from the beginning, without the first
        assert "cursor" in problem(response, 400, "invalid")["errors"]


def test_the_page_of_the_api_has_nothing_to_say_to_options(anybody: Client) -> None:  # noqa: F811
    assert anybody.options("/api/v1/docs/").status_code == 405
    assert anybody.get("/api/v1/docs/").status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [("slug", 77), ("slug", -3), ("price", ""), ("price", "  "), ("compare_at_price", " "), ("stock", "1")],
)
def test_values_that_the_schema_forbids_are_refused_by_field(
    keeper: Client,  # noqa: F811
    shop: Shopkeeper,
    field: str,
    value: Any,
) -> None:
    sent = {"sku": "ODD", "title": "Odd", "category": shop.category("clothes").address, field: value}
    answer = problem(keeper.post(LIST, json.dumps(sent), content_type="application/json"), 400, "invalid")
    assert set(answer["errors"]) == {field}


def test_a_number_without_end_is_refused_in_plain_words(keeper: Client) -> None:  # noqa: F811
    body = '{"stock": ' + "1" * 4400 + "}"
    detail = problem(keeper.post(LIST, body, content_type="application/json"), 400, "parse_error")["detail"]
    assert "digits" in detail
    assert "sys." not in detail


def test_a_compressed_body_is_refused_as_such(keeper: Client) -> None:  # noqa: F811
    response = keeper.post(
        LIST, gzip.compress(b"{}"), content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert "Content-Encoding" in problem(response, 415, "unsupported_media_type")["detail"]


def dated() -> list[tuple[type[Model], str]]:
    return [
        (model, field.name)
        for model in sorted(admin.site._registry, key=lambda model: model._meta.label)
        for field in model._meta.get_fields()
        if isinstance(field, DateField) and model is not Pipeline  # a page, not a list
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "field"), dated())
@pytest.mark.parametrize("year", ["0", "99999", "9" * 20, "9" * 30, "abc"])
def test_a_list_of_a_year_that_no_date_has_is_the_whole_list(
    admin_client: Client, model: type[Model], field: str, year: str
) -> None:
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    response = admin_client.get(f"{address}?{field}__year={year}")
    assert response.status_code in {302, 400}
    if response.status_code == 302:
        assert response["Location"].endswith("?e=1")


@pytest.mark.slow
def test_a_form_that_states_a_thousand_rows_is_refused_for_the_price_of_a_few(
    admin_client: Client, shop: Shopkeeper
) -> None:
    product = shop.product()
    address = f"/admin/catalog/product/{product.pk}/change/"
    form = form_of(product)
    (total,) = [name for name in form if name.startswith("pins") and name.endswith("TOTAL_FORMS")]

    def queries(rows: int) -> tuple[int, Any]:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            response = admin_client.post(address, {**form, total: str(rows)})
        return len(asked), response

    _, response = queries(1000)
    assert response.status_code == 200
    assert f"at most {MOST_ADDED}" in response.content.decode()
    few, many = queries(MOST_ADDED + 1)[0], queries(10**9)[0]
    assert many <= few + 5
