"""Writes files that may exist already, which Django's storages would rename."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from common.files import replacing


def write(name: str, data: bytes) -> None:
    """Write or replace a file so that readers see all of it or what was there before.

    Raises:
        OSError: the storage is full or unavailable.
    """
    try:
        path = Path(default_storage.path(name))
    except NotImplementedError:
        default_storage.save(name, ContentFile(data))  # a bucket replaces the object
        return
    with replacing(path) as draft:
        draft.write_bytes(data)
        draft.chmod(settings.FILE_UPLOAD_PERMISSIONS)
