"""Warnings of `manage.py migrate` and `manage.py check --database default`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import Tags, Warning, register
from django.db import connections


@register(Tags.database)
def check_role(databases: Sequence[str] | None = None, **_: Any) -> list[Warning]:
    """A superuser can run programs on the database server from SQL, so any SQL injection would compromise that
    machine."""
    found = []
    for alias in databases or ():
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
            name, superuser = cursor.fetchone()
        if superuser:
            found.append(
                Warning(
                    f"The shop connects to its database as {name!r}, which is a superuser.",
                    hint="Give the shop a role of its own: see 'Database roles' in docs/how-to/deploy.md.",
                    id="shop.W001",
                )
            )
    return found
