"""Files that are whole or absent, and their digests."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Write a file so that readers see all of it or what was there before.

    Yields a path in a new folder next to `path`, with the same name. When the block ends, the file written there takes
    the place of `path`; if the block raises, `path` stays as it was.

    Args:
        durable: flush the file to disk first, so that after a power cut the name never stands for a part of it.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".draft-") as folder:
        draft = Path(folder) / path.name
        yield draft
        if durable:
            with draft.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(draft, path)


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
