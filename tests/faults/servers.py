"""A Postgres and a Redis for one test, which may break them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psycopg
import redis

from shop.embedded.servers import DATABASE, USER, EmbeddedServices, Layout, ServiceError
from tests.running import until


class Postgres:
    """Runs like the embedded one, but the shop's processes only have its address, so they do not restart it."""

    def __init__(self, services: EmbeddedServices) -> None:
        self._services, self._layout = services, services.layout

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@{str(self._layout.sockets).replace('/', '%2F')}/{DATABASE}"

    @property
    def data(self) -> Path:
        return self._layout.postgres_data

    @property
    def log(self) -> str:
        return self._layout.postgres_log.read_text(errors="replace")

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        try:
            return int((self.data / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError):
            return None

    def start(self) -> None:
        self._services.ensure_postgres()

    def start_when_possible(self, seconds: float = 60) -> None:
        """Retry until it starts, like a supervisor."""

        def started() -> bool:
            try:
                self.start()
            except ServiceError:
                return False
            return True

        until(started, seconds, lambda: self.log)

    def stop(self) -> None:
        """`pg_ctl stop -m fast`: ends sessions and writes everything."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """`pg_ctl stop -m immediate`: like a power failure; the next start recovers from the write-ahead log."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        pid = self.pid
        assert pid is not None, "Postgres does not run"
        os.kill(pid, how)
        until(lambda: not Path(f"/proc/{pid}").exists(), 60, lambda: self.log)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Uses a separate connection, independent of what the test does to others."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            found = connection.execute(sql, parameters or None)
            return found.fetchall() if found.description else []

    def value(self, sql: str, *parameters: Any) -> Any:
        return self.rows(sql, *parameters)[0][0]


class Redis:
    """Keeps nothing on disk; its content is lost when it stops."""

    def __init__(self, services: EmbeddedServices) -> None:
        self._services, self._layout = services, services.layout

    @property
    def url(self) -> str:
        return self._layout.redis_url

    @property
    def socket(self) -> Path:
        return self._layout.redis_socket

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), socket_timeout=10)

    def start(self) -> None:
        self._services.ensure_redis()

    def stop(self) -> None:
        """`SHUTDOWN NOSAVE`."""
        self.client.shutdown(nosave=True)
        until(lambda: not self.socket.exists(), 20)

    def waiting(self, queue: str) -> int:
        """Waiting messages in this queue."""
        return int(self.client.llen(queue))  # type: ignore[arg-type]


def servers(var: Path) -> tuple[EmbeddedServices, Postgres, Redis]:
    services = EmbeddedServices(Layout(var))
    return services, Postgres(services), Redis(services)
