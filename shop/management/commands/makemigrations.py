from typing import Any

from django.core.management.commands import makemigrations
from django.db import connections


class Command(makemigrations.Command):
    """Compares models with migration files only and starts no database server; `migrate` checks the history of the
    database."""

    def handle(self, *args: Any, **options: Any) -> None:
        for connection in connections.all():
            connection.settings_dict["ENGINE"] = "django.db.backends.dummy"
        super().handle(*args, **options)
