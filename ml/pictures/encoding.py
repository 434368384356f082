"""Encode a decoded picture again, upright: in its own format, with its colours, without metadata.

If the format has a lossless mode, no pixel changes. A JPEG keeps its own quantization tables and chroma sampling, so
that the second encoding rounds as the first did: a higher quality would only make the file larger.
"""

import contextlib
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from PIL import Image, JpegImagePlugin

from ml.pictures.metadata import PNG_COLOURS, png_chunks, webp_chunks

_TRANSPOSED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SMALL = 4_000_000  # pixels; up to this, the slow settings of an encoder take less than a second or two


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """`image`, rotated by its EXIF orientation."""
    return image if orientation == 1 else image.transpose(_TRANSPOSED[orientation])


def is_lossless(data: bytes, format_name: str) -> bool:
    """Whether encoding this file again in its format loses nothing."""
    if format_name == "WEBP":
        with contextlib.suppress(struct.error):
            return any(kind == b"VP8L" for kind, _ in webp_chunks(data))
        return False
    return format_name in ("PNG", "GIF")


def encoded(image: Image.Image, orientation: int, data: bytes, profile: bytes | None) -> Iterator[bytes]:
    """The upright picture, first in the best quality, then smaller; GIF becomes PNG.

    Args:
        data: the original file.
        profile: its colour profile; for an AVIF without one, a profile of the colours that its container names.
    """
    source = str(image.format)
    target = {"MPO": "JPEG", "GIF": "PNG"}.get(source, source)
    kept: dict[Any, Any] = {name: image.info[name] for name in ("transparency",) if name in image.info}
    if source == "PNG":  # colours that a PNG names otherwise are copied as they are
        profile = image.info.get("icc_profile")
    choices = list(_choices(image, target, orientation >= 5, is_lossless(data, source)))
    turned = upright(image, orientation)
    if turned is image:
        turned = image.copy()
    turned.info = kept  # encoders read comments and more from here
    for options in choices:
        file = BytesIO()
        turned.save(file, target, **options, **({"icc_profile": profile} if profile else {}))
        yield _with_colours(file.getvalue(), data) if source == target == "PNG" else file.getvalue()


def _choices(image: Image.Image, target: str, is_quarter_turn: bool, lossless: bool) -> Iterator[dict[str, Any]]:
    is_small = image.width * image.height <= _SMALL
    if target == "PNG":
        yield {}
        if is_small:
            yield {"compress_level": 9}
    elif target == "WEBP" and lossless:
        yield {"lossless": True, "exact": True, "method": 4 if is_small else 1}
    elif target == "WEBP":
        # Two attempts at 40 megapixels would take longer than people wait for an upload.
        for quality in (90, 75) if is_small else (75,):
            yield {"quality": quality, "method": 4 if is_small else 2}
    elif target == "AVIF":
        for quality, subsampling in ((90, "4:4:4"), (75, "4:2:0"), (50, "4:2:0")):
            yield {"quality": quality, "subsampling": subsampling, "speed": 6 if is_small else 9}
    else:
        yield from _jpeg_choices(image, is_quarter_turn)


def _jpeg_choices(image: Image.Image, is_quarter_turn: bool) -> Iterator[dict[str, Any]]:
    tables = getattr(image, "quantization", {})
    if sorted(tables) != list(range(len(tables))) or not tables:
        return
    if is_quarter_turn:
        tables = {key: [table[8 * (at % 8) + at // 8] for at in range(64)] for key, table in tables.items()}
    sampling = JpegImagePlugin.get_sampling(image) if isinstance(image, JpegImagePlugin.JpegImageFile) else 0
    # 4:2:2 rotated is 4:4:0, which the encoder does not offer.
    samplings = [0, 2] if sampling < 0 or (sampling == 1 and is_quarter_turn) else [sampling]
    if image.mode != "RGB":
        samplings = [0]
    is_progressive = bool(image.info.get("progressive"))
    for each in samplings:
        for progressive in dict.fromkeys((is_progressive, True)):
            yield {"qtables": tables, "subsampling": each, "optimize": True, "progressive": progressive}


def _with_colours(encoded: bytes, source: bytes) -> bytes:
    """The PNG `encoded` with the chunks of `source` that define its colours; Pillow writes only the profile."""
    chunks = list(png_chunks(encoded))
    present = {kind for kind, _ in chunks}
    header, rest = chunks[0], chunks[1:]
    said = [
        (kind, chunk)
        for kind, chunk in png_chunks(source)
        if kind in PNG_COLOURS and kind not in present and (kind != b"sBIT" or _png_kind(source) == _png_kind(encoded))
    ]
    return encoded[:8] + b"".join(chunk for _, chunk in [header, *said, *rest])


def _png_kind(data: bytes) -> tuple[int, int]:
    """Bit depth and colour type."""
    depth, colour = struct.unpack_from("BB", data, 24)
    return depth, colour
