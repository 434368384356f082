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
            if default_storage.get_modified_time(name) < before:
                yield name


def remove_rowless_files(*, older_than: timedelta = GRACE) -> int:
    """Delete them; how many there were."""
    count = 0
    for name in rowless_files(older_than=older_than):
        default_storage.delete(name)
        count += 1
    return count
