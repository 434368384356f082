"""The apparent format of a file, from its first bytes only, for logs. Decodes nothing; safe on any bytes."""

import re
import struct

_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"BM", "BMP"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"8BPS", "PSD"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
)
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"heim": "HEIC"}
_MARKUP = re.compile(rb"\s*<(svg|\?xml|!doctype html|html)", re.IGNORECASE)
# Start of frame: every SOF except DHT, JPG and DAC, which are in the same range.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def format_of(data: bytes) -> str:
    """The name of the format, for people; "unknown" if the first bytes match none."""
    if data[:4] == b"RIFF":
        return "WebP" if data[8:12] == b"WEBP" else "RIFF"
    if data[4:8] == b"ftyp":
        brands = [data[at : at + 4] for at in (8, *range(16, min(64, len(data) - 3), 4))]
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), "ISO media")
    if found := _MARKUP.match(data[:256].removeprefix(b"\xef\xbb\xbf")):
        return {b"svg": "SVG", b"?xml": "XML"}.get(found[1].lower(), "HTML")
    return next((name for start, name in _STARTS if data.startswith(start)), "unknown" if data else "none")


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height from the header, before rotation; None if they are not found."""
    try:
        match format_of(data):
            case "PNG":
                return struct.unpack_from(">II", data, 16)
            case "GIF":
                return struct.unpack_from("<HH", data, 6)
            case "JPEG":
                return _jpeg_size(data)
            case "WebP":
                return _webp_size(data)
            case "AVIF":
                at = data.find(b"ispe", 0, 2**16)
                return struct.unpack_from(">II", data, at + 8) if at > 0 else None
    except struct.error:
        pass
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    for _ in range(1000):
        at, marker = at + 2, data[at + 1 : at + 2]
        if not marker or data[at - 2] != 0xFF:
            return None
        if marker == b"\xff":  # a fill byte
            at -= 1
            continue
        if marker[0] in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return width, height
        at += struct.unpack_from(">H", data, at)[0]
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None
