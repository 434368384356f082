"""How large a picture says that it is, read from the first bytes: no decoder, no trust, good enough for a queue."""

from __future__ import annotations

import struct

_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def stated_pixels(data: bytes) -> int | None:
    """Width × height by the header of a JPEG, PNG, GIF, WebP or AVIF; None where that is not plain."""
    try:
        if data[:2] == b"\xff\xd8":
            return _jpeg(data)
        if data[:8] == b"\x89PNG\r\n\x1a\n":
            return _product(struct.unpack_from(">II", data, 16))
        if data[:4] == b"GIF8":
            return _product(struct.unpack_from("<HH", data, 6))
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _webp(data)
        if data[4:8] == b"ftyp":
            place = data.find(b"ispe", 0, 8192)
            return None if place < 0 else _product(struct.unpack_from(">II", data, place + 8))
    except (struct.error, IndexError):
        return None
    return None


def _product(sides: tuple[int, ...]) -> int:
    return sides[0] * sides[1]


def _jpeg(data: bytes) -> int | None:
    place = 2
    while place + 9 < len(data):
        if data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        if marker in _SOF:
            return _product(struct.unpack_from(">HH", data, place + 5))
        place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    return None


def _webp(data: bytes) -> int | None:
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return (int.from_bytes(data[24:27], "little") + 1) * (int.from_bytes(data[27:30], "little") + 1)
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return ((bits & 0x3FFF) + 1) * ((bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return (width & 0x3FFF) * (height & 0x3FFF)
    return None
