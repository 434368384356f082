from typing import Any

from django.core.management.commands import makemigrations
from django.db import connections


class Command(makemigrations.Command):
    """Compares models with migration files only. Whether a database's history is sound is for `migrate` to ask:
    writing a file must not start a server."""

    def handle(self, *args: Any, **options: Any) -> None:
        for connection in connections.all():
            connection.settings_dict["ENGINE"] = "django.db.backends.dummy"
        super().handle(*args, **options)
