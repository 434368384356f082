"""Files in the media storage that no row knows: what a killed upload or import leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.core.files.storage import default_storage
from django.utils import timezone

from catalog.models import ProductImage
from catalog.models.image import FOLDER

# An upload writes its file first and its row within the same request.
GRACE = timedelta(hours=1)
# What killed imports leave behind in a day is a chunk or two each.
MOST_AT_ONCE = 2000


class SuspiciousSweep(Exception):
    """Too many files to remove without a person's word."""


def rowless_files(*, older_than: timedelta = GRACE) -> Iterator[str]:
    """Names below `products/` without a row, untouched for `older_than`."""
    before = timezone.now() - older_than
    try:
        shards, _ = default_storage.listdir(FOLDER)
    except FileNotFoundError:
        return
    for shard in shards:
        names = {f"{FOLDER}/{shard}/{name}" for name in default_storage.listdir(f"{FOLDER}/{shard}")[1]}
        known = ProductImage.objects.filter(file__startswith=f"{FOLDER}/{shard}/").values_list("file", flat=True)
        for name in sorted(names.difference(known)):
            try:
                if default_storage.get_modified_time(name) < before:
                    yield name
            except FileNotFoundError:  # deleted meanwhile
                continue


def remove_rowless_files(*, older_than: timedelta = GRACE) -> int:
    """Delete them; how many there were.

    Raises:
        SuspiciousSweep: there are so many that the database, not the storage, is likely to be the wrong one.
    """
    lost = list(rowless_files(older_than=older_than))
    known = ProductImage.objects.count()
    if len(lost) > max(MOST_AT_ONCE, known // 10):
        raise SuspiciousSweep(
            f"{len(lost):,} files below {FOLDER}/ have no row, and only {known:,} have one. Nothing was removed: "
            "is this the right database for this media storage, and is it complete?"
        )
    for name in lost:
        default_storage.delete(name)
    return len(lost)
