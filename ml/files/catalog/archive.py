"""A folder or a zip file, read in the same way. Neither its names nor its sizes are trusted."""

from __future__ import annotations

import io
import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Protocol

from ml.files.catalog.errors import CatalogFileError, RowRejected
from ml.files.hidden import is_hidden

#: A table of more than `_SMALL` bytes that packs better than this is a bomb: catalogs pack 5 to 30 to 1.
_MOST_RATIO, _SMALL = 100, 32 * 2**20
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, NotImplementedError,
)  # fmt: skip
_DRIVE = re.compile(r"[A-Za-z]:/")


class Archive(Protocol):
    path: Path

    @property
    def names(self) -> list[str]:
        """Its files as relative POSIX paths, sorted; without hidden files and those that systems add."""
        ...

    @property
    def left_out(self) -> list[str]:
        """Names of entries that are never read, because they lead out of the archive or are links."""
        ...

    @property
    def repeated(self) -> list[str]:
        """Names that several entries have. Only the last of these entries is read."""
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

    def open(self, name: str) -> IO[bytes]:
        """One file as a stream, whose reading may also raise RowRejected.

        Raises:
            RowRejected: missing, unreadable or outside the archive.
        """
        ...

    def check_size(self, name: str, max_bytes: int) -> None:
        """
        Raises:
            RowRejected: the file is larger than `max_bytes`, or unpacks to many times its size.
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
    repeated: list[str] = []

    def __init__(self, path: Path, *, follow_links: bool = False) -> None:
        self.path = path
        self._root = path.resolve()
        self._follow_links = follow_links

    @cached_property
    def names(self) -> list[str]:
        return _visible(self._files)

    @property
    def _files(self) -> dict[str, str]:
        """Name to path. They differ where a zip from Windows was unpacked into names with backslashes."""
        return self._walked[0]

    @property
    def left_out(self) -> list[str]:
        return self._walked[1]

    @cached_property
    def _walked(self) -> tuple[dict[str, str], list[str]]:
        """Files, and links to folders, which are not followed."""
        files: dict[str, str] = {}
        links: list[str] = []
        for path in self.path.rglob("*"):
            name = path.relative_to(self.path).as_posix()
            if path.is_file():
                files[_plain(name)] = name
            elif path.is_symlink() and path.is_dir():
                links.append(name)
        return files, _visible(links)

    def read(self, name: str, max_bytes: int) -> bytes:
        with self.open(name) as stream:
            data = stream.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise RowRejected("too_many_bytes", f"{name} is larger than {max_bytes / 2**20:g} MB")
        return data

    def start(self, name: str, size: int) -> bytes:
        with self.open(name) as stream:
            return stream.read(size)

    def open(self, name: str) -> IO[bytes]:
        try:
            file = self._found(name)
            if not file.exists():
                raise RowRejected("missing_file", f"{name} is not in {self.path}")
            if not file.is_file():  # opening a named pipe would wait for its writer
                raise RowRejected("missing_file", f"{name} is not a file")
            return _checked(file.open("rb"), f"{name} cannot be read")
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a link to itself, before Python 3.13
            reason = error.strerror if isinstance(error, OSError) else error
            raise RowRejected("missing_file", f"{name} cannot be read: {reason}") from error

    def _found(self, name: str) -> Path:
        file = (self._root / name).resolve()
        if not file.is_relative_to(self._root) and not (self._follow_links and _harmless(name)):
            raise RowRejected("outside", f"{name} is outside the folder")
        return file if file.exists() else self._root / self._files.get(name, name)

    def check_size(self, name: str, max_bytes: int) -> None:
        try:
            size = self._found(name).stat().st_size
        except (OSError, ValueError, RuntimeError):
            return  # opening it reports why
        if size > max_bytes:
            raise RowRejected("too_many_bytes", f"{name} is larger than {max_bytes / 2**20:g} MB")

    def stamp(self, name: str) -> str:
        status = (self.path / self._files.get(name, name)).stat()
        return f"{status.st_size}-{status.st_mtime_ns}"


class ZipArchive:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip = zipfile.ZipFile(path)  # stays open while its files are read
        self._members: dict[str, zipfile.ZipInfo] = {}
        self.left_out: list[str] = []
        self.repeated: list[str] = []
        for member in self._zip.infolist():
            name = _plain(_name_of(member))
            if not _harmless(name) or stat.S_ISLNK(member.external_attr >> 16):
                self.left_out.append(name)
            elif not member.is_dir() and not name.endswith("/"):
                if name in self._members and name not in self.repeated and not is_hidden(name):
                    self.repeated.append(name)
                self._members[name] = member

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
        # The zip's directory may state a false size, so only `size` limits what is read.
        with self.open(name) as stream:
            return stream.read(size)

    def open(self, name: str) -> IO[bytes]:
        if not _harmless(name):
            raise RowRejected("outside", f"{name} is outside the zip")
        member = self._members.get(name)
        if member is None:
            raise RowRejected("missing_file", f"{name} is not in {self.path}")
        try:
            return _checked(self._zip.open(member), f"{name} cannot be read from the zip", "corrupt")
        except _DAMAGED as error:
            raise RowRejected("corrupt", f"{name} cannot be read from the zip: {error}") from error

    def check_size(self, name: str, max_bytes: int) -> None:
        member = self._members.get(name)
        if member is None:
            return
        if member.file_size > max_bytes:
            raise RowRejected("too_many_bytes", f"{name} unpacks to more than {max_bytes / 2**20:g} MB")
        if member.file_size > _SMALL and member.file_size > _MOST_RATIO * member.compress_size:
            ratio = member.file_size / max(member.compress_size, 1)
            size = f"{member.file_size / 2**20:,.0f} MB, {ratio:,.0f} times its size in the zip"
            raise RowRejected("too_many_bytes", f"{name} unpacks to {size}, which no catalog does")

    def stamp(self, name: str) -> str:
        member = self._members[name]
        return f"{member.file_size}-{member.CRC:08x}"


class _Checked(io.RawIOBase):
    """A stream whose damage is a RowRejected."""

    def __init__(self, stream: IO[bytes], problem: str, code: str) -> None:
        self.stream, self.problem, self.code = stream, problem, code

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self.stream.read(len(buffer))
        except _DAMAGED as error:
            raise RowRejected(self.code, f"{self.problem}: {error}") from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.stream.close()
        super().close()


def _checked(stream: IO[bytes], problem: str, code: str = "missing_file") -> BinaryIO:
    return io.BufferedReader(_Checked(stream, problem, code), 2**16)


def _name_of(member: zipfile.ZipInfo) -> str:
    """Without the mark for UTF-8, zipfile reads a name as code page 437. Many programs write UTF-8 all the same."""
    if not member.flag_bits & 0x800:
        try:
            return member.filename.encode("cp437").decode("utf-8")
        except UnicodeError:
            pass
    return member.filename


def _plain(name: str) -> str:
    r"""`Dress/1.jpg` for `.\Dress\1.jpg`, as programs on Windows write it."""
    name = name.replace("\\", "/")
    return name if name.startswith("/") or "/" not in name else re.sub(r"(^|/)(\./|/)+", r"\1", name)


def _visible(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not is_hidden(name))


def _harmless(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and not _DRIVE.match(name)
