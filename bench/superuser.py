"""Statements as the superuser of the embedded Postgres, for benchmarks and for tests of damage."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from django.db import connection

from shop.embedded import roles


def as_superuser(statement: str, parameters: Sequence[object] = ()) -> None:
    """Run a statement in Django's database, and commit it at once."""
    found = connection.settings_dict
    with psycopg.connect(host=found["HOST"], user=roles.SUPERUSER, dbname=found["NAME"], autocommit=True) as superuser:
        superuser.execute(statement, parameters)
