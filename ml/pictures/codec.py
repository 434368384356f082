"""Uploaded bytes → pixels, safely. The only module that lets Pillow open a file.

Every function raises only `ImageRejected`. Sizes are checked from the header, before a pixel is decoded. A picture is
accepted only after a full decode, because opening and verifying accept files that then fail to load.

A file may still crash or hang the decoder: untrusted files go through `ml.pictures.decoding`, which calls this module
in another process.
"""

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Protocol

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError, features

from ml.pictures import cleaning, encoding, renditions
from ml.pictures.colours import Colours, colours_of, without_large_profile
from ml.pictures.encoding import upright
from ml.pictures.headers import advice_for, format_of, size_of
from ml.pictures.limits import MAX_BYTES, MAX_PIXELS, PILLOW_PIXELS, check_bytes, check_pixels, scale_down
from ml.pictures.metadata import without_metadata
from ml.pictures.pixels import checksum, difference, flat
from ml.pictures.verdicts import Baked, Examined, ImageInfo, ImageRejected

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "Baked",
    "Examined",
    "ImageInfo",
    "ImageRejected",
    "InputSpec",
    "bake",
    "clean",
    "decode",
    "examine",
    "format_of",
    "inside",
    "inspect",
    "render",
    "size_of",
    "to_input",
]

#: Increase it whenever some file is decoded to other pixels, and adapt `changed_since`: vectors of older versions are
#: then made again, and prepared pictures of older versions are not used. Version 3 converts colours by their profiles.
DECODER_VERSION = 3

Image.MAX_IMAGE_PIXELS = PILLOW_PIXELS

# "JPEG" also opens a camera's file with two views and then reports its format as MPO; Pillow has no opener named MPO.
_FORMATS = tuple(
    ["JPEG", "PNG", "GIF"] + (["WEBP"] if features.check("webp") else []) + (["AVIF"] if features.check("avif") else [])
)
_EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "GIF": "gif", "WEBP": "webp", "AVIF": "avif"}
_MIME = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
}
_READABLE = ["JPEG", "PNG", "GIF", *[name for name in ("WebP", "AVIF") if name.upper() in _FORMATS]]

_FITS = ("letterbox", "stretch")
# Bicubic, widened to the scale (Pillow's resize is antialiased): Lanczos rings along a product's edge on white,
# bilinear blurs the weave of cloth.
_RESAMPLE = Image.Resampling.BICUBIC
# Shrink by an integer factor first, but stay 3 times above the target: 12 MP to 80 px in 16 ms instead of 103, and no
# value differs by more than 3 of 255.
_REDUCING_GAP = 3.0
# A JPEG is decoded at 1/2, 1/4 or 1/8 only if both sides stay at least this many times the needed size: 600 × 800 to
# 224 px in half the time of a margin of 2. For 300 photos of that size, the cosine of the bundled model's vectors with
# those of a full decode is .9994 on average and .9970 at least (margin 2: .99995 and .9986).
_DRAFT_MARGIN = 1.3

# The largest mean difference, of 255, that rotating a lossy picture may cause. Photos: 0.5 to 2; more is noise that an
# encoder cannot reproduce on another grid of blocks.
_LOSS = 4.0


class InputSpec(Protocol):
    """The description of a model's input: `ml.spec.ModelSpec`, or any object with these two attributes."""

    @property
    def input_size(self) -> int: ...

    @property
    def fit(self) -> str: ...


def decode(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Pixels of the first frame, uint8 [H, W, 3], sRGB, upright, transparency on white.

    Raises:
        ImageRejected: the file cannot be used.
    """
    with _rejections(data):
        image = _open(data, max_bytes, max_pixels)
        colours = colours_of(image, data)
        pixels = _in_srgb(_flat(image, colours), colours)
        return np.asarray(upright(pixels, _orientation(image)))


def changed_since(data: bytes, version: int, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> bool:
    """Whether this decoder may give other pixels for the file than the decoder of `version` did. Decodes nothing.

    Raises:
        ImageRejected: the file cannot be used.
    """
    with _rejections(data):
        image = _open(data, max_bytes, max_pixels, scaled=True)
        return version < 3 and colours_of(image, data).conversion is not None


def examine(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Examined:
    """Decode the file completely and describe it. Its name and announced type do not matter.

    Every entry to the shop uses this verdict: only files that it accepts are stored, embedded and searched with.

    Raises:
        ImageRejected: the file cannot be used.
    """
    with _rejections(data):
        image = _open(data, max_bytes, max_pixels, scaled=True)
        size, colours = image.size, colours_of(image, data)
        scale_down(image, max_pixels)
        pixels = checksum(flat(image), colours.profile)
        orientation, name = _orientation(image), str(image.format)
        turned_by_container = name == "AVIF"
        return Examined(
            info=_info(data, image, size, orientation, colours.note),
            orientation=1 if turned_by_container else orientation,
            pixels=pixels,
            stripped=without_metadata(data, name, 1 if turned_by_container else orientation),
            is_lossless=encoding.is_lossless(data, name),
        )


def inspect(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """`examine`, reduced to the description of the picture."""
    return examine(data, max_bytes=max_bytes, max_pixels=max_pixels).info


def bake(data: bytes, *, at_most: int | None = None, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Baked:
    """The picture encoded again, upright, with the same appearance, in at most `at_most` bytes.

    Raises:
        ImageRejected: the file cannot be used, or does not fit into that many bytes ("too_many_bytes").
    """
    with _rejections(data):
        image = _open(data, max_bytes, max_pixels)
        image.load()
        orientation, profile = _orientation(image), colours_of(image, data).profile
        shown = upright(flat(image), orientation)
        pixels = checksum(shown, profile)
        smallest: bytes | None = None
        for encoded in encoding.encoded(image, orientation, data, profile):
            if at_most is not None and len(encoded) <= at_most:
                if difference(shown, flat(_open(encoded, max_bytes, max_pixels))) <= _LOSS:
                    return Baked(encoded, pixels)
                break
            smallest = encoded if smallest is None else min(smallest, encoded, key=len)
        if smallest is None or at_most is not None:
            raise ImageRejected("too_many_bytes", "Encoded again, the picture would grow, or look different.")
        return Baked(smallest, pixels)


def clean(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> tuple[bytes, ImageInfo]:
    """The bytes to publish and their description: without metadata and trailing data, never larger.

    The bytes are the same if there is nothing to remove. Metadata is cut out without re-encoding, so pixels and colour
    profiles stay unchanged. A picture with an EXIF rotation is encoded again, upright, if that does not make it larger;
    otherwise it keeps its pixels, and its orientation as the only EXIF entry. `ml.pictures.decoding` does the same in
    other processes.

    Raises:
        ImageRejected: the file cannot be used.
    """
    return cleaning.clean(
        data,
        examine=lambda data: examine(data, max_bytes=max_bytes, max_pixels=max_pixels),
        bake=lambda data, at_most: bake(data, at_most=at_most, max_bytes=max_bytes, max_pixels=max_pixels),
    )


def to_input(
    data: bytes | np.ndarray,
    spec: InputSpec,
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    lap: Callable[[], None] = lambda: None,
    noted: Callable[[str], None] = lambda _: None,
) -> np.ndarray:
    """Decode, fit and resize a picture to a model's input, uint8 [S, S, 3] sRGB. Training, catalog and queries share
    it. Colours are converted last, because that takes time for each pixel.

    Args:
        data: a file's bytes, or decoded pixels uint8 [H, W, 3] RGB.
        spec: `input_size` is S; `fit` is "letterbox" (whole picture, centred on white) or "stretch".
        lap: called between decoding and fitting, to measure times.
        noted: called with the reason if the picture's colour profile is ignored.

    Raises:
        ImageRejected: the file cannot be used, or the pixels have another shape or type.
        ValueError: `spec.fit` is neither of the two.
    """
    if spec.fit not in _FITS:
        raise ValueError(f"fit must be {' or '.join(_FITS)}, not {spec.fit!r}")
    with _rejections(data if isinstance(data, bytes) else b""):
        if isinstance(data, np.ndarray):
            if data.dtype != np.uint8 or data.ndim != 3 or data.shape[2] != 3 or data.size == 0:
                raise ImageRejected("corrupt", f"Pixels must be uint8 [H, W, 3], not {data.dtype} {data.shape}.")
            image: Image.Image = Image.fromarray(data)
            size, orientation, colours = image.size, 1, Colours()
        else:
            size = _open(data, max_bytes, max_pixels, scaled=True).size
            needed = _fitted(size, spec)
            least = (math.ceil(needed[0] * _DRAFT_MARGIN), math.ceil(needed[1] * _DRAFT_MARGIN))
            image, orientation, colours = _decoded(data, least, max_bytes, max_pixels)
            if colours.note:
                noted(colours.note)
        lap()
        # The frame is square, so fitting before or after rotating the picture gives the same result.
        fitted = _fitted(size, spec)
        if image.size != fitted:
            image = image.resize(fitted, _RESAMPLE, reducing_gap=_REDUCING_GAP)
        return _framed(upright(_in_srgb(image, colours), orientation), spec)


def render(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> renditions.Renditions:
    """Smaller copies of the first frame for pages, and its tone: sRGB, upright, transparency on white, no metadata.

    A width is left out if one of its copies has as many bytes as the file or more. There are none of a picture
    that is too narrow for any.

    Raises:
        ImageRejected: the file cannot be used.
    """
    with _rejections(data):
        size = _open(data, max_bytes, max_pixels, scaled=True).size
        # The orientation is not known yet, so either side may be the width.
        scale = min(1.0, _DRAFT_MARGIN * renditions.WIDTHS[-1] / min(size))
        least = (math.ceil(size[0] * scale), math.ceil(size[1] * scale))
        image, orientation, colours = _decoded(data, least, max_bytes, max_pixels)
        turned = upright(image, orientation)
        widths = renditions.widths_of(turned.width)
        image = _in_srgb(renditions.scaled(turned, widths[-1]) if widths else turned, colours)
        return renditions.Renditions(list(renditions.encoded(image, widths, len(data) - 1)), renditions.tone(image))


def inside(size: tuple[int, int], spec: InputSpec) -> tuple[int, int, int, int]:
    """Left, top, width and height of a picture in the input that `to_input` makes of it, in pixels of the input.

    Args:
        size: width and height of the upright picture.
    """
    width, height = _fitted(size, spec)
    return (spec.input_size - width) // 2, (spec.input_size - height) // 2, width, height


@contextlib.contextmanager
def _rejections(data: bytes) -> Iterator[None]:
    """Turn every exception of Pillow into ImageRejected.

    On odd files Pillow has raised OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError, AttributeError,
    NotImplementedError, OverflowError, EOFError, struct.error, zlib.error, DecompressionBombError and, if warnings are
    errors, DecompressionBombWarning. No such list is complete.
    """
    try:
        yield
    except ImageRejected:
        raise
    except MemoryError as error:
        raise ImageRejected("out_of_memory", "There is not enough memory to decode this picture.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageRejected("too_many_pixels", "The picture has too many pixels.") from error
    except Exception as error:
        if isinstance(error, OSError) and "memory" in str(error):  # how Pillow reports a codec's failed malloc
            raise ImageRejected("out_of_memory", "There is not enough memory to decode this picture.") from error
        if format_of(data) in _READABLE:
            sentence = "The picture is damaged or incomplete. Save it again, or choose another one."
            raise ImageRejected("corrupt", sentence, _short(error)) from error
        raise ImageRejected("unsupported_format", advice_for(data, _READABLE)) from error


def _short(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):  # its text is the repr of a buffer
        return "its header cannot be read"
    return str(error).split("\n")[0][:120] or type(error).__name__


def _open(data: bytes, max_bytes: int, max_pixels: int, *, scaled: bool = False) -> Image.Image:
    """The opened file, with its size checked and its pixels not yet decoded. `scaled`: see `check_pixels`."""
    if not data:
        raise ImageRejected("empty", "The file is empty.")
    check_bytes(data, max_bytes)
    if data.startswith(b"\x89PNG"):
        data = without_large_profile(data, PngImagePlugin.MAX_TEXT_CHUNK)
    image = Image.open(BytesIO(data), formats=_FORMATS)
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageRejected("corrupt", "The picture has no pixels.")
    check_pixels(image, max_pixels, scaled=scaled)
    return image


def _decoded(data: bytes, least: tuple[int, int], max_bytes: int, max_pixels: int) -> tuple[Image.Image, int, Colours]:
    """Pixels as stored, their orientation and their colours. A JPEG may be decoded at 1/2, 1/4 or 1/8, but not below
    `least`.

    Scaling is only a shortcut and never changes the verdict: a JPEG that cannot be scaled, such as a lossless one, is
    decoded in full.
    """
    file = _open(data, max_bytes, max_pixels, scaled=True)
    colours = colours_of(file, data)
    if file.format in ("JPEG", "MPO"):
        size = file.size
        file.draft(None, least)
        check_pixels(file, max_pixels)
        if size[0] * size[1] > max_pixels:  # never decoded in full
            return _flat(file, colours), _orientation(file), colours
        if file.size != size:
            with contextlib.suppress(OSError, ValueError, SyntaxError):
                return _flat(file, colours), _orientation(file), colours
            file = _open(data, max_bytes, max_pixels)
    # Pixels first: reading the EXIF of a PNG decodes it, and a decode that fails once seems to succeed the second time.
    return _flat(file, colours), _orientation(file), colours


def _flat(image: Image.Image, colours: Colours) -> Image.Image:
    return flat(image, colours.conversion.mode if colours.conversion else "RGB")


def _in_srgb(image: Image.Image, colours: Colours) -> Image.Image:
    return colours.conversion(image) if colours.conversion else image


def _orientation(image: Image.Image) -> int:
    """EXIF orientation of a loaded picture, 1 to 8; 1 if there is none, or it cannot be read.

    A GIF has no EXIF. The rotation of an AVIF is in its container, and Pillow applies it. XMP rotates neither.
    """
    if image.format in ("GIF", "AVIF"):
        image.info.pop("xmp", None)
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - damaged EXIF may raise anything, and does not affect the pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _info(data: bytes, image: Image.Image, size: tuple[int, int], orientation: int, note: str) -> ImageInfo:
    width, height = size
    if orientation >= 5:  # a quarter turn
        width, height = height, width
    extension = _EXTENSIONS[str(image.format)]
    name = "JPEG" if extension == "jpg" else str(image.format)
    return ImageInfo(width, height, name, extension, _MIME[extension], hashlib.sha256(data).hexdigest(), note)


def _fitted(size: tuple[int, int], spec: InputSpec) -> tuple[int, int]:
    """Width and height of a picture of `size` inside the S×S frame."""
    frame = spec.input_size
    if spec.fit == "stretch":
        return frame, frame
    scale = frame / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _framed(image: Image.Image, spec: InputSpec) -> np.ndarray:
    """The fitted picture, centred on white."""
    frame = spec.input_size
    if image.size == (frame, frame):
        return np.array(image)
    pixels = np.full((frame, frame, 3), 255, np.uint8)
    left, top = (frame - image.width) // 2, (frame - image.height) // 2
    pixels[top : top + image.height, left : left + image.width] = np.asarray(image)
    return pixels
