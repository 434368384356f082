"""What only the superuser of the embedded Postgres may do, for benchmarks and for tests of damage."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from django.db import connection

from shop.embedded import roles


def as_superuser(statement: str, parameters: Sequence[object] = ()) -> None:
    """In the database that Django is connected to, and committed at once."""
    found = connection.settings_dict
    with psycopg.connect(host=found["HOST"], user=roles.SUPERUSER, dbname=found["NAME"], autocommit=True) as superuser:
        superuser.execute(statement, parameters)
