from typing import Any

from django.core.management.commands import makemigrations
from django.db import connections


class Command(makemigrations.Command):
    """Compares models with migration files only and starts no database server; `migrate` checks the history of the
    database."""

    def handle(self, *args: Any, **options: Any) -> None:
        engines = {connection.alias: connection.settings_dict["ENGINE"] for connection in connections.all()}
        try:
            for alias in engines:
                connections.settings[alias]["ENGINE"] = "django.db.backends.dummy"
            super().handle(*args, **options)
        finally:  # a caller in the same process may open connections in other threads
            for alias, engine in engines.items():
                connections.settings[alias]["ENGINE"] = engine
