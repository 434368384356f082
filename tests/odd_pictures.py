"""Two thousand odd pictures, drawn here, the same ones every time: name and bytes of each.

Every mode and bit depth of every format, every orientation, cut short at every 97 bytes, single bytes damaged, with
something behind them, larger than they say, or no pictures at all.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, ImageCms

from tests.pictures import picture

#: In the EXIF, XMP, comment or text of each picture that has any.
SECRET = b"secret-place"
CUT_EVERY = 97
DAMAGED_EVERY = 149

_XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description place="secret-place"/></x:xmpmeta>'
_ORIENTATIONS = (None, *range(10), 65535, "six")


def odd_pictures() -> Iterator[tuple[str, bytes]]:
    yield from _in_every_orientation()
    yield from _pngs_of_every_depth()
    whole = list(_whole())
    for name, data in whole:
        yield name, data
        for length in range(CUT_EVERY, len(data), CUT_EVERY):
            yield f"{name}, cut at {length}", data[:length]
        for at in range(DAMAGED_EVERY, len(data), DAMAGED_EVERY):
            yield f"{name}, damaged at {at}", data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]
        for tail, what in ((b"<html><script>secret-place</script></html>", "a page"), (b"PK\3\4secret-place", "a zip")):
            yield f"{name} with {what} behind it", data + tail
        yield f"{name} behind a page", b"<html>" + data
    yield from _bombs()
    yield from _other_files()


@cache
def _photo(width: int = 48, height: int = 32) -> Image.Image:
    """A smooth picture with an edge and some noise, which tests both codec and orientation."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    pixels = np.stack([across, down, 255 - across], axis=2)
    pixels[: height // 2, : width // 2] = (200, 30, 30)
    noise = np.random.default_rng(5).integers(0, 24, pixels.shape)
    return Image.fromarray((pixels * 0.9 + noise).clip(0, 255).astype(np.uint8))


@cache
def _profile() -> bytes:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:24] + bytes(12) + made[36:]  # without the time at which it was made


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _exif(orientation: object) -> bytes:
    if orientation == "six":  # as text, where a number is due
        return b"Exif\0\0II*\0" + struct.pack("<IHHHI4sI", 8, 1, 0x0112, 2, 4, b"six\0", 0) + SECRET
    entries = Image.Exif()
    if orientation is not None:
        entries[ExifTags.Base.Orientation] = orientation
    entries[ExifTags.Base.Make] = SECRET.decode()
    entries.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    return entries.tobytes()


#: What a format can hold: a mode of Pillow's, and how it is saved.
_KINDS: list[tuple[str, str, dict[str, object]]] = [
    *(("JPEG", mode, {"quality": 80, "comment": SECRET}) for mode in ("L", "RGB", "CMYK")),
    *(("JPEG", "RGB", {"quality": 70, "subsampling": each, "progressive": True}) for each in (0, 1, 2)),
    *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16")),
    *(("WEBP", mode, {"quality": 60}) for mode in ("RGB", "RGBA")),
    *(("WEBP", mode, {"lossless": True}) for mode in ("RGB", "RGBA")),
    *(("AVIF", mode, {"quality": 60, "speed": 10}) for mode in ("L", "RGB", "RGBA")),
    ("MPO", "RGB", {"save_all": True}),
]


def _in_mode(mode: str, size: tuple[int, int] = (48, 32)) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(_photo(*size).convert("L")).astype(np.uint16) * 257)
    if mode in ("LA", "RGBA", "PA"):
        image = _photo(*size).convert("RGBA")
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        return image.convert("LA") if mode == "LA" else image.quantize(16) if mode == "PA" else image
    return _photo(*size).convert(mode)


def _in_every_orientation() -> Iterator[tuple[str, bytes]]:
    for (kind, mode, options), orientation, size in itertools.product(_KINDS, _ORIENTATIONS, ((48, 32), (51, 35))):
        if kind == "AVIF" and orientation in (0, 9, 65535, "six"):  # it turns by its container, which has no such word
            continue
        for has_profile in (False, True):
            extra: dict[str, object] = {"icc_profile": _profile()} if has_profile else {}
            extra |= {"append_images": [_photo()]} if kind == "MPO" else {"xmp": _XMP}
            data = _encoded(_in_mode(mode, size), kind, exif=_exif(orientation), **options, **extra)
            name = f"{kind} {mode} {options} of {size}, orientation {orientation}"
            yield f"{name}, with a profile" if has_profile else name, data


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


#: First column, first row, step across, step down of each pass of Adam7.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def _png(depth: int, colour: int, *, interlaced: bool, before: bytes = b"", size: tuple[int, int] = (21, 13)) -> bytes:
    width, height = size
    random = np.random.default_rng(depth * 10 + colour)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    lines = b""
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = len(range(left, width, across)), len(range(top, height, down))
        if columns:
            bits = columns * channels * depth
            for _ in range(rows):
                lines += bytes([int(random.integers(0, 5))]) + random.bytes((bits + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    palette = _chunk(b"PLTE", random.bytes(3 * 2**depth)) if colour == 3 else b""
    parts = [_chunk(b"IHDR", header), before, palette, _chunk(b"IDAT", zlib.compress(lines)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _pngs_of_every_depth() -> Iterator[tuple[str, bytes]]:
    depths = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    said = {
        "": b"",
        " gamma": _chunk(b"gAMA", struct.pack(">I", 45455)) + _chunk(b"cHRM", bytes(32)),
        " turned": _chunk(b"eXIf", _exif(6).removeprefix(b"Exif\0\0")) + _chunk(b"gAMA", struct.pack(">I", 100000)),
        " text": _chunk(b"tEXt", b"Author\0" + SECRET) + _chunk(b"tIME", bytes(7)),
    }
    for colour, interlaced, extra in itertools.product(depths, (False, True), said):
        for depth in depths[colour]:
            name = f"PNG of colour type {colour}, {depth} bits{' interlaced' if interlaced else ''}{extra}"
            yield name, _png(depth, colour, interlaced=interlaced, before=said[extra])


def _whole() -> Iterator[tuple[str, bytes]]:
    """The pictures cut short, damaged, and with trailing data."""
    photo, frames = _photo(96, 64), [_photo(96, 64).transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    animated: dict[str, object] = {"save_all": True, "append_images": frames}
    exif = {"exif": _exif(6)}
    yield "a JPEG", _encoded(photo, "JPEG", **exif)
    yield "a progressive JPEG", _encoded(photo, "JPEG", progressive=True)
    yield "a CMYK JPEG", _encoded(photo.convert("CMYK"), "JPEG")
    yield "an MPO", _encoded(photo, "MPO", **animated)
    yield "a PNG", _encoded(_photo(), "PNG", **exif)
    yield "an interlaced PNG", _png(8, 6, interlaced=True, size=(32, 24))
    yield "an animated PNG", _encoded(_photo(), "PNG", save_all=True, append_images=[_photo().rotate(180)])
    yield "a GIF", _encoded(photo, "GIF", comment=SECRET)
    yield "an animated GIF", _encoded(_photo(), "GIF", save_all=True, append_images=[_photo().rotate(180)])
    yield "a WebP", _encoded(photo, "WEBP", quality=90, **exif)
    yield "a lossless WebP", _encoded(_photo(), "WEBP", lossless=True, xmp=_XMP)
    yield "an animated WebP", _encoded(photo, "WEBP", **animated)
    yield "an AVIF", _encoded(photo, "AVIF", quality=90, speed=10, xmp=_XMP, **exif)
    yield "an animated AVIF", _encoded(photo, "AVIF", quality=80, speed=10, xmp=_XMP, **animated)


def _bombs() -> Iterator[tuple[str, bytes]]:
    def header(width: int, height: int) -> bytes:
        return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))

    for width, height in ((65535, 65535), (2**31 - 1, 2**31 - 1), (40_001, 1000), (0, 5), (5, 0)):
        idat = _chunk(b"IDAT", zlib.compress(b"\0" * 99))
        yield f"a PNG that claims {width} by {height}", b"\x89PNG\r\n\x1a\n" + header(width, height) + idat
    gif = bytearray(picture(format="GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    yield "a GIF that claims 65535 squared", bytes(gif)
    jpeg = bytearray(picture())
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\xff\xdc\xff\xdc"
    yield "a JPEG that claims 65500 squared", bytes(jpeg)
    webp = bytearray(_encoded(_in_mode("RGBA"), "WEBP", exif=_exif(1)))
    webp[24:30] = b"\xff\x3f\0\xff\x3f\0"
    yield "a WebP that claims 16384 squared", bytes(webp)
    yield "a PNG of one row and many columns", _encoded(Image.new("1", (9_000_000, 1)), "PNG")
    yield "a PNG of one column and many rows", _encoded(Image.new("1", (1, 300_000)), "PNG")
    yield "a 100-megapixel PNG of one bit", _encoded(Image.new("1", (10_000, 10_000)), "PNG")
    text = _chunk(b"zTXt", b"Author\0\0" + zlib.compress(bytes(80_000_000), 9))
    yield "a PNG whose text is 80 MB", _png(8, 2, interlaced=False, before=text)


def _other_files() -> Iterator[tuple[str, bytes]]:
    for kind in ("TIFF", "BMP", "ICO", "PPM", "PCX", "TGA", "JPEG2000", "PDF", "EPS"):
        yield f"a {kind}", _encoded(_photo(), kind)
    yield from {
        "nothing": b"",
        "one byte": b"\xff",
        "text": b"hello, I am a picture",
        "an SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
        "a page": b"<!DOCTYPE html><html></html>",
        "a zip": b"PK\3\4" + bytes(100),
        "zeros": bytes(4096),
        "a HEIC header": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200),
        "an AVIF header": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(200),
    }.items()
    # What a JPEG's frame is called: lossless, arithmetic, hierarchical; and its bits: of another number.
    baseline = picture(seed=3)
    at = baseline.index(b"\xff\xc0")
    for marker in (0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD):
        yield f"a JPEG whose frame is {marker:x}", baseline[: at + 1] + bytes([marker]) + baseline[at + 2 :]
    for bits in (2, 7, 9, 12, 16):
        yield f"a JPEG of {bits} bits", baseline[: at + 4] + bytes([bits]) + baseline[at + 5 :]
