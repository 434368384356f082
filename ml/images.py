"""Bytes that somebody sent → pixels, safely. The only module that lets Pillow open a file.

Everything here raises `ImageRejected` and nothing else. Sizes are checked from the header, before a pixel is
decoded; a picture counts as good only after a full decode, because opening and verifying accept files that
then fail to load.

A file may still crash or hang the decoder: what a stranger sent goes through `ml.decoding`, which calls this module in
another process.
"""

import contextlib
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

import numpy as np
from PIL import ExifTags, Image, ImageOps, JpegImagePlugin, UnidentifiedImageError, features

from ml.metadata import without_metadata

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 40_000_000  # a 40 MP picture takes 160 MB in Pillow; phones send 12 to 50 MP

# A second line of defence, for every user of Pillow here: it warns above this and raises above twice this.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS

# "JPEG" opens a camera's file with two views too, and then reports its format as MPO; Pillow has no opener of
# that name.
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
_READABLE_FORMATS = ", ".join(["JPEG", "PNG", "GIF", *[name for name in ("WebP", "AVIF") if name.upper() in _FORMATS]])

_FITS = ("letterbox", "stretch")
_WHITE = (255, 255, 255)
# Bicubic, widened to the scale (Pillow's resize is antialiased): Lanczos rings along a product's edge on a
# white background, bilinear blurs the weave of cloth.
_RESAMPLE = Image.Resampling.BICUBIC
# Shrink by a whole number first, but stay 3x above the target: 12 MP to 80 px in 16 ms instead of 103, and no
# value differs by more than 3 of 255.
_REDUCING_GAP = 3.0
# A JPEG is decoded at 1/2, 1/4 or 1/8 only while both sides stay at least this many times what is needed: 600 × 800 to
# 224 px in half the time that a margin of 2 takes. The bundled model's vectors of 300 photos of that size, against
# those from decoding in full: mean cosine .9994, smallest .9970 (margin 2: .99995 and .9986).
_DRAFT_MARGIN = 1.3


class ImageRejected(Exception):
    """A file that is not accepted. `code` is for programs, `message` is a sentence for a person.

    Codes: empty, too_many_bytes, too_many_pixels, unsupported_format, corrupt, out_of_memory; from
    `ml.decoding` also timeout and crashed.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return self.message


class InputSpec(Protocol):
    """What a model says about its input; `ml.spec.ModelSpec` fits, and so does anything with these two."""

    @property
    def input_size(self) -> int: ...

    @property
    def fit(self) -> str: ...


@dataclass(frozen=True)
class ImageInfo:
    """What a full decode found. `width` and `height` are as shown, that is, upright."""

    width: int
    height: int
    format: str
    extension: str
    mime: str
    digest: str


def decode(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Pixels of the first frame, uint8 [H, W, 3], RGB, upright, transparency on white.

    Raises:
        ImageRejected: whatever is wrong with the file.
    """
    with _rejections(data):
        image = _open(data, max_bytes, max_pixels)
        return np.asarray(_upright(_rgb(image), _orientation(image)))


def inspect(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """What the file is, by a full decode; its name and announced type play no part. Raises ImageRejected."""
    with _rejections(data):
        image = _open(data, max_bytes, max_pixels)
        image.load()
        return _info(data, image)


def clean(data: bytes, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> tuple[bytes, ImageInfo]:
    """The bytes to publish and what they are: `inspect`, with no metadata and nothing behind the picture.

    The same bytes when there is nothing to remove. Metadata is cut out without re-encoding, so pixels stay as
    they are; only a picture that must be turned upright, or one in an unusual container, is encoded anew
    (JPEG and WebP at quality 95, PNG and GIF as lossless PNG). Colour profiles stay.

    Raises:
        ImageRejected: whatever is wrong with the file.
    """
    with _rejections(data):
        image = _open(data, max_bytes, max_pixels)
        image.load()
        info = _info(data, image)
        orientation = _orientation(image)
        stripped = None if orientation != 1 or _avif_metadata(image) else without_metadata(data, str(image.format))
        if stripped is data:
            return data, info
        if stripped is not None:
            # The cut bytes are a new file: they are stored only if they decode to the picture that came in.
            with contextlib.suppress(ImageRejected):
                found = inspect(stripped, max_bytes=max_bytes, max_pixels=max_pixels)
                if (found.width, found.height, found.extension) == (info.width, info.height, info.extension):
                    return stripped, found
        encoded = _encode(image, orientation, is_lossless=b"VP8L" in data[:64])
        # Encoding adds bytes at most; what was accepted on its way in is not refused for that.
        return encoded, inspect(encoded, max_bytes=max(max_bytes, len(encoded)), max_pixels=max_pixels)


def to_input(
    data: bytes | np.ndarray,
    spec: InputSpec,
    *,
    max_bytes: int = MAX_BYTES,
    max_pixels: int = MAX_PIXELS,
    lap: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """A model's input, uint8 [S, S, 3] RGB: decode, fit, resize; the same for training, catalog and query.

    Args:
        data: a file's bytes, or decoded pixels uint8 [H, W, 3] RGB.
        spec: `input_size` is S; `fit` is "letterbox" (whole picture, centred on white) or "stretch".
        lap: called between decoding and fitting, for those who measure.

    Raises:
        ImageRejected: whatever is wrong with the file, or pixels of another shape or type.
        ValueError: `spec.fit` is neither of the two.
    """
    if spec.fit not in _FITS:
        raise ValueError(f"fit must be {' or '.join(_FITS)}, not {spec.fit!r}")
    with _rejections(data if isinstance(data, bytes) else b""):
        if isinstance(data, np.ndarray):
            if data.dtype != np.uint8 or data.ndim != 3 or data.shape[2] != 3 or data.size == 0:
                raise ImageRejected("corrupt", f"Pixels must be uint8 [H, W, 3], not {data.dtype} {data.shape}.")
            image: Image.Image = Image.fromarray(data)
            size, orientation = image.size, 1
        else:
            file = _open(data, max_bytes, max_pixels)
            size, orientation = file.size, _orientation(file)
            if file.format in ("JPEG", "MPO"):
                needed = _fitted(size, spec)
                file.draft(None, (math.ceil(needed[0] * _DRAFT_MARGIN), math.ceil(needed[1] * _DRAFT_MARGIN)))
            image = _rgb(file)
        lap()
        # The frame is square, so fitting before or after turning the picture comes to the same.
        fitted = _fitted(size, spec)
        if image.size != fitted:
            image = image.resize(fitted, _RESAMPLE, reducing_gap=_REDUCING_GAP)
        return _framed(_upright(image, orientation), spec)


@contextlib.contextmanager
def _rejections(data: bytes) -> Iterator[None]:
    """Turn whatever Pillow raises into ImageRejected.

    On odd files it has raised OSError, ValueError, SyntaxError, IndexError, KeyError, TypeError,
    AttributeError, NotImplementedError, OverflowError, EOFError, struct.error, zlib.error,
    DecompressionBombError and, where warnings are errors, DecompressionBombWarning: no list of these is ever
    complete.
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
        if _looks_allowed(data):
            raise ImageRejected("corrupt", f"The picture is damaged or incomplete ({_short(error)}).") from error
        raise ImageRejected(
            "unsupported_format", f"The file is not a picture of a kind accepted here ({_READABLE_FORMATS})."
        ) from error


def _short(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):  # its text is the repr of a buffer
        return "its header cannot be read"
    return str(error).split("\n")[0][:120] or type(error).__name__


def _looks_allowed(data: bytes) -> bool:
    """Whether the first bytes are those of an accepted format; tells a damaged picture from something
    else."""
    if data[4:8] == b"ftyp":
        return "AVIF" in _FORMATS and data[8:12] in (b"avif", b"avis", b"mif1", b"msf1")
    if data[:4] == b"RIFF":
        return "WEBP" in _FORMATS and data[8:12] == b"WEBP"
    return data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a"))


def _open(data: bytes, max_bytes: int, max_pixels: int) -> Image.Image:
    """The opened file, its size checked, its pixels not yet decoded."""
    if not data:
        raise ImageRejected("empty", "The file is empty.")
    if len(data) > max_bytes:
        raise ImageRejected(
            "too_many_bytes",
            f"The file has {len(data) / 2**20:.1f} MB; at most {max_bytes / 2**20:.0f} MB are accepted.",
        )
    image = Image.open(BytesIO(data), formats=_FORMATS)
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageRejected("corrupt", "The picture has no pixels.")
    if width * height > max_pixels:
        raise ImageRejected(
            "too_many_pixels",
            f"The picture has {width} × {height} pixels; at most {max_pixels / 1e6:g} million are accepted.",
        )
    return image


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 when there is none, or none that can be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - damaged EXIF says nothing about the pixels, and it raises anything
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    """`image`, turned. Its own EXIF is not consulted: that may be damaged beyond the one entry that was
    read."""
    if orientation == 1:
        return image
    image.info = {}
    image.getexif().clear()
    image.getexif()[ExifTags.Base.Orientation] = orientation
    return ImageOps.exif_transpose(image)


def _rgb(image: Image.Image) -> Image.Image:
    """Decoded 8-bit RGB, transparency composited on white."""
    image.load()
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I"):
        return _rgb_from_16_bit(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        page = Image.new("RGB", image.size, _WHITE)
        page.paste(layer, mask=layer.getchannel("A"))
        return page
    return image.convert("RGB")


def _rgb_from_16_bit(image: Image.Image) -> Image.Image:
    """Pillow clips 16-bit grey at 255, which turns nearly every such picture white; this scales."""
    grey = np.asarray(image).astype(np.int64).clip(0, 65535)
    eight = ((grey + 128) // 257).astype(np.uint8)
    if isinstance(transparent := image.info.get("transparency"), int):
        eight[grey == transparent] = 255
    return Image.fromarray(eight).convert("RGB")


def _info(data: bytes, image: Image.Image) -> ImageInfo:
    width, height = image.size
    if _orientation(image) >= 5:  # a quarter turn
        width, height = height, width
    extension = _EXTENSIONS[str(image.format)]
    name = "JPEG" if extension == "jpg" else str(image.format)
    return ImageInfo(width, height, name, extension, _MIME[extension], hashlib.sha256(data).hexdigest())


def _avif_metadata(image: Image.Image) -> bool:
    return image.format == "AVIF" and bool(image.info.get("exif") or image.info.get("xmp"))


def _encode(image: Image.Image, orientation: int, *, is_lossless: bool) -> bytes:
    """The upright picture in its own format (GIF as PNG), with its colour profile and no other metadata."""
    target = {"MPO": "JPEG", "GIF": "PNG"}.get(str(image.format), str(image.format))
    choices: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95, "subsampling": _subsampling(image)},
        "PNG": {},
        "WEBP": {"lossless": True} if is_lossless else {"quality": 95},
        "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    }
    options = choices[target]
    kept: dict[str | tuple[int, int], Any] = {
        name: image.info[name] for name in ("icc_profile", "transparency") if name in image.info
    }
    upright = _upright(image.copy(), orientation)
    upright.info = kept  # encoders read comments and more from here
    if "icc_profile" in kept:
        options["icc_profile"] = kept["icc_profile"]
    encoded = BytesIO()
    upright.save(encoded, target, **options)
    return encoded.getvalue()


def _subsampling(image: Image.Image) -> int:
    """The chroma subsampling that the file has; 4:4:4 where Pillow has no name for it."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or image.mode != "RGB":
        return 0
    return max(0, JpegImagePlugin.get_sampling(image))


def _fitted(size: tuple[int, int], spec: InputSpec) -> tuple[int, int]:
    """Width and height that a picture of `size` takes inside the S×S frame."""
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
