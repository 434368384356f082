"""The cache that all processes share, in Redis. No request depends on Redis or waits long for it."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis import Redis
from redis.exceptions import RedisError

from shop.embedded import servers
from shop.embedded.programs import ServiceError

logger = logging.getLogger(__name__)

#: How long one request may wait for an unreachable Redis, and how long the process then does not ask it again.
TIMEOUT_S, AWAY_S = 0.5, 5.0
AWAY = (RedisError, OSError, ServiceError)
T = TypeVar("T")


class JsonSerializer:
    """Instead of pickle, Django's default: with it, anyone who can write to Redis could run code here."""

    def dumps(self, value: Any) -> int | str:
        return value if type(value) is int else json.dumps(value)

    def loads(self, data: bytes) -> Any:
        return json.loads(data)


class Clients(RedisCacheClient):
    """Django makes a new client for every command, which takes .3 ms. Clients may be shared between threads."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._clients: dict[int, Redis] = {}

    def get_client(self, key: str | None = None, *, write: bool = False) -> Redis:  # type: ignore[override]
        place = self._get_connection_pool_index(write)  # type: ignore[attr-defined]
        if place not in self._clients:
            self._clients[place] = super().get_client(key, write=write)
        return self._clients[place]


class SharedCache(RedisCache):
    """Django's Redis cache that behaves like an empty cache while Redis is unreachable.

    During an outage, one request per `AWAY_S` seconds asks Redis, for at most `TIMEOUT_S`; the others skip it.
    """

    def __init__(self, server: Any, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Clients
        self._outage = _outage  # one per process: each thread has its own cache object

    def add(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self._outage.asked(lambda: super(SharedCache, self).add(key, value, timeout, version), True)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._outage.asked(lambda: super(SharedCache, self).get(key, default, version), default)

    def set(self, key: str, value: Any, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._outage.asked(lambda: super(SharedCache, self).set(key, value, timeout, version), None)

    def touch(self, key: str, timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        return self._outage.asked(lambda: super(SharedCache, self).touch(key, timeout, version), False)

    def delete(self, key: str, version: int | None = None) -> bool:
        return self._outage.asked(lambda: super(SharedCache, self).delete(key, version), False)

    def get_many(self, keys: Any, version: int | None = None) -> dict[str, Any]:
        return self._outage.asked(lambda: super(SharedCache, self).get_many(keys, version), {})

    def has_key(self, key: str, version: int | None = None) -> bool:
        return self._outage.asked(lambda: super(SharedCache, self).has_key(key, version), False)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Raises ValueError for a missing key, like any Django cache, and during an outage."""
        found = self._outage.asked(lambda: super(SharedCache, self).incr(key, delta, version), None)
        if found is None:
            raise ValueError(f"Key {key!r} not found")
        return found

    def set_many(
        self, data: dict[str, Any], timeout: float | None = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[str]:
        return self._outage.asked(lambda: super(SharedCache, self).set_many(data, timeout, version), list(data))

    def delete_many(self, keys: Any, version: int | None = None) -> None:
        self._outage.asked(lambda: super(SharedCache, self).delete_many(keys, version), None)

    def clear(self) -> None:
        """Deletes only the cache's own keys: Celery's messages are in the same Redis database."""

        def cleared() -> bool:
            client = self._cache.get_client(write=True)
            for key in client.scan_iter(match=f"{self.key_prefix}:*", count=1000):
                client.delete(key)
            return True

        self._outage.asked(cleared, False)


class _Outage:
    """Tracks, for this process, whether Redis answers and when to ask again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0  # monotonic time of the next attempt
        self._is_away = False
        self._has_started = False

    def asked(self, ask: Callable[[], T], otherwise: T) -> T:
        if self._is_away and not self._may_try():
            return otherwise
        try:
            if not settings.REDIS_URL and (self._is_away or not self._has_started):
                servers.services(settings.VAR_DIR).ensure_redis()
                self._has_started = True
            found = ask()
        except AWAY as error:
            self._failed(error)
            return otherwise
        if self._is_away:
            self._is_away = False
            logger.warning("Redis is back: the limits on requests apply again.")
        return found

    def _may_try(self) -> bool:
        """True for one caller per `AWAY_S` seconds."""
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return False
            self._until = now + AWAY_S
            return True

    def _failed(self, error: Exception) -> None:
        with self._lock:
            self._until = time.monotonic() + AWAY_S
            was_away, self._is_away = self._is_away, True
        if not was_away:
            logger.error("Redis does not answer; until it does, there are no limits on requests: %s", error)


_outage = _Outage()
