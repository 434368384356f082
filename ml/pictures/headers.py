"""The apparent format of a file, from its first bytes only, for logs and for people who sent something else than an
accepted picture. Decodes nothing; safe on any bytes."""

import re
import struct
from collections.abc import Sequence

_STARTS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
    (b"IIRO", "camera raw"),  # Olympus, Panasonic, Fujifilm
    (b"IIRS", "camera raw"),
    (b"MMOR", "camera raw"),
    (b"IIU\0", "camera raw"),
    (b"FUJIFILMCCD-RAW", "camera raw"),
    (b"BM", "BMP"),
    (b"\0\0\1\0", "icon"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"8BPS", "PSD"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x1a\x45\xdf\xa3", "video"),  # Matroska, WebM
    (b"FLV\1", "video"),
    (b"\0\0\1\xba", "video"),  # MPEG
    (b"\0\0\1\xb3", "video"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
)
# Brands of ISO media (ISO 14496-12), the major one and the compatible ones. HEIF with pictures of an unknown codec has
# only brands of its structure.
_AVIF = frozenset([b"avif", b"avis"])
_HEIC = frozenset(b"heic heix hevc hevx heim heis hevm hevs".split())
_HEIF = frozenset(b"mif1 mif2 msf1 miaf heif avci avcs jpeg jpgs vvic vvis".split())
_RAW = frozenset([b"crx "])  # Canon CR3
_VIDEO = frozenset(b"isom iso2 iso3 iso4 iso5 iso6 mp41 mp42 mp71 avc1 hvc1 dash MSNV M4VP M4VH XAVC mmp4".split()) | {
    b"qt  ",
    b"M4V ",
    b"f4v ",
}
# QuickTime files without a brand.
_ATOMS = frozenset([b"moov", b"mdat", b"wide", b"pnot"])
_MARKUP = re.compile(rb"\s*<(svg|\?xml|!doctype html|html)", re.IGNORECASE)
# Start of frame: every SOF except DHT, JPG and DAC, which are in the same range.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def format_of(data: bytes) -> str:
    """The name of the format, for people; "unknown" if the first bytes match none."""
    if data[:4] == b"RIFF":
        return {b"WEBP": "WebP", b"AVI ": "video"}.get(data[8:12], "RIFF")
    if data[4:8] == b"ftyp":
        return _iso_media(data)
    if data[4:8] in _ATOMS:
        return "video"
    if data[8:10] == b"CR" and data[:4] == b"II*\0":
        return "camera raw"  # Canon CR2
    if found := _MARKUP.match(data[:256].removeprefix(b"\xef\xbb\xbf")):
        return _of_markup(data, found[1].lower())
    return next((name for start, name in _STARTS if data.startswith(start)), "unknown" if data else "none")


def _iso_media(data: bytes) -> str:
    """By all brands, because the major one often names only the structure."""
    end = min(max(int.from_bytes(data[:4], "big"), 16), 256, len(data))
    brands = [data[at : at + 4] for at in (8, *range(16, end - 3, 4))]
    for names, format_name in ((_AVIF, "AVIF"), (_HEIC, "HEIC"), (_RAW, "camera raw"), (_HEIF, "HEIF")):
        if names.intersection(brands):
            return format_name
    is_video = _VIDEO.intersection(brands) or any(brand[:2] in (b"3g", b"mp") for brand in brands)
    return "video" if is_video else "ISO media"


def _of_markup(data: bytes, tag: bytes) -> str:
    if tag == b"svg" or (tag == b"?xml" and b"<svg" in data[:4096]):
        return "SVG"
    return "XML" if tag == b"?xml" else "HTML"


_NAMED = frozenset(["TIFF", "BMP", "PDF", "PostScript", "PSD", "JPEG 2000", "JPEG XL", "SVG", "camera raw", "icon"])


def advice_for(data: bytes, accepted: Sequence[str]) -> str:
    """What to do with a file that is not in an accepted format, as one sentence or two for the person who sent it."""
    found, formats = format_of(data), ", ".join(accepted)
    if found in ("HEIC", "HEIF"):
        return (
            f"{found} photos are not accepted. Save the photo as JPEG and try again; on an iPhone, choose Settings > "
            "Camera > Formats > Most Compatible for new photos."
        )
    if found == "video":
        return f"This is a video. Choose a picture ({formats})."
    if found in _NAMED:
        article = "an" if found[0] in "aeioAEIO" or found == "SVG" else "a"
        return f"This is {article} {found} file. Save it as a picture in an accepted format ({formats}) and try again."
    return f"The file is not a picture in an accepted format ({formats})."


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
