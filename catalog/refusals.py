"""Logs one line for each refused picture, wherever it came from: enough to find the file and the reason, and nothing
that identifies the sender."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator

from django.core.files.uploadedfile import UploadedFile

from ml.pictures.codec import ImageRejected, format_of, size_of

logger = logging.getLogger(__name__)

#: Where pictures come from, as the log names it.
API_UPLOAD, API_SEARCH = "API upload", "API photo search"
ADMIN, IMPORT, PAGE, COMMAND = "admin upload", "import", "photo search page", "search_image"
UPLOAD, SEARCH = "upload", "photo search"  # if a caller does not say


@contextlib.contextmanager
def logged(door: str, data: bytes) -> Iterator[None]:
    """Log a refusal of `data` raised inside, and raise it again."""
    try:
        yield
    except ImageRejected as rejected:
        log(rejected, door, head=data, digest=hashlib.sha256(data).hexdigest(), length=len(data))
        raise


def log_upload(rejected: ImageRejected, door: str, upload: UploadedFile) -> None:
    """Log a refused file that is too large to read into memory."""
    digest, length, head = hashlib.sha256(), 0, b""
    for chunk in upload.chunks():
        head = head or bytes(chunk)
        digest.update(chunk)
        length += len(chunk)
    log(rejected, door, head=head, digest=digest.hexdigest(), length=length)


def log(rejected: ImageRejected, door: str, *, head: bytes, digest: str, length: int) -> None:
    """`head`: the file, or the available part of its beginning."""
    size = size_of(head)
    logger.info(
        "Picture refused (%s): code=%s sha256=%s format=%s bytes=%d pixels=%s: %s",
        door,
        rejected.code,
        digest,
        format_of(head),
        length,
        f"{size[0]}x{size[1]}" if size else "unknown",
        _on_one_line(rejected.logged),
    )


def _on_one_line(text: str) -> str:
    """Keep a message on one line: decoders quote files, and a file must not forge log lines."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:300]
