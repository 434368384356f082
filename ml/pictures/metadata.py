"""Cut metadata out of picture files without changing a pixel.

Each function walks the blocks of the container, keeps those that are needed to show the picture, and drops the rest:
EXIF (with its GPS position), XMP, IPTC, comments, text, embedded thumbnails, and everything after the end of the
picture (an HTML page, a zip file, the other views of an MPO). Colour profiles stay, and so does an orientation, as the
only entry of a new EXIF block.

A return value equal to the argument means that there was nothing to cut. `None` means that the container has an unknown
structure; the caller then re-encodes the picture.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator

from ml.pictures.avif import without_metadata as _avif

# In the entropy-coded part of a JPEG, 0xFF is followed by 0x00 (a stuffed byte) or a restart marker.
_JPEG_MARKER_AFTER_SCAN = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_JPEG_DROPPED = frozenset({*range(0xE0, 0xF0), 0xFE})  # APPn and COM, except those that _jpeg_keeps accepts

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: The chunks that define the colours of a PNG, including its profile.
PNG_COLOURS = frozenset(b"gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT".split())
_PNG_KEPT = PNG_COLOURS | frozenset(b"IHDR PLTE IDAT IEND tRNS bKGD pHYs acTL fcTL fdAT".split())
_WEBP_KEPT = frozenset([b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"])
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04  # in the first byte of VP8X


def without_metadata(data: bytes, format_name: str, orientation: int = 1) -> bytes | None:
    """The same picture without metadata; `data` itself if it has none, None if it must be re-encoded.

    `format_name` is Pillow's name of the format, and `data` must have been decoded before: these walks trust
    nothing, but they do not judge whether the picture is whole. `orientation` other than 1 is what its EXIF says.
    """
    walk = _WALKS.get(format_name)
    if walk is None:
        return None
    try:
        kept = walk(data, orientation)
    except (IndexError, struct.error):
        return None
    # The same object instead of an equal one: the caller compares with `is`.
    return data if kept == data else kept


def _exif(orientation: int) -> bytes:
    """A TIFF structure, little-endian, with this one entry: tag 0x0112, a SHORT."""
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def _jpeg_keeps(marker: int, segment: bytes) -> bool:
    if marker not in _JPEG_DROPPED:
        return True
    if marker == 0xE0:  # JFIF, 18 bytes when it carries no thumbnail
        return len(segment) == 18 and segment[4:9] == b"JFIF\0"
    if marker == 0xE2:
        return segment[4:16] == b"ICC_PROFILE\0"
    # Adobe's segment describes how colours are stored: without it CMYK is inverted.
    return marker == 0xEE and len(segment) == 16 and segment[4:9] == b"Adobe"


def _jpeg(data: bytes, orientation: int) -> bytes | None:
    kept = [b"\xff\xd8"]
    at = 2
    while True:
        if data[at] != 0xFF:
            return None
        while data[at + 1] == 0xFF:  # fill bytes
            at += 1
        marker = data[at + 1]
        if marker == 0xD9:
            kept.append(b"\xff\xd9")
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if end > len(data) or length < 2:
            return None
        if marker == 0xDA:
            scan_end = _JPEG_MARKER_AFTER_SCAN.search(data, end)
            if scan_end is None:
                return None
            end = scan_end.start()
            kept.append(data[at:end])
        elif _jpeg_keeps(marker, segment := data[at:end]):
            kept.append(segment)
        at = end
    if orientation != 1:
        body = b"Exif\0\0" + _exif(orientation)
        kept.insert(2 if kept[1][1] == 0xE0 else 1, b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    return b"".join(kept)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The complete chunks of a PNG, up to its end or to where it is cut short: the name and all bytes of each."""
    at = len(_PNG_SIGNATURE)
    kind = b""
    while kind != b"IEND" and at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return
        yield kind, data[at:end]
        at = end


def _png(data: bytes, orientation: int) -> bytes | None:
    kept = [_PNG_SIGNATURE]
    for kind, chunk in png_chunks(data):
        if kind in _PNG_KEPT:
            kept.append(chunk if kind != b"IEND" else _png_chunk(kind, b""))
        if kind == b"IHDR" and orientation != 1:
            kept.append(_png_chunk(b"eXIf", _exif(orientation)))
    return b"".join(kept)


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a WebP: the name and all bytes of each. Raises struct.error if the file is cut short."""
    stop = min(8 + struct.unpack_from("<I", data, 4)[0], len(data))
    at = 12
    while at + 8 <= stop:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if end > stop:
            raise struct.error("the last chunk is cut short")
        end += length & 1  # some files lack the padding byte of the last chunk
        yield kind, data[at:end]
        at = end


def _webp(data: bytes, orientation: int) -> bytes | None:
    kept = []
    for kind, chunk in webp_chunks(data):
        if kind == b"VP8X":
            flags = chunk[8] & ~(_WEBP_EXIF | _WEBP_XMP) | (_WEBP_EXIF if orientation != 1 else 0)
            chunk = chunk[:8] + bytes([flags]) + chunk[9:]
        if kind in _WEBP_KEPT:
            kept.append(chunk)
    if orientation != 1:
        body = _exif(orientation)
        kept += [bytes(len(kept[-1]) & 1), struct.pack("<4sI", b"EXIF", len(body)) + body]
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _gif_blocks_end(data: bytes, at: int) -> int:
    """The position after a chain of data sub-blocks that starts at `at`."""
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _gif_table(flags: int) -> int:
    """The size in bytes of the colour table that `flags` announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif(data: bytes, orientation: int) -> bytes | None:
    at = 13 + _gif_table(data[10])
    kept = [data[:at]]
    while at < len(data):  # many files lack the trailer, and decoders do not need it
        start, kind = at, data[at]
        if kind == 0x3B:
            kept.append(b";")
            break
        try:
            at = _gif_block(data, start)
        except IndexError:  # cut short after the first frame, which was decoded
            break
        block = data[start:at]
        if kind == 0x2C or _gif_keeps(block):
            kept.append(block)
    return b"".join(kept)


def _gif_block(data: bytes, start: int) -> int:
    """The position after the block that starts at `start`; if no block starts there, the position after one byte."""
    if data[start] == 0x2C:
        return _gif_blocks_end(data, start + 11 + _gif_table(data[start + 9]))
    return _gif_blocks_end(data, start + 2) if data[start] == 0x21 else start + 1


def _gif_keeps(extension: bytes) -> bool:
    """Whether the block defines how frames are shown or how often they repeat."""
    if extension[:2] == b"!\xf9":
        return len(extension) == 8
    return extension[:2] == b"!\xff" and extension[3:14] == b"NETSCAPE2.0" and len(extension) == 19


_WALKS: dict[str, Callable[[bytes, int], bytes | None]] = {
    "JPEG": _jpeg,
    "MPO": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "GIF": _gif,
    "AVIF": lambda data, _: _avif(data),
}
