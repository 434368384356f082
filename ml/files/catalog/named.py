"""Which file of an archive a cell or a SKU names, however the two are written."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, unquote

from ml.files.catalog.cells import BadCell, parts_of
from ml.files.pictures import EXTENSIONS, JPEG_EXTENSIONS, OTHER_EXTENSIONS

_PICTURES = frozenset((*EXTENSIONS, *OTHER_EXTENSIONS))
_ADDRESSES = re.compile(r" ?\| ?|[;, ] ?(?=https?:)")  # between addresses
_HOST = re.compile(r"[a-z]+://[^/]*", re.I)
_MOST_FOLDERS = 9  # of a path elsewhere that the archive has too
_SETTING = re.compile(r";[^;/=]*=[^;/]*")  # https://example.com/coat.jpg;width=100
_ELSEWHERE = re.compile(r"(?:file:/*)?(?:[A-Za-z]:/|/)|\.\./")  # a path on the computer of whoever wrote the table


class NamedPictures:
    """Finds what a cell names: a path from the table, or only the end of one.

    Case, the two Unicode forms of accents, and the extensions of JPEG do not matter. An exact name takes precedence.
    """

    def __init__(self, names: Iterable[str], folder: PurePosixPath) -> None:
        """
        Args:
            names: of all files.
            folder: of the table.
        """
        self.folder = folder
        self.exact = frozenset(names)
        self.names = {folded(name): name for name in self.exact}
        self.ends: dict[str, list[str]] = defaultdict(list)
        self.stems: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.exact):
            path = PurePosixPath(folded(name))
            self.ends[path.name].append(name)
            if path.suffix in _PICTURES:
                self.stems[path.stem].append(name)

    def named(self, cell: str) -> tuple[str, ...]:
        """The files. A name without a file is returned as it is; reading it fails later.

        Raises:
            BadCell: it is a web address of no file that is there, or the end of several paths.
        """
        if _is_address(cell):
            addresses = _ADDRESSES.split(" ".join(cell.split()).strip(" |;,"))
            return tuple(name for address in addresses for name in self._of_addresses(address))
        if whole := self._find(cell):
            return (whole,)
        parts = parts_of(cell)
        found = [self._find(part) for part in parts]
        if None in found and "," in cell:  # a list with commas, perhaps as JSON or Python write it
            listed = [part.strip(" \t\n\"'") for part in cell.strip("[]() ").split(",")]
            others = [self._find(part) for part in listed if part]
            if None not in others:
                parts, found = tuple(listed), others
        return tuple(name or self._path(part) for name, part in zip(found, parts, strict=False))

    def has(self, cell: str) -> bool:
        """Whether all files that the cell names exist."""
        try:
            return bool(cell) and self.exact.issuperset(self.named(cell))
        except BadCell:
            return False

    def of_sku(self, *skus: str) -> str:
        """`images/SKU.jpg` next to the table, whatever its extension, or the only picture of this name elsewhere."""
        images = folded(f"/{self.folder / 'images'}")
        for sku in skus:
            found = self.stems[folded(sku)]
            here = [name for name in found if folded(f"/{PurePosixPath(name).parent}") == images]
            here.sort(key=lambda name: (PurePosixPath(name).stem == sku, PurePosixPath(name).suffix in EXTENSIONS))
            if here or len(found) == 1:
                return here[-1] if here else found[0]
        return f"{self.folder / 'images' / skus[0]}.jpg"

    def _find(self, cell: str) -> str | None:
        if _is_address(cell):
            return self._of_address(cell)
        return self._at(cell) or ("%" in cell and self._at(unquote(cell))) or self._elsewhere(cell) or None

    def _of_addresses(self, text: str) -> list[str]:
        """Of one address, which may contain ; and spaces, or of several that these separate."""
        parts = [part for part in re.split(r"[;\s]+", text) if part]
        if len(parts) > 1 and not any(self._downloaded(name) for name in _names_in(text)):
            return [self._of_address(part) for part in parts]
        return [self._of_address(text)]

    def _of_address(self, address: str) -> str:
        """The file that was downloaded from there, by its name."""
        names = _names_in(address)
        if found := next(filter(None, map(self._downloaded, names)), None):
            return found
        shown = next((name for name in names if PurePosixPath(name.lower()).suffix in _PICTURES), "")
        what = f"put {shown} next to the table" if shown else "download it, and write the name of the file here"
        raise BadCell(f"is a web address, and pictures are not downloaded: {what}")

    def _downloaded(self, name: str) -> str | None:
        return (name and self._at(name)) or None

    def _at(self, cell: str) -> str | None:
        path = self._path(cell)
        if path in self.exact:
            return path
        if found := self.names.get(folded(path)):
            return found
        end = PurePosixPath(folded(_relative(cell)))
        if not end.name:
            return None
        return _only(self.ends[end.name], end, _relative(cell)) or self._other_extension(end)

    def _other_extension(self, end: PurePosixPath) -> str | None:
        """`coat.jpeg` or `coat.JPG` for coat.jpg, and any picture for `coat`."""
        if end.suffix in JPEG_EXTENSIONS:
            stem, extensions = end.stem, frozenset(JPEG_EXTENSIONS)
        elif end.suffix not in _PICTURES:
            stem, extensions = end.name, _PICTURES
        else:
            return None
        found = [name for name in self.stems[stem] if PurePosixPath(name.lower()).suffix in extensions]
        return _only(found, end.with_name(stem), str(end), without_extension=True)

    def _elsewhere(self, cell: str) -> str | None:
        r"""`photos/coat.jpg` for `C:\shop\photos\coat.jpg`: as much of the path's end as the archive has."""
        parts = PurePosixPath(cell.replace("\\", "/")).parts
        if ".." in parts or not _ELSEWHERE.match(cell.replace("\\", "/")):
            return None
        ends = ("/".join(parts[start:]) for start in range(max(1, len(parts) - _MOST_FOLDERS), len(parts)))
        return next(filter(None, map(self._at, ends)), None)

    def _path(self, cell: str) -> str:
        path = str(self.folder / _relative(cell))
        inside = posixpath.normpath(path) if ".." in path else path
        return path if inside.startswith("..") else inside  # reading it says that it is outside


def _names_in(address: str) -> list[str]:
    """What a file from there may be called: by the end of the path, or by a value such as that of ?file=coat.jpg."""
    path, _, query = address.partition("#")[0].partition("?")
    path = _HOST.sub("", path)
    values = [value for _, value in parse_qsl(query)]
    pictures = [value for value in values if PurePosixPath(value.lower()).suffix in _PICTURES]
    return [unquote(PurePosixPath(_SETTING.sub("", path)).name), *(PurePosixPath(value).name for value in pictures)]


def _is_address(cell: str) -> bool:
    return "://" in cell and not cell.lower().startswith("file:")


def folded(name: str) -> str:
    """macOS decomposes accents in file names, and tables are written by hand."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _only(names: Iterable[str], end: PurePosixPath, typed: str, *, without_extension: bool = False) -> str | None:
    """The one of `names` whose path ends like this; of several, the one that is written as it was `typed`."""
    paths = ((name, PurePosixPath(folded(name))) for name in names)
    found = [
        name for name, path in paths if f"/{path.with_suffix('') if without_extension else path}".endswith(f"/{end}")
    ]
    if len(found) > 1 and (same := [name for name in found if f"/{name}".endswith(f"/{typed}")]):
        found = same
    if len(found) > 1:
        raise BadCell(f"may be any of {', '.join(found[:3])}: include the folder")
    return found[0] if found else None


def _relative(cell: str) -> str:
    return cell.replace("\\", "/").removeprefix("./").lstrip("/")
