"""Database errors are answered by their SQLSTATE: 503 if the database is unreachable or busy, 400 for a bad value."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, ProgrammingError, connection
from django.test import Client
from rest_framework.test import APIClient

from catalog.models import Product
from shop.requests.database_errors import BY_SQLSTATE, fault_of
from tests.shopkeeper import Shopkeeper


def refusal(state: str) -> OperationalError:
    """Django's exception for an error that psycopg raised."""
    cause = psycopg.errors.lookup(state)("refused by a test: /var/lib/postgresql/secret")
    error = OperationalError(str(cause))
    error.__cause__ = cause
    return error


STATES = {
    "22001": 400, "22003": 400, "22021": 400, "22P02": 400, "54000": 400, "54001": 400, "54023": 400,
    "08006": 503, "57P01": 503, "57P03": 503, "57014": 503, "53300": 503, "53100": 503, "53200": 503,
    "40001": 503, "40P01": 503, "55P03": 503, "25006": 503, "58030": 503,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("state", "status"), STATES.items())
def test_each_state_is_answered_alike_on_pages_and_in_the_api(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch, state: str, status: int
) -> None:
    client.raise_request_exception = False

    def refuse(*_: Any, **__: Any) -> None:
        raise refusal(state)

    monkeypatch.setattr("catalog.querysets.ProductQuerySet.published", refuse)
    page, api = client.get("/"), client.get("/api/v1/products/some/")
    assert (page.status_code, api.status_code) == (status, status)
    assert page["Content-Type"].startswith("text/html")
    assert set(api.json()) == {"code", "detail"}
    for answer in (page, api):
        assert answer.has_header("Retry-After") == (status == 503)
        assert b"secret" not in answer.content
        assert b"postgres" not in answer.content.lower()


def test_what_is_a_slip_of_the_program_or_a_conflict_is_no_fault_of_the_database() -> None:
    for state, kind in (("42P01", ProgrammingError), ("23505", IntegrityError), ("42501", ProgrammingError)):
        error = kind("x")
        error.__cause__ = psycopg.errors.lookup(state)("x")
        assert fault_of(error) is None
    assert fault_of(ValueError("x")) is None


def test_without_a_state_an_error_of_the_connection_is_an_outage_and_one_of_the_data_a_bad_value() -> None:
    assert (fault_of(OperationalError("gone")) or BY_SQLSTATE["22"]).status == 503
    assert (fault_of(InterfaceError("closed")) or BY_SQLSTATE["22"]).status == 503
    assert (fault_of(DataError("NUL")) or BY_SQLSTATE["08"]).status == 400


@pytest.mark.slow
@pytest.mark.case
def test_a_description_that_cannot_be_indexed_is_400_and_names_the_field(
    shop: Shopkeeper, admin_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bypasses the form's checks, so that Postgres itself refuses the value."""
    from catalog.api.serializers import ProductSerializer

    shop.category("clothes")
    api = APIClient()
    api.force_authenticate(admin_user)
    words = " ".join(f"word{number}" for number in range(130_000))
    monkeypatch.setattr(ProductSerializer, "validate", lambda self, attrs: attrs)
    for field in ProductSerializer._declared_fields, ProductSerializer.Meta.extra_kwargs:
        field.pop("description", None) if "description" in field else None
    sent = {"sku": "LONG", "title": "Red dress", "category": "clothes", "description": words}
    answer = api.post("/api/v1/products/", sent, format="json")
    assert answer.status_code == 400, answer.content[:300]
    assert "description" in answer.json()["errors"]
    assert not Product.objects.filter(sku="LONG").exists()


def test_a_statement_that_takes_too_long_is_503_with_a_retry_hint(
    shop: Shopkeeper, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.raise_request_exception = False

    def slow(*_: Any, **__: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 50; SELECT pg_sleep(5)")

    monkeypatch.setattr("catalog.querysets.ProductQuerySet.published", slow)
    answer = client.get("/")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert "took too long" in answer.content.decode()
