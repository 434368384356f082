"""Django's Postgres backend that starts the embedded server on the first connection."""

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base

from shop.embedded import servers


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        servers.services(settings.VAR_DIR).ensure_postgres()
        return super().get_new_connection(conn_params)
