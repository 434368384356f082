"""Quarantine for files that no row names. They are moved to `quarantine/<day>/<name>` in the same storage, return when
a row names them again, and are deleted after MEDIA_QUARANTINE_DAYS.

Nothing below `quarantine/` is served: pages and proxies serve only generated names below `products/`. Days follow the
database's clock, so a host with a wrong clock deletes nothing too early.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Protocol, cast

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models.signals import post_delete

from catalog.models import ProductImage

logger = logging.getLogger(__name__)

FOLDER = "quarantine"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_CHUNK = 1000  # names per query


class _MovingStorage(Protocol):
    """A storage without folders, such as `shop.storage.s3`."""

    def move(self, old: str, new: str) -> None: ...


def connect() -> None:
    post_delete.connect(_on_delete, sender=ProductImage, dispatch_uid="catalog.media.quarantine")


def _on_delete(instance: ProductImage, **_: object) -> None:
    """After the commit: a rolled-back delete must still find its file."""
    name = instance.file.name
    if name:
        transaction.on_commit(lambda: set_aside_quietly([name]), robust=True)


def set_aside_quietly(names: Iterable[str]) -> None:
    """Quarantine files; the daily sweep (`catalog.media.files`) handles those that cannot be moved now."""
    for name in names:
        try:
            set_aside(name)
        except (OSError, DatabaseError, InterfaceError) as error:
            logger.warning("%s could not be quarantined and is left to the daily sweep: %s", name, error)


def set_aside(name: str) -> bool:
    """Move a file into quarantine; False if it does not exist.

    Raises:
        OSError: the storage refuses or does not answer. The file has not moved.
        DatabaseError: the database, whose date counts, is unavailable.
    """
    try:
        _move(name, place(today(), name))
    except FileNotFoundError:
        return False
    return True


def bring_back(name: str) -> bool:
    """Return a file from quarantine; False if it is not there."""
    for day in reversed(list(days())):
        kept = place(day, name)
        if default_storage.exists(kept):
            with suppress(FileNotFoundError):  # another process was quicker
                _move(kept, name)
                logger.info("%s is back from quarantine.", name)
            return True
    return False


def recover(name: str) -> bool:
    """Return a file from quarantine if a picture names it."""
    return ProductImage.objects.filter(file=name).exists() and bring_back(name)


def bring_back_named(advance: Callable[[int], None] = lambda _: None) -> list[str]:
    """Return all files that pictures name again from quarantine.

    Args:
        advance: called with the number of files checked.

    Returns:
        The names of the returned files.
    """
    found = []
    for day in days():
        for names in _chunks(contents(day)):
            for name in ProductImage.objects.filter(file__in=names).values_list("file", flat=True):
                with suppress(FileNotFoundError):
                    _move(place(day, name), name)
                    found.append(name)
            advance(len(names))
    if found:
        logger.info("%d files are back from quarantine because pictures name them again.", len(found))
    return found


def expire() -> int:
    """Delete files that were in quarantine for MEDIA_QUARANTINE_DAYS and that no picture names; the number of files."""
    before = today() - timedelta(days=settings.MEDIA_QUARANTINE_DAYS)
    deleted = 0
    for day in [day for day in days() if day < before]:
        for names in _chunks(contents(day)):
            named = set(ProductImage.objects.filter(file__in=names).values_list("file", flat=True))
            for name in names:
                if name not in named:
                    deleted += delete(day, name)
        _remove_empty_folders(day)
    if deleted:
        logger.info("%d files were deleted after %d days in quarantine.", deleted, settings.MEDIA_QUARANTINE_DAYS)
    return deleted


def delete(day: date, name: str) -> bool:
    """Delete a file permanently; False if it does not exist."""
    kept = place(day, name)
    if not default_storage.exists(kept):
        return False
    default_storage.delete(kept)
    return True


def days() -> Iterator[date]:
    """The days on which files were quarantined, oldest first."""
    try:
        folders, _ = default_storage.listdir(FOLDER)
    except FileNotFoundError:
        return
    for name in sorted(folders):
        if _DAY.fullmatch(name):
            with suppress(ValueError):
                yield date.fromisoformat(name)


def contents(day: date) -> Iterator[str]:
    """The original names of files quarantined on this day."""
    top = f"{FOLDER}/{day:%Y-%m-%d}"
    for path in _files(top):
        yield path.removeprefix(f"{top}/")


def count() -> int:
    """Files in quarantine."""
    return sum(1 for day in days() for _ in contents(day))


def place(day: date, name: str) -> str:
    """The path in the storage of a quarantined file."""
    return f"{FOLDER}/{day:%Y-%m-%d}/{name}"


def today() -> date:
    with connection.cursor() as cursor:
        cursor.execute("SELECT (clock_timestamp() AT TIME ZONE 'UTC')::date")
        found: date = cursor.fetchone()[0]
    return found


def _chunks(names: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(names, _CHUNK)):
        yield chunk


def _files(folder: str) -> Iterator[str]:
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(names):
        yield f"{folder}/{name}"
    for below in sorted(folders):
        yield from _files(f"{folder}/{below}")


def _move(old: str, new: str) -> None:
    """Move within the storage: by renaming, or by copying if its folders are on several disks."""
    try:
        source, target = Path(default_storage.path(old)), Path(default_storage.path(new))
    except NotImplementedError:
        cast(_MovingStorage, default_storage).move(old, new)
        return
    if not source.exists():
        raise FileNotFoundError(f"{old} is not in the media storage")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)


def _remove_empty_folders(day: date) -> None:
    """Remove empty folders in a file system; buckets have none."""
    try:
        top = Path(default_storage.path(f"{FOLDER}/{day:%Y-%m-%d}"))
    except NotImplementedError:
        return
    for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):
            folder.rmdir()
    with suppress(OSError):
        top.rmdir()
