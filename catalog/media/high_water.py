"""The media storage's record of how far its database was.

A database restored from a backup, or replaced by another, lacks rows of pictures whose files exist. The storage
therefore keeps a mark next to the pictures, `database.json`: the id of the shop's database, a generation that increases
with every mark, and the highest picture id so far. The database keeps the same values and is always written first,
so after a crash it is ahead of its mark, never behind. A database behind its mark has lost rows; until that is
resolved, no file is quarantined or deleted.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from catalog.locks import advisory_lock
from catalog.media import storing
from catalog.models import MediaState
from catalog.signals import images_added

logger = logging.getLogger(__name__)

NAME = "database.json"
LOCK = 0x100CA15  # Postgres advisory lock: one process writes the mark at a time
UPLOAD_SECONDS = 30.0  # between marks written by one process's uploads; sweeps write marks, too
REMEDY = (
    "Restore the newer database. If this one is right, confirm it with `manage.py media sweep --confirm`. Until then "
    "no file is quarantined or deleted; everything else works."
)


class RowsWentBackwards(Exception):
    """The database lacks rows that the media storage recorded. The message says which and what to do."""


@dataclass(frozen=True)
class Mark:
    """Attributes:
    shop: the database's id, generated with its first mark.
    generation: increases with every mark.
    highest_image: the highest picture id so far.
    """

    shop: str
    generation: int
    highest_image: int


def keep(*, wait: bool = False) -> None:
    """Compare the database with the storage's mark, and update the mark. On an idle shop this takes a few short queries
    and one read of 100 bytes.

    Args:
        wait: wait for another process that does the same. Otherwise rely on the last comparison.

    Raises:
        RowsWentBackwards: the mark was not updated.
        OSError: the storage does not answer.
    """
    with advisory_lock(LOCK, wait=wait) as ours:
        state = MediaState.current()
        if ours:
            _compare(state)
    if state.refused:
        raise RowsWentBackwards(state.refused)


def _compare(state: MediaState) -> None:
    try:
        mark = _read()
    except _DamagedMark:
        _note(state, f"{NAME} in the media storage is damaged, so it is unknown how far the database was. {REMEDY}")
        return
    highest = _highest_image()
    reason = _disagreement(state, mark, highest)
    _note(state, reason)
    if not reason and (mark is None or highest > mark.highest_image):
        _raise(state, mark, highest)


def confirm() -> None:
    """Accept this database, whatever the mark says, and start a new generation."""
    with advisory_lock(LOCK, wait=True):
        state = MediaState.current()
        try:
            mark = _read()
        except _DamagedMark:
            mark = None
        _note(state, "")
        _raise(state, mark, _highest_image())


def connect() -> None:
    images_added.connect(_on_images_added, dispatch_uid="catalog.media.high_water")


_marked = threading.Lock()
_marked_at = -float("inf")


def _on_images_added(**_: Any) -> None:
    """Update the mark on uploads, so that even the loss of the last minute's pictures is noticed."""
    global _marked_at
    with _marked:
        if time.monotonic() - _marked_at < UPLOAD_SECONDS:
            return
        _marked_at = time.monotonic()
    try:
        keep()
    except RowsWentBackwards:
        pass  # the log has it
    except (OSError, DatabaseError, InterfaceError) as error:
        logger.warning("The database mark could not be written to the media storage: %s", error)


class _DamagedMark(Exception):
    pass


def _disagreement(state: MediaState, mark: Mark | None, highest: int) -> str:
    """Why the database does not match the mark; empty if it does."""
    if mark is None:
        return ""
    if mark.shop != str(state.shop):
        return f"The media storage belongs to another database, according to its {NAME}. {REMEDY}"
    if state.generation < mark.generation or highest < mark.highest_image:
        return (
            f"The database is older than the media storage: the storage recorded picture {mark.highest_image:,}, the "
            f"database only {min(highest, state.highest_image):,}. Was a backup restored? {REMEDY}"
        )
    return ""


def _note(state: MediaState, reason: str) -> None:
    if reason != state.refused:
        if reason:
            logger.error("%s", reason)
        else:
            logger.info("The database and the media storage agree again.")
        state.refused, state.refused_since = reason, timezone.now() if reason else None
        state.save(update_fields=["refused", "refused_since"])


def _raise(state: MediaState, mark: Mark | None, highest: int) -> None:
    state.generation = max(state.generation, mark.generation if mark else 0) + 1
    state.highest_image = highest
    state.save(update_fields=["generation", "highest_image"])
    _write(Mark(str(state.shop), state.generation, highest))


def _highest_image() -> int:
    """The highest id from the sequence, which deletes do not lower and dumps include."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('catalog_productimage', 'id')::regclass), 0)"
        )
        found: int = cursor.fetchone()[0]
    return found


def _read() -> Mark | None:
    try:
        with default_storage.open(NAME) as file:
            found = json.loads(file.read())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _DamagedMark from error
    try:
        return Mark(str(found["shop"]), int(found["generation"]), int(found["highest_image"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _DamagedMark from error


def _write(mark: Mark) -> None:
    """Write the mark atomically, because half a mark would be useless."""
    storing.write(NAME, json.dumps(asdict(mark)).encode())
