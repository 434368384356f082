"""Cut metadata out of picture files without touching a single pixel.

Each function walks the container's own blocks, keeps those that are needed to show the picture, and drops the
rest: EXIF (with its GPS position), XMP, IPTC, comments, text, embedded thumbnails, and whatever follows the
end of the picture (a page of HTML, a zip file, the further views of an MPO). Colour profiles stay.

A return value equal to the argument means that there was nothing to cut. `None` means that the container
holds something these walks do not know; the caller then re-encodes.
"""

import re
import struct
from collections.abc import Callable

# In the entropy-coded part of a JPEG, 0xFF is followed by 0x00 (a stuffed byte) or a restart marker.
_JPEG_MARKER_AFTER_SCAN = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_JPEG_DROPPED = frozenset({*range(0xE0, 0xF0), 0xFE})  # APPn and COM, except what _jpeg_keeps lets through

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP sBIT bKGD pHYs acTL fcTL fdAT".split())
_WEBP_KEPT = frozenset([b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"])
_WEBP_METADATA_FLAGS = 0x08 | 0x04  # EXIF and XMP, in the first byte of VP8X
_AVIF_KEPT = frozenset([b"ftyp", b"meta", b"mdat", b"moov"])


def without_metadata(data: bytes, format_name: str) -> bytes | None:
    """The same picture without metadata; `data` itself when it has none, None when only re-encoding will do.

    `format_name` is Pillow's name of the format, and `data` must have been decoded before: these walks trust
    nothing, but they do not judge whether the picture is whole.
    """
    walk = _WALKS.get(format_name)
    if walk is None:
        return None
    try:
        kept = walk(data)
    except (IndexError, struct.error):
        return None
    # One object instead of two equal ones: the caller asks `is`.
    return data if kept == data else kept


def _jpeg_keeps(marker: int, segment: bytes) -> bool:
    if marker not in _JPEG_DROPPED:
        return True
    if marker == 0xE0:  # JFIF, 18 bytes when it carries no thumbnail
        return len(segment) == 18 and segment[4:9] == b"JFIF\0"
    if marker == 0xE2:
        return segment[4:16] == b"ICC_PROFILE\0"
    # Adobe's segment says how the colours are stored: without it CMYK comes out inverted.
    return marker == 0xEE and len(segment) == 16 and segment[4:9] == b"Adobe"


def _jpeg(data: bytes) -> bytes | None:
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
            return b"".join(kept)
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


def _png(data: bytes) -> bytes | None:
    kept = [_PNG_SIGNATURE]
    at = len(_PNG_SIGNATURE)
    while True:
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return None
        if kind in _PNG_KEPT:
            kept.append(data[at:end])
        if kind == b"IEND":
            return b"".join(kept) if length == 0 else None
        at = end


def _webp(data: bytes) -> bytes | None:
    (size,) = struct.unpack_from("<I", data, 4)
    stop = 8 + size
    if stop > len(data):
        return None
    kept = []
    at = 12
    while at + 8 <= stop:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + (length & 1)
        if end > stop:
            return None
        chunk = data[at:end]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_METADATA_FLAGS]) + chunk[9:]
        if kind in _WEBP_KEPT:
            kept.append(chunk)
        at = end
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _gif_blocks_end(data: bytes, at: int) -> int:
    """The position behind a chain of data sub-blocks that starts at `at`."""
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _gif_table(flags: int) -> int:
    """Bytes of the colour table that `flags` announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif(data: bytes) -> bytes | None:
    at = 13 + _gif_table(data[10])
    kept = [data[:at]]
    while True:
        start, kind = at, data[at]
        if kind == 0x3B:
            kept.append(b";")
            return b"".join(kept)
        if kind == 0x2C:
            at = _gif_blocks_end(data, start + 11 + _gif_table(data[start + 9]))
            kept.append(data[start:at])
        elif kind == 0x21:
            at = _gif_blocks_end(data, start + 2)
            extension = data[start:at]
            is_control = extension[1] == 0xF9 and len(extension) == 8
            is_loop_count = extension[1] == 0xFF and extension[3:14] == b"NETSCAPE2.0" and len(extension) == 19
            if is_control or is_loop_count:
                kept.append(extension)
        else:
            return None


def _avif(data: bytes) -> bytes | None:
    """Only says whether the boxes are the plain ones: EXIF lies inside `meta` and is seen by the decoder."""
    at = 0
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind not in _AVIF_KEPT or length < 8:
            return None
        at += length
    return data if at == len(data) else None


_WALKS: dict[str, Callable[[bytes], bytes | None]] = {
    "JPEG": _jpeg,
    "MPO": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "GIF": _gif,
    "AVIF": _avif,
}
