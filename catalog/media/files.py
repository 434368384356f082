"""The files of the media storage against the rows of pictures: what either has that the other lacks.

Files without a row are what killed uploads and imports leave behind, or a database that lost rows. They are set aside
(`catalog.media.quarantine`), never deleted for lack of a row. Rows without a file are pictures that were lost: nothing
can make those again, so they are counted and named.
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
# What killed imports leave behind in a day is a chunk or two each.
MOST_AT_ONCE = 2000
DUE = timedelta(hours=24)
SHARDS = [f"{number:02x}" for number in range(256)]
NAMED = 1000  # lost files that are kept by name
Advance = Callable[[int], None]


class SuspiciousSweep(Exception):
    """Too many files to set aside without a person's word."""


@dataclass
class Comparison:
    """Attributes:
    pictures: rows.
    rowless: files without one, untouched for the grace.
    lost: how many rows have no file.
    lost_names: the first `NAMED` of the files that they name.
    """

    pictures: int = 0
    rowless: list[str] = field(default_factory=list)
    lost: int = 0
    lost_names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Swept:
    """What a sweep did: files that are there again, set aside, and deleted after their time in quarantine."""

    returned: int
    set_aside: int
    deleted: int
    found: Comparison


def compare(*, older_than: timedelta = GRACE, advance: Advance = lambda _: None) -> Comparison:
    """A listing and a query for each of the folders below `products/`: 256 at most, 4,000 files each at a million.

    Args:
        older_than: younger files may belong to an upload whose row is on its way.
        advance: called with 1 after each folder, `SHARDS` and any others.
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
    """Looked at once more: uploads and deletes go on between a listing and a query."""
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
    """Names below `products/` without a row, untouched for `older_than`."""
    yield from compare(older_than=older_than).rowless


def sweep(*, older_than: timedelta = GRACE, confirmed: bool = False, advance: Advance = lambda _: None) -> Swept:
    """Bring back what pictures name again, note what is lost, set rowless files aside, and delete what has been in
    quarantine for long enough.

    Args:
        confirmed: a person said that this database is the right one.

    Raises:
        RowsWentBackwards: the database lacks rows that the storage remembers. Nothing was set aside or deleted.
        SuspiciousSweep: the same, because there are too many.
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
    """Compare, and note for `/readyz` and the admin what is lost. Moves nothing."""
    found = compare(older_than=older_than, advance=advance)
    _note(found)
    return found


def bring_back(advance: Advance = lambda _: None) -> list[str]:
    """Put back from quarantine what pictures name again; the names.

    Args:
        advance: called with the number of files looked at.
    """
    returned = quarantine.bring_back_named(advance)
    if returned:
        files_returned.send(ProductImage, names=returned)
    return returned


def _suspicion(rowless: int, pictures: int) -> str:
    return (
        f"{rowless:,} files below {FOLDER}/ have no row, and only {pictures:,} have one. Nothing was set aside: is "
        "this the right database for this media storage, and is it complete? If it is, run "
        "`manage.py media sweep --confirm`."
    )


def _note(found: Comparison) -> None:
    state = MediaState.current()
    back = {name for name in set(state.lost_names).difference(found.lost_names) if default_storage.exists(name)}
    state.checked_at = timezone.now()
    state.pictures, state.lost, state.lost_names = found.pictures, found.lost, found.lost_names
    state.rowless = len(found.rowless)  # until they are set aside
    state.save(update_fields=["checked_at", "pictures", "lost", "lost_names", "rowless"])
    if back:
        files_returned.send(ProductImage, names=sorted(back))


def is_due() -> bool:
    """Whether the last check is a day old."""
    checked = MediaState.current().checked_at
    return checked is None or timezone.now() - checked >= DUE


def problems() -> list[str]:
    """What an operator has to know of the files, as the last check found it; a sentence or two each."""
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
            "backup, then run `manage.py media check`, which also names them; what cannot be restored has to be "
            "uploaded again."
        )
    return found


def lost_pictures(limit: int) -> list[ProductImage]:
    """Some of those that had no file when they were last looked for, with `product` at hand."""
    state = MediaState.objects.first()
    if state is None or not state.lost:
        return []
    images = ProductImage.objects.filter(file__in=state.lost_names[: 4 * limit])
    return list(images.select_related("product").defer("product__search").order_by("pk")[:limit])


def discard_rowless(names: Iterable[str]) -> None:
    """Set those of these files aside whose rows never came to be. What cannot be moved now is left to the sweep.

    The database is asked: where a connection broke in the middle of a commit, the row may be there all the same. Even
    then such a commit may still be under way, so nothing is deleted: if the row appears, the file comes back.
    """
    names = list(names)
    try:
        known = set(ProductImage.objects.filter(file__in=names).values_list("file", flat=True))
    except (DatabaseError, InterfaceError, transaction.TransactionManagementError) as error:
        logger.warning("%d files without a row, perhaps, are left to the sweep: %s", len(names), error)
        return
    quarantine.set_aside_quietly(name for name in names if name not in known)
