"""Pictures named on a command line: files, folders, and zip files of pictures, one at a time."""

import hashlib
import lzma
import os
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path

import numpy as np

from ml.files.hidden import is_hidden
from ml.pictures.codec import MAX_BYTES, ImageRejected, InputSpec, to_input

#: What a JPEG may be called. Browsers on Windows save .jfif.
JPEG_EXTENSIONS = (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp")
EXTENSIONS = (*JPEG_EXTENSIONS, ".png", ".apng", ".webp", ".gif", ".avif")
#: Of pictures that are not decoded. Whoever offers one should learn why.
OTHER_EXTENSIONS = (".heic", ".heif", ".hif", ".tif", ".tiff", ".bmp", ".jxl", ".jp2", ".psd")
_BATCHES_AHEAD = 2


@dataclass(frozen=True)
class Source:
    """A picture not yet read; `read` raises OSError or ImageRejected.

    Attributes:
        name: the path of the file, or of the zip file followed by the path inside it; `named` finds it again.
        stamp: changes when the picture is replaced; "" if unknown.
    """

    name: str
    read: Callable[[], bytes]
    stamp: str = ""


@dataclass(frozen=True)
class Read:
    """A picture that was read, or why it could not be.

    Attributes:
        pixels: the model's input, uint8 [S, S, 3]; None when the picture is no use.
        digest: sha256 of the file, hex; "" when it could not be read.
        code, message: of `ImageRejected`, or "unreadable" and the error of the system; "" for a good picture.
    """

    source: Source
    pixels: np.ndarray | None
    digest: str = ""
    code: str = ""
    message: str = ""


def find(paths: Sequence[Path]) -> Iterator[Source]:
    """Every picture under `paths`, in order of name; a path that does not exist raises FileNotFoundError,
    a damaged zip file BadZipFile.

    A file named directly is always tried. In folders and zip files, only visible files with the extension of a
    picture are (a Mac leaves a `._1.jpg` next to each 1.jpg).
    """
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                dangling = file.is_symlink() and not file.exists()  # to be reported as unreadable, not skipped
                if is_picture_name(str(file.relative_to(path))) and (file.is_file() or dangling):
                    yield _file(file)
        elif not path.exists():
            raise FileNotFoundError(f"{path} does not exist")
        elif path.suffix.lower() == ".zip":
            yield from _zipped(path)
        else:
            yield _file(path)


def named(name: str) -> Source:
    """The picture that `find` gave this name. If it is gone, reading it raises, not this function."""
    path = Path(name)
    for folder in () if path.is_file() else path.parents:
        if folder.suffix.lower() == ".zip" and folder.is_file():
            return Source(name, partial(_read_member, folder, path.relative_to(folder).as_posix()))
    return Source(name, partial(_read_file, path))


def read_ahead(sources: Sequence[Source], spec: InputSpec, *, batch: int, workers: int) -> Iterator[list[Read]]:
    """Pictures in batches, in order. While the caller works on one batch, threads read, decode and resize the next
    (Pillow and zlib release the interpreter's lock).
    """
    waiting: deque[Future[Read]] = deque()
    rest = iter(sources)
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            while True:
                room = batch * (1 + _BATCHES_AHEAD) - len(waiting)
                waiting.extend(pool.submit(_prepare, source, spec) for source in islice(rest, room))
                if not waiting:
                    return
                yield [waiting.popleft().result() for _ in range(min(batch, len(waiting)))]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """A member of a zip file, at most `MAX_BYTES` of it; may be called from several threads.

    Raises:
        ImageRejected: it is too large, or damaged.
        OSError: the zip file cannot be read.
    """
    if entry.file_size > MAX_BYTES:  # before unpacking: zip bombs announce their size
        raise ImageRejected("too_many_bytes", f"The file unpacks to {entry.file_size / 2**20:.0f} MB.")
    try:
        with archive.open(entry) as file:
            return file.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ImageRejected("corrupt", f"The zip entry cannot be unpacked ({error}).") from error
    except OSError as error:
        if error.errno is not None:  # of the disk; bzip2 reports damage as an OSError without a number
            raise
        raise ImageRejected("corrupt", f"The zip entry cannot be unpacked ({error}).") from error


def is_picture_name(name: str) -> bool:
    """Whether a path in a folder or zip file has the extension of a picture and is not hidden."""
    return name.lower().endswith(EXTENSIONS) and not is_hidden(name)


def _prepare(source: Source, spec: InputSpec) -> Read:
    digest = ""
    try:
        data = source.read()
        digest = hashlib.sha256(data).hexdigest()
        return Read(source, to_input(data, spec), digest)
    except ImageRejected as rejected:
        return Read(source, None, digest, rejected.code, rejected.message)
    except OSError as error:
        return Read(source, None, digest, "unreadable", f"The file cannot be read ({error.strerror or error}).")


def _file(path: Path) -> Source:
    try:
        status = path.stat()
    except OSError:  # gone since it was listed; reading it reports that
        return Source(str(path), partial(_read_file, path))
    return Source(str(path), partial(_read_file, path), f"{status.st_size}-{status.st_mtime_ns}")


def _read_file(path: Path) -> bytes:
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > MAX_BYTES:  # before reading it into memory
            raise ImageRejected(
                "too_many_bytes",
                f"The file has {size / 2**20:.1f} MB; at most {MAX_BYTES / 2**20:.0f} MB are accepted.",
            )
        return file.read()


def _zipped(path: Path) -> Iterator[Source]:
    archive = _archive(path)  # stays open while pictures in it are to be read
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        if is_picture_name(entry.filename):
            stamp = f"{entry.file_size}-{entry.CRC:08x}"
            yield Source(f"{path}/{entry.filename}", partial(read_entry, archive, entry), stamp)


def _read_member(path: Path, member: str) -> bytes:
    archive = _shared_archive(path)
    try:
        entry = archive.getinfo(member)
    except KeyError:
        raise FileNotFoundError(f"{path} has no {member}") from None
    return read_entry(archive, entry)


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise zipfile.BadZipFile(f"{path} is damaged or not a zip file ({error}). Copy it again.") from error


_shared_archive = lru_cache(maxsize=8)(_archive)  # listing 40,000 members takes half a second
