"""A folder or a zip, read the same way and without trusting the names or sizes in it."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Protocol

from catalog.importing.errors import ImportFailed, RowRejected

TABLE_MAX_BYTES = 512 * 2**20


class Archive(Protocol):
    path: Path

    def names(self) -> list[str]:
        """Files in it, as relative POSIX paths, sorted."""
        ...

    def read(self, name: str, max_bytes: int) -> bytes:
        """One file's bytes.

        Raises:
            RowRejected: missing, unreadable, outside the archive or above `max_bytes`.
        """
        ...


def open_archive(path: Path) -> Archive:
    """
    Raises:
        ImportFailed: neither a folder nor a readable zip.
    """
    if path.is_dir():
        return FolderArchive(path)
    if not path.exists():
        raise ImportFailed(f"{path} does not exist. Name a folder or a .zip file.")
    try:
        return ZipArchive(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise ImportFailed(f"{path} is neither a folder nor a readable zip file: {error}") from error


class FolderArchive:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = path.resolve()

    def names(self) -> list[str]:
        return sorted(file.relative_to(self.path).as_posix() for file in self.path.rglob("*") if file.is_file())

    def read(self, name: str, max_bytes: int) -> bytes:
        try:
            file = (self._root / name).resolve()
            if not file.is_relative_to(self._root):
                raise RowRejected("outside", f"{name} leads out of the folder")
            with file.open("rb") as stream:
                data = stream.read(max_bytes + 1)
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a link to itself, before Python 3.13
            raise RowRejected("missing_file", f"{name} cannot be read: {error}") from error
        if len(data) > max_bytes:
            raise RowRejected("too_many_bytes", f"{name} is larger than {max_bytes / 2**20:g} MB")
        return data


class ZipArchive:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip = zipfile.ZipFile(path)
        self._members = {
            member.filename: member
            for member in self._zip.infolist()
            if not member.is_dir() and _harmless(member.filename)
        }

    def names(self) -> list[str]:
        return sorted(self._members)

    def read(self, name: str, max_bytes: int) -> bytes:
        if not _harmless(name):
            raise RowRejected("outside", f"{name} leads out of the zip")
        member = self._members.get(name)
        if member is None:
            raise RowRejected("missing_file", f"{name} is not in the zip")
        try:
            # The size that a zip states may be false: read no more than we would take.
            with self._zip.open(member) as stream:
                data = stream.read(max_bytes + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            RuntimeError,
            NotImplementedError,
        ) as error:
            raise RowRejected("corrupt", f"{name} cannot be read from the zip: {error}") from error
        if len(data) > max_bytes:
            raise RowRejected("too_many_bytes", f"{name} unpacks to more than {max_bytes / 2**20:g} MB")
        return data


def _harmless(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name
