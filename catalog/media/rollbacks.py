"""Finds files of pictures whose rows were rolled back with a transaction around the upload, such as the admin's.

Django has no rollback signal. So each file is noted until its commit, and files still noted at the end of the request
were not committed.
"""

from __future__ import annotations

import threading
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import transaction

from catalog.media import files


class _Notes(threading.local):
    def __init__(self) -> None:
        self.names: set[str] = set()


_uncommitted = _Notes()


def note(name: str) -> None:
    """Note a file. Call this within the transaction of its row."""
    names = _uncommitted.names
    names.add(name)
    transaction.on_commit(lambda: names.discard(name))


def connect() -> None:
    request_started.connect(_forget, dispatch_uid="catalog.media.rollbacks")
    request_finished.connect(_clear, dispatch_uid="catalog.media.rollbacks")


def _forget(**_: Any) -> None:
    _uncommitted.names = set()


def _clear(**_: Any) -> None:
    names, _uncommitted.names = _uncommitted.names, set()
    if names:
        files.discard_rowless(names)
