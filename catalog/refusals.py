"""One line in the log for each picture that the shop refuses, at whatever door: enough to find the file again and to
see why it was refused, and nothing that identifies who sent it."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator

from django.core.files.uploadedfile import UploadedFile

from ml.pictures.codec import ImageRejected, format_of, size_of

logger = logging.getLogger(__name__)

#: The doors, as the log names them.
API_UPLOAD, API_SEARCH = "API upload", "API photo search"
ADMIN, IMPORT, PAGE, COMMAND = "admin upload", "import", "photo search page", "search_image"
UPLOAD, SEARCH = "upload", "photo search"  # where a caller does not say


@contextlib.contextmanager
def logged(door: str, data: bytes) -> Iterator[None]:
    """Log the refusal of `data` inside, and let it pass."""
    try:
        yield
    except ImageRejected as rejected:
        log(rejected, door, head=data, digest=hashlib.sha256(data).hexdigest(), length=len(data))
        raise


def log_upload(rejected: ImageRejected, door: str, upload: UploadedFile) -> None:
    """The same for a file that is too large to be read into memory."""
    digest, length, head = hashlib.sha256(), 0, b""
    for chunk in upload.chunks():
        head = head or bytes(chunk)
        digest.update(chunk)
        length += len(chunk)
    log(rejected, door, head=head, digest=digest.hexdigest(), length=length)


def log(rejected: ImageRejected, door: str, *, head: bytes, digest: str, length: int) -> None:
    """`head`: the file, or as much of its beginning as there is at hand."""
    size = size_of(head)
    logger.info(
        "Picture refused (%s): code=%s sha256=%s format=%s bytes=%d pixels=%s: %s",
        door,
        rejected.code,
        digest,
        format_of(head),
        length,
        f"{size[0]}x{size[1]}" if size else "unknown",
        _on_one_line(rejected.message),
    )


def _on_one_line(text: str) -> str:
    """A decoder quotes from files, and a file must not write lines of its own into the log."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:300]
