"""Which encoding the text of a table is in."""

from __future__ import annotations

import codecs
import re
from typing import IO, NamedTuple

from common.counting import counted

_PIECE = 2**20  # bytes looked at together
#: Lines that are not UTF-8, for each that is. Other encodings hardly ever look like UTF-8, so a few lines of it show
#: that the others are damaged.
_MOST_DAMAGED = 3
#: Of single bytes. Letters with accents have the bytes C0 to FF in Windows, and 80 to 9F on old Macs and in DOS.
_WINDOWS, _OTHER = re.compile(rb"(?<=[A-Za-z])[\xc0-\xff]"), re.compile(rb"(?<=[a-z])[\x80-\x91\x93-\x9f](?=[a-z])")
_OLD = ("mac_roman", "cp850")
_LETTERS = frozenset("äöüßéèêëàâáçñóíúôîåøæ")
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # in Windows-1252
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),  # before UTF-16, whose mark these begin with
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
NAMES = {
    "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32": "UTF-32",
    "cp1252": "Windows-1252", "latin-1": "Latin-1", "mac_roman": "Mac Roman", "cp850": "DOS (code page 850)",
}  # fmt: skip


class Encoding(NamedTuple):
    """
    Attributes:
        codec: Python's name.
        lines: below the first line, about: a quoted cell may have several.
        warning: a sentence if it is a guess or if some bytes have no meaning in it.
    """

    codec: str
    lines: int
    warning: str = ""

    @property
    def name(self) -> str:
        return NAMES[self.codec]


def wide_codec(start: bytes) -> str | None:
    """The codec of text with two or four bytes for a letter, with or without a byte order mark; None for other text."""
    for mark, codec in _MARKS:
        if start.startswith(mark):
            return codec
    start = start[:512]
    even, odd = start[::2].count(0), start[1::2].count(0)  # a header is mostly ASCII: every other byte is zero
    if len(start) >= 8 and min(even, odd) == 0 and max(even, odd) > len(start) // 4:
        return "utf-16-le" if odd else "utf-16-be"
    return None


def encoding_of(name: str, stream: IO[bytes]) -> Encoding:
    """Reads the stream to its end, a piece at a time.

    A file is UTF-8 if a quarter of its lines with other letters than ASCII are: then those that are not are damaged,
    and the others are read as they were written.

    Raises:
        UnicodeDecodeError: it begins like UTF-16 or UTF-32, but is not.
    """
    start = stream.read(_PIECE)
    if codec := wide_codec(start):
        return Encoding(codec, _lines_of(start, stream, codec))
    feeds = returns = utf_8 = other = 0
    undefined = False
    windows, others = 0, bytearray()
    rest, piece = b"", start
    while piece or rest:
        feeds, returns = feeds + piece.count(b"\n"), returns + piece.count(b"\r")
        whole, rest = _whole_lines(rest + piece) if piece else (rest, b"")
        if not whole.isascii():
            undefined = undefined or bool(_UNDEFINED.search(whole))
            windows += len(_WINDOWS.findall(whole))
            others += b"".join(_OTHER.findall(whole))[:_PIECE]
            good, bad = _count(whole)
            utf_8, other = utf_8 + good, other + bad
        piece = stream.read(_PIECE) if piece else b""
    lines = max(feeds, returns, 1) - 1
    if not other:
        return Encoding("utf-8-sig", lines)
    if utf_8 and utf_8 * _MOST_DAMAGED >= other:
        has, are = ("has", "is") if other == 1 else ("have", "are")
        damaged = f"{counted(other, 'line')} of {name} {has} bytes that are not UTF-8, and {are} refused."
        return Encoding("utf-8-sig", lines, damaged)
    codec = "latin-1" if undefined else "cp1252"
    if len(others) > windows:
        codec = max(
            (codec, *_OLD), key=lambda each: sum(letter in _LETTERS for letter in others.decode(each, "replace"))
        )
    remedy = "If letters look wrong, save it as UTF-8."
    return Encoding(codec, lines, f"{name} is not UTF-8, so it is read as {NAMES[codec]}. {remedy}")


def _whole_lines(data: bytes) -> tuple[bytes, bytes]:
    """`data` up to its last line end, and the rest; everything if one line is longer than a piece."""
    end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    return (data[:end], data[end:]) if end or len(data) < _PIECE else (data, b"")


def _count(lines: bytes) -> tuple[int, int]:
    """How many of the lines with other letters than ASCII are UTF-8, and how many are not."""
    good = bad = 0
    for line in lines.splitlines():
        if not line.isascii():
            try:
                line.decode()
                good += 1
            except UnicodeDecodeError:
                bad += 1
    return good, bad


def _lines_of(start: bytes, stream: IO[bytes], codec: str) -> int:
    decoder = codecs.getincrementaldecoder(codec)()
    feeds = returns = 0
    piece = start
    while True:
        text = decoder.decode(piece, final=not piece)
        feeds, returns = feeds + text.count("\n"), returns + text.count("\r")
        if not piece:
            return max(feeds, returns, 1) - 1
        piece = stream.read(_PIECE)
