"""A Postgres and a Redis that belong to one test, which may do to them what it likes."""

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
    """Runs as the embedded one does, but the shop's processes only know its address, so nobody starts it again."""

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
        """Of the server, while it runs."""
        try:
            return int((self.data / "postmaster.pid").read_text().split()[0])
        except (OSError, IndexError):
            return None

    def start(self) -> None:
        self._services.ensure_postgres()

    def start_when_possible(self, seconds: float = 60) -> None:
        """Try until it starts, as a supervisor does."""

        def started() -> bool:
            try:
                self.start()
            except ServiceError:
                return False
            return True

        until(started, seconds, lambda: self.log)

    def stop(self) -> None:
        """`pg_ctl stop -m fast`: sessions are ended, everything is written."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """`pg_ctl stop -m immediate`: as if the power had failed; the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def _end(self, how: signal.Signals) -> None:
        pid = self.pid
        assert pid is not None, "Postgres does not run"
        os.kill(pid, how)
        until(lambda: not Path(f"/proc/{pid}").exists(), 60, lambda: self.log)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """On a connection of its own: it neither minds nor prevents what the test does to others."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            found = connection.execute(sql, parameters or None)
            return found.fetchall() if found.description else []

    def value(self, sql: str, *parameters: Any) -> Any:
        return self.rows(sql, *parameters)[0][0]


class Redis:
    """Keeps nothing on disk; what it held is gone when it stops."""

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
        """Messages in this queue that nobody has taken."""
        return int(self.client.llen(queue))  # type: ignore[arg-type]


def servers(var: Path) -> tuple[EmbeddedServices, Postgres, Redis]:
    services = EmbeddedServices(Layout(var))
    return services, Postgres(services), Redis(services)
