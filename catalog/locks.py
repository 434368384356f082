"""Postgres advisory locks: work that only one process may do at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, connection

IMPORT_LOCK = 0x100CA13  # one import of a catalog
TREE_LOCK = 0x100CA14  # one transaction that changes the category tree
LOOK_SECONDS = 0.5


@contextmanager
def session_lock(key: int, *, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Held by this database session, not by a transaction, for work of minutes. The lock of a process that dies goes
    with its session.

    It is asked for again and again rather than waited for in the database: a waiting statement would run into the
    statement timeout, and would hold up concurrent index builds.

    Args:
        on_wait: called once, when somebody else has the lock.
    """
    if not _taken(key):
        on_wait()
        while not _taken(key):
            time.sleep(LOOK_SECONDS)
    try:
        yield
    finally:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
        except (OperationalError, InterfaceError):
            connection.close()  # the session broke, and the lock went with it


def _taken(key: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        return bool(cursor.fetchone()[0])


def lock_tree() -> None:
    """Until this transaction ends nobody else changes the category tree: inserting or moving a node rewrites the paths
    of others, and two who do so at once would give two nodes the same path, or wait for each other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TREE_LOCK])
