"""Compares the files of the media storage with the rows of pictures.

Files without a row come from killed uploads and imports, or from a database that lost rows. They are moved to
quarantine (`catalog.media.quarantine`), never deleted directly. Rows without a file are lost pictures, which nothing
can recreate, so they are counted and named.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from catalog.media import high_water, quarantine
from catalog.models import MediaState, ProductImage
from catalog.models.image import FOLDER
from catalog.signals import files_returned

logger = logging.getLogger(__name__)

# An upload writes its file first and its row within the same request.
GRACE = timedelta(hours=1)
# Killed imports leave behind a chunk or two each.
MOST_AT_ONCE = 2000
DUE = timedelta(hours=24)
SHARDS = [f"{number:02x}" for number in range(256)]
NAMED = 1000  # lost files recorded by name
Advance = Callable[[int], None]


class SuspiciousSweep(Exception):
    """Too many files to quarantine without confirmation."""


@dataclass
class Comparison:
    """Attributes:
    pictures: number of rows.
    rowless: files without a row, older than the grace period.
    lost: number of rows without a file.
    lost_names: the first `NAMED` missing files.
    """

    pictures: int = 0
    rowless: list[str] = field(default_factory=list)
    lost: int = 0
    lost_names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Swept:
    """The result of a sweep: files returned, quarantined, and deleted after their time in quarantine."""

    returned: int
    set_aside: int
    deleted: int
    found: Comparison


def compare(*, older_than: timedelta = GRACE, advance: Advance = lambda _: None) -> Comparison:
    """List and query each folder below `products/`: at most 256, with 4,000 files each at a million pictures.

    Args:
        older_than: younger files may belong to an upload whose row is not written yet.
        advance: called with 1 after each folder: `SHARDS` and any others.
    """
    before = timezone.now() - older_than
    result = Comparison(pictures=ProductImage.objects.count())
    for shard in _shards():
        names = _listed(shard)
        known = set(ProductImage.objects.filter(file__startswith=f"{FOLDER}/{shard}/").values_list("file", flat=True))
        for name in sorted(names - known):
            try:
                if default_storage.get_modified_time(name) < before:
                    result.rowless.append(name)
            except FileNotFoundError:  # deleted in the meantime
                continue
        if missing := known - names:
            _count_lost(result, missing, shard)
        advance(1)
    return result


def _count_lost(result: Comparison, missing: set[str], shard: str) -> None:
    """Check again: uploads and deletes may happen between the listing and the query."""
    still = ProductImage.objects.filter(file__startswith=f"{FOLDER}/{shard}/").values_list("file", flat=True)
    missing = missing.intersection(still) - _listed(shard)
    result.lost += len(missing)
    result.lost_names += sorted(missing)[: NAMED - len(result.lost_names)]


def _shards() -> list[str]:
    try:
        there, _ = default_storage.listdir(FOLDER)
    except FileNotFoundError:
        there = []
    return sorted({*SHARDS, *there})


def _listed(shard: str) -> set[str]:
    try:
        return {f"{FOLDER}/{shard}/{name}" for name in default_storage.listdir(f"{FOLDER}/{shard}")[1]}
    except FileNotFoundError:
        return set()


def rowless_files(*, older_than: timedelta = GRACE) -> Iterator[str]:
    """Files below `products/` without a row and older than `older_than`."""
    yield from compare(older_than=older_than).rowless


def sweep(*, older_than: timedelta = GRACE, confirmed: bool = False, advance: Advance = lambda _: None) -> Swept:
    """Return files that pictures name again, record lost ones, quarantine files without a row, and delete those whose
    time in quarantine is over.

    Args:
        confirmed: a person confirmed that this is the right database.

    Raises:
        RowsWentBackwards: the database lacks rows that the storage recorded. Nothing was quarantined or deleted.
        SuspiciousSweep: too many files have no row. Nothing was quarantined or deleted.
        OSError: the storage does not answer.
    """
    if confirmed:
        high_water.confirm()
    returned = bring_back()
    found = check(older_than=older_than, advance=advance)
    high_water.keep(wait=True)
    if len(found.rowless) > max(MOST_AT_ONCE, found.pictures // 10) and not confirmed:
        raise SuspiciousSweep(_suspicion(len(found.rowless), found.pictures))
    set_aside = sum(quarantine.set_aside(name) for name in found.rowless)
    deleted = quarantine.expire()
    MediaState.objects.filter(pk=1).update(rowless=0, quarantined=quarantine.count())
    return Swept(len(returned), set_aside, deleted, found)


def check(*, older_than: timedelta = GRACE, advance: Advance = lambda _: None) -> Comparison:
    """Compare, and record lost files for `/readyz` and the admin. Moves nothing."""
    found = compare(older_than=older_than, advance=advance)
    _note(found)
    return found


def bring_back(advance: Advance = lambda _: None) -> list[str]:
    """Return files from quarantine that pictures name again, and return their names.

    Args:
        advance: called with the number of files checked.
    """
    returned = quarantine.bring_back_named(advance)
    if returned:
        files_returned.send(ProductImage, names=returned)
    return returned


def _suspicion(rowless: int, pictures: int) -> str:
    return (
        f"{rowless:,} files below {FOLDER}/ have no row, and only {pictures:,} have one. Nothing was quarantined. "
        "Check that this is the right database for this media storage, and complete. If it is, run "
        "`manage.py media sweep --confirm`."
    )


def _note(found: Comparison) -> None:
    state = MediaState.current()
    back = {name for name in set(state.lost_names).difference(found.lost_names) if default_storage.exists(name)}
    state.checked_at = timezone.now()
    state.pictures, state.lost, state.lost_names = found.pictures, found.lost, found.lost_names
    state.rowless = len(found.rowless)  # until they are quarantined
    state.save(update_fields=["checked_at", "pictures", "lost", "lost_names", "rowless"])
    if back:
        files_returned.send(ProductImage, names=sorted(back))


def is_due() -> bool:
    """Whether the last check is a day old."""
    checked = MediaState.current().checked_at
    return checked is None or timezone.now() - checked >= DUE


def problems() -> list[str]:
    """Problems that the last file check found, for operators; one or two sentences each."""
    state = MediaState.objects.first()
    if state is None:
        return []
    found = []
    if state.refused:
        found.append(state.refused)
    elif state.rowless:
        found.append(_suspicion(state.rowless, state.pictures))
    if state.lost:
        found.append(
            f"{state.lost:,} of {state.pictures:,} pictures have lost their file. Restore the media storage from a "
            "backup, then run `manage.py media check`, which lists them. Upload again what cannot be restored."
        )
    return found


def lost_pictures(limit: int) -> list[ProductImage]:
    """Up to `limit` pictures that had no file at the last check, with `product` fetched."""
    state = MediaState.objects.first()
    if state is None or not state.lost:
        return []
    images = ProductImage.objects.filter(file__in=state.lost_names[: 4 * limit])
    return list(images.select_related("product").order_by("pk")[:limit])


def discard_rowless(names: Iterable[str]) -> None:
    """Quarantine those of these files whose rows were never committed. The sweep handles what cannot be moved now.

    It asks the database, because after a connection breaks during a commit the row may exist nevertheless. Such a
    commit may even still be running, so nothing is deleted: if the row appears, the file returns.
    """
    names = list(names)
    try:
        known = set(ProductImage.objects.filter(file__in=names).values_list("file", flat=True))
    except (DatabaseError, InterfaceError, transaction.TransactionManagementError) as error:
        logger.warning("%d files that may have no row are left to the sweep: %s", len(names), error)
        return
    quarantine.set_aside_quietly(name for name in names if name not in known)
