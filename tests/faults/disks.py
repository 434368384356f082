"""Disks small enough to fill."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a separate disk of `size` ("1m") on `folder` within the block."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if mounted.returncode:
        pytest.fail(
            f"This test fills a small disk and may not mount one: {mounted.stderr.strip()} "
            "Run the tests as root (in a container: with --cap-add SYS_ADMIN), or leave it out: "
            "make test ARGS=\"-m 'not mounts'\"."
        )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path, *, leave: int = 0) -> Path:
    """A file that fills the disk except for `left` bytes; delete it to free the space."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(2**16))
        except OSError:
            pass
        stream.truncate(max(0, stream.tell() - leave))
    return ballast
