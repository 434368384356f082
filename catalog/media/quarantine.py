"""Files that no row names any more. None is deleted for that: it is moved to `quarantine/<day>/<name>` of the same
storage, comes back when a row names it again, and is deleted after MEDIA_QUARANTINE_DAYS.

Nothing below `quarantine/` is ever served: pages and proxies give out generated names below `products/` only.
Days are those of the database's clock, so that a host whose clock is wrong deletes nothing too early.
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
_CHUNK = 1000  # names a query


class _MovingStorage(Protocol):
    """A storage without folders of its own, such as `shop.storage.s3`."""

    def move(self, old: str, new: str) -> None: ...


def connect() -> None:
    post_delete.connect(_on_delete, sender=ProductImage, dispatch_uid="catalog.media.quarantine")


def _on_delete(instance: ProductImage, **_: object) -> None:
    """After the commit: a rolled-back delete must still find its file."""
    name = instance.file.name
    if name:
        transaction.on_commit(lambda: set_aside_quietly([name]), robust=True)


def set_aside_quietly(names: Iterable[str]) -> None:
    """What cannot be moved now is left to the daily sweep (`catalog.media.files`)."""
    for name in names:
        try:
            set_aside(name)
        except (OSError, DatabaseError, InterfaceError) as error:
            logger.warning("%s could not be set aside and is left to the daily sweep: %s", name, error)


def set_aside(name: str) -> bool:
    """Move a file into quarantine; False if it is not there.

    Raises:
        OSError: the storage refuses, or does not answer. The file is where it was.
        DatabaseError: nobody says what day it is.
    """
    try:
        _move(name, place(today(), name))
    except FileNotFoundError:
        return False
    return True


def bring_back(name: str) -> bool:
    """Put a file back that somebody names again; False if it is not in quarantine."""
    for day in reversed(list(days())):
        kept = place(day, name)
        if default_storage.exists(kept):
            with suppress(FileNotFoundError):  # another process was quicker
                _move(kept, name)
                logger.info("%s is back from quarantine.", name)
            return True
    return False


def recover(name: str) -> bool:
    """The same for a picture's file, if a picture has it."""
    return ProductImage.objects.filter(file=name).exists() and bring_back(name)


def bring_back_named(advance: Callable[[int], None] = lambda _: None) -> list[str]:
    """Put all files back that pictures name again; their names.

    Args:
        advance: called with the number of files looked at.
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
        logger.info("%d files are back from quarantine: pictures name them again.", len(found))
    return found


def expire() -> int:
    """Delete what has been in quarantine for MEDIA_QUARANTINE_DAYS and is still named by no picture; how many files."""
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
    """One file, for good; False if it is not there."""
    kept = place(day, name)
    if not default_storage.exists(kept):
        return False
    default_storage.delete(kept)
    return True


def days() -> Iterator[date]:
    """On which files were set aside, the first one first."""
    try:
        folders, _ = default_storage.listdir(FOLDER)
    except FileNotFoundError:
        return
    for name in sorted(folders):
        if _DAY.fullmatch(name):
            with suppress(ValueError):
                yield date.fromisoformat(name)


def contents(day: date) -> Iterator[str]:
    """The names that files set aside on this day had."""
    top = f"{FOLDER}/{day:%Y-%m-%d}"
    for path in _files(top):
        yield path.removeprefix(f"{top}/")


def count() -> int:
    """Files in quarantine."""
    return sum(1 for day in days() for _ in contents(day))


def place(day: date, name: str) -> str:
    """Where the storage has it."""
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
    """Within the storage: by renaming, or by copying where its folders are on several disks."""
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
    """Of a file system; a bucket has none."""
    try:
        top = Path(default_storage.path(f"{FOLDER}/{day:%Y-%m-%d}"))
    except NotImplementedError:
        return
    for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
        with suppress(OSError):
            folder.rmdir()
    with suppress(OSError):
        top.rmdir()
