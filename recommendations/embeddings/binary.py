"""Transfers vectors to and from Postgres in binary: 4 kB each instead of 20 kB of digits to parse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection
from pgvector.psycopg import register_vector


@contextmanager
def vector_cursor() -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    """A cursor on Django's connection that binds on the server and knows pgvector's types. Execute with `binary=True`
    to receive vectors in binary too."""
    connection.ensure_connection()
    raw = connection.connection
    with connection.wrap_database_errors:
        if raw.adapters.types.get("halfvec") is None:  # once per connection: it takes a dozen queries
            register_vector(raw)
        with psycopg.Cursor(raw) as cursor:
            yield cursor
