"""Postgres advisory locks for work that only one process may do at a time."""

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
    """A lock of this database session, not of a transaction, for work that takes minutes. It ends with the session if
    the process dies.

    It polls instead of waiting in the database: a waiting statement would hit the statement timeout and block
    concurrent index builds.

    Args:
        on_wait: called once if another session has the lock.
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
            connection.close()  # the session broke, and the lock ended with it


@contextmanager
def advisory_lock(key: int, *, wait: bool = False) -> Iterator[bool]:
    """Yields whether this database session has the lock; it ends with the session if the process dies.

    Args:
        wait: until it has. A waiting statement keeps a snapshot, and a concurrent index build waits for all older
            snapshots.
    """
    ours = _taken(key, wait=wait)
    try:
        yield ours
    finally:
        if ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def _taken(key: int, *, wait: bool = False) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {'pg_advisory_lock' if wait else 'pg_try_advisory_lock'}(%s)", [key])
        return wait or bool(cursor.fetchone()[0])


def lock_tree() -> None:
    """Keep others from changing the category tree until this transaction ends. Inserting or moving a node rewrites the
    paths of others; two such transactions at once could give two nodes the same path, or deadlock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TREE_LOCK])
