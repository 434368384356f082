"""A folder or a zip file, read in the same way. Neither its names nor its sizes are trusted."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from ml.files.catalog.errors import CatalogFileError, RowRejected
from ml.files.pictures import is_hidden


class Archive(Protocol):
    path: Path

    @property
    def names(self) -> list[str]:
        """Its files as relative POSIX paths, sorted; without hidden files and those that systems add."""
        ...

    def read(self, name: str, max_bytes: int) -> bytes:
        """The bytes of one file.

        Raises:
            RowRejected: missing, unreadable, outside the archive or larger than `max_bytes`.
        """
        ...

    def start(self, name: str, size: int) -> bytes:
        """At most the first `size` bytes of one file.

        Raises:
            RowRejected: missing, unreadable or outside the archive.
        """
        ...

    def stamp(self, name: str) -> str:
        """A text that changes when the file changes.

        Raises:
            OSError: the file is no longer there.
        """
        ...


def open_archive(path: Path, *, follow_links: bool = False) -> Archive:
    """
    Args:
        follow_links: whether links in a folder may point outside it.

    Raises:
        CatalogFileError: neither a folder nor a readable zip file.
    """
    if path.is_dir():
        return FolderArchive(path, follow_links=follow_links)
    if not path.exists():
        raise CatalogFileError(f"{path} does not exist. Name a folder, a table or a .zip file.")
    try:
        return ZipArchive(path)
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise CatalogFileError(f"{path} is neither a folder nor a readable zip file: {error}") from error


class FolderArchive:
    def __init__(self, path: Path, *, follow_links: bool = False) -> None:
        self.path = path
        self._root = path.resolve()
        self._follow_links = follow_links

    @cached_property
    def names(self) -> list[str]:
        files = (file for file in self.path.rglob("*") if file.is_file())
        return _visible(file.relative_to(self.path).as_posix() for file in files)

    def read(self, name: str, max_bytes: int) -> bytes:
        data = self.start(name, max_bytes + 1)
        if len(data) > max_bytes:
            raise RowRejected("too_many_bytes", f"{name} is larger than {max_bytes / 2**20:g} MB")
        return data

    def start(self, name: str, size: int) -> bytes:
        try:
            file = (self._root / name).resolve()
            if not file.is_relative_to(self._root) and not (self._follow_links and _harmless(name)):
                raise RowRejected("outside", f"{name} is outside the folder")
            if file.exists() and not file.is_file():  # opening a named pipe would wait for its writer
                raise RowRejected("missing_file", f"{name} is not a file")
            with file.open("rb") as stream:
                return stream.read(size)
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a link to itself, before Python 3.13
            raise RowRejected("missing_file", f"{name} cannot be read: {error}") from error

    def stamp(self, name: str) -> str:
        status = (self.path / name).stat()
        return f"{status.st_size}-{status.st_mtime_ns}"


class ZipArchive:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip = zipfile.ZipFile(path)  # stays open while its files are read
        self._members = {
            member.filename: member
            for member in self._zip.infolist()
            if not member.is_dir() and _harmless(member.filename)
        }

    @cached_property
    def names(self) -> list[str]:
        return _visible(self._members)

    def read(self, name: str, max_bytes: int) -> bytes:
        member = self._members.get(name)
        # zipfile unpacks at most the stated size, so what states too much is not unpacked at all.
        if (member and member.file_size > max_bytes) or len(data := self.start(name, max_bytes + 1)) > max_bytes:
            raise RowRejected("too_many_bytes", f"{name} unpacks to more than {max_bytes / 2**20:g} MB")
        return data

    def start(self, name: str, size: int) -> bytes:
        if not _harmless(name):
            raise RowRejected("outside", f"{name} is outside the zip")
        member = self._members.get(name)
        if member is None:
            raise RowRejected("missing_file", f"{name} is not in the zip")
        try:
            # The zip's directory may state a false size, so only `size` limits what is read.
            with self._zip.open(member) as stream:
                return stream.read(size)
        except (
            zipfile.BadZipFile,
            zlib.error,
            lzma.LZMAError,
            OSError,
            EOFError,
            RuntimeError,
            NotImplementedError,
        ) as error:
            raise RowRejected("corrupt", f"{name} cannot be read from the zip: {error}") from error

    def stamp(self, name: str) -> str:
        member = self._members[name]
        return f"{member.file_size}-{member.CRC:08x}"


def _visible(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not is_hidden(name))


def _harmless(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name
