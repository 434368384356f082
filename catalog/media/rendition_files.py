"""The files of renditions: deleted with their picture, found missing, and swept.

They are never quarantined and never counted as lost: they can be made again.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models.signals import post_delete
from django.utils import timezone

from catalog.models import ProductImage
from catalog.models.image import FOLDER, RENDITIONS, rendition_name
from ml.pictures.renditions import FORMATS, widths_of

logger = logging.getLogger(__name__)

PATTERN = re.compile(rf"{RENDITIONS}/([0-9a-f]{{2}}/[0-9a-f]{{32}})-[0-9]{{1,4}}\.({'|'.join(FORMATS)})")
SHARDS = [f"{number:02x}" for number in range(256)]
# A worker writes the files first and then the row.
GRACE = timedelta(hours=1)


@dataclass
class Swept:
    """Attributes:
    deleted: files that no picture names.
    missing: pictures that named a missing file; their renditions are made again.
    """

    deleted: int = 0
    missing: int = 0


def connect() -> None:
    post_delete.connect(_on_delete, sender=ProductImage, dispatch_uid="catalog.media.rendition_files")


def _on_delete(instance: ProductImage, **_: object) -> None:
    """After the commit, as for the file itself: nothing of a deleted picture stays public."""
    name, widths = instance.file.name, instance.rendition_widths or widths_of(instance.width)
    if name and widths:
        transaction.on_commit(lambda: discard(name, widths), robust=True)


def discard(name: str, widths: Iterable[int]) -> None:
    """Delete the renditions of the picture file `name`; the sweep deletes those that cannot be deleted now."""
    for rendition in _names(name, widths):
        try:
            default_storage.delete(rendition)
        except OSError as error:
            logger.warning("%s could not be deleted and is left to the daily sweep: %s", rendition, error)


def original_of(name: str) -> str | None:
    """The file that the page shows instead of the missing rendition `name`, which is then made again; None if no
    picture has it.

    A restored shop has rows that name renditions, and no files of them.
    """
    matched = PATTERN.fullmatch(name)
    if matched is None:
        return None
    picture = ProductImage.objects.filter(file__startswith=f"{FOLDER}/{matched[1]}.").first()
    if picture is None or not default_storage.exists(str(picture.file)):
        return None
    if picture.rendition_widths:
        _forget([picture.pk])
    return str(picture.file)


def sweep(*, older_than: timedelta = GRACE, advance: Callable[[int], None] = lambda _: None) -> Swept:
    """Delete files that no picture names, and let missing ones be made again.

    Args:
        older_than: younger files may be of a picture in progress.
        advance: called with 1 after each of `SHARDS`.

    Raises:
        OSError: the storage does not answer.
    """
    before, swept = timezone.now() - older_than, Swept()
    for shard in SHARDS:
        _sweep(shard, before, swept)
        advance(1)
    if swept.deleted or swept.missing:
        logger.info("Renditions: deleted %d files; %d pictures lack some.", swept.deleted, swept.missing)
    return swept


def _sweep(shard: str, before: datetime, swept: Swept) -> None:
    folder = f"{RENDITIONS}/{shard}"
    try:
        drafts, names = default_storage.listdir(folder)
    except FileNotFoundError:
        drafts, names = [], []
    listed = {f"{folder}/{name}" for name in names}
    named: set[str] = set()
    missing = []
    rows = ProductImage.objects.filter(file__startswith=f"{FOLDER}/{shard}/").exclude(rendition_widths=[])
    for pk, name, widths in rows.values_list("pk", "file", "rendition_widths"):
        renditions = _names(name, widths)
        named.update(renditions)
        absent = next((each for each in renditions if each not in listed), None)
        if absent and not default_storage.exists(absent):  # nor written since the listing
            missing.append(pk)
    swept.missing += _forget(missing)
    for name in listed - named:
        try:
            if default_storage.get_modified_time(name) < before:
                default_storage.delete(name)
                swept.deleted += 1
        except FileNotFoundError:
            continue
    for draft in drafts:
        _remove_draft(f"{folder}/{draft}", before)


def _forget(pks: list[int]) -> int:
    """Pages show the pictures' own files from now on, until their renditions are made again."""
    rows = ProductImage.objects.filter(pk__in=pks)
    return rows.update(rendition_widths=[], rendition_source="", rendition_attempts=0)


def _names(name: str, widths: Iterable[int]) -> list[str]:
    return [rendition_name(name, width, extension) for width in widths for extension in FORMATS]


def _remove_draft(name: str, before: datetime) -> None:
    """A folder that a killed process left in a file system; buckets have none."""
    try:
        path = Path(default_storage.path(name))
    except NotImplementedError:
        return
    if path.name.startswith(".draft-") and default_storage.get_modified_time(name) < before:
        shutil.rmtree(path, ignore_errors=True)
