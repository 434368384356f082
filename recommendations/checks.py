"""Django system checks that must pass before anything is served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import Error, Tags, register
from django.db import connections

PGVECTOR_MINIMUM = (0, 8, 4)


def pgvector_version(alias: str = "default") -> str | None:
    """The version that the server offers; None if it has no pgvector."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(installed_version, default_version) FROM pg_available_extensions WHERE name = 'vector'"
        )
        row = cursor.fetchone()
    return row[0] if row else None


def pgvector_problem(alias: str = "default") -> str | None:
    """What is wrong with the server's pgvector, or None. Earlier versions could corrupt HNSW indexes on vacuum and
    overflow in parallel builds (see its changelog)."""
    version = pgvector_version(alias)
    needed = ".".join(map(str, PGVECTOR_MINIMUM))
    if version is None:
        return f"The Postgres server has no pgvector; {needed} or later is needed."
    if tuple(int(part) for part in version.split(".")) < PGVECTOR_MINIMUM:
        return f"The Postgres server has pgvector {version}; {needed} or later is needed."
    return None


@register(Tags.database)
def check_pgvector(databases: Sequence[str] | None = None, **_: Any) -> list[Error]:
    problems = [problem for alias in databases or () if (problem := pgvector_problem(alias))]
    hint = "Install a current pgvector and run ALTER EXTENSION vector UPDATE, or use the embedded Postgres."
    return [Error(problem, hint=hint, id="recommendations.E001") for problem in problems]
