"""The colours of a picture → sRGB, in which networks are trained and shoppers see the shop.

A file says what its numbers mean by an ICC profile, or by a few numbers (PNG: cICP, gAMA and cHRM; AVIF: nclx); if it
says nothing, they are sRGB. Phones write Display P3, cameras Adobe RGB: read as sRGB, the same picture would get other
colours and so another vector. Colours are converted relative to white, with black point compensation: white stays
white, and the black of a print becomes black instead of dark grey. With a printer's profile, the mean
cosine of 40 CMYK pictures with their sRGB originals is .996 with the compensation and .984 without.

A profile is read by Little CMS, which is written in C. Before that, its size and its header are checked here, and
elements that may take any time are removed. What cannot be used is ignored, with a note, and the picture is read as
sRGB, as browsers do.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from ml.pictures.avif import nclx
from ml.pictures.matrix_profiles import BT2020, DISPLAY_P3, SRGB, SRGB_TONE, Primaries, Tone, rgb_profile
from ml.pictures.metadata import png_chunks

#: Profiles of CMYK printers have 0.5 to 2.7 MB.
MAX_PROFILE_BYTES = 4 * 2**20
_KEPT = 16  # transforms in memory; a shop's pictures have a few different profiles
#: A profile that changes no value by more than this, of 255, is sRGB: the common profiles of that name differ by 1.
_SAME = 2
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_DEVICES = frozenset([b"scnr", b"mntr", b"prtr", b"spac"])
_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N"})

# ITU-T H.273, as cICP and nclx number them. HDR (16 and 18) would have to be tone-mapped; it is ignored.
_PRIMARIES = {1: SRGB, 9: BT2020, 12: DISPLAY_P3}
_TONES = {1: SRGB_TONE, 4: Tone(2.2), 5: Tone(2.8), 6: SRGB_TONE, 8: Tone(1.0), 13: SRGB_TONE, 14: SRGB_TONE}
_UNSPECIFIED = 2
_LIKE_SRGB = 2_273  # 5 %, the tolerance of libpng


@dataclass(frozen=True)
class Conversion:
    """Attributes: mode, of the pixels that are converted: "RGB", "L" or "CMYK"."""

    mode: str
    transform: ImageCms.ImageCmsTransform

    def __call__(self, image: Image.Image) -> Image.Image:
        """`image` in `mode` → "RGB", in sRGB."""
        converted = ImageCms.applyTransform(image, self.transform)
        assert converted is not None  # noqa: S101  (only if done in place)
        return converted


@dataclass(frozen=True)
class Colours:
    """What a file says about its colours.

    Attributes:
        conversion: to sRGB; None if they are sRGB.
        profile: the file's profile, or one made from its numbers; None if it has neither.
        note: why its profile is ignored; empty if it is not.
    """

    conversion: Conversion | None = None
    profile: bytes | None = None
    note: str = ""


def colours_of(image: Image.Image, data: bytes) -> Colours:
    """The colours of an opened picture; its pixels need not be loaded.

    Args:
        data: the file.
    """
    try:
        profile = _stated(image, data)
    except ValueError as error:
        return Colours(note=str(error))
    if profile is None:
        return Colours()
    kind = "CMYK" if image.mode == "CMYK" else "L" if image.mode in _GREY_MODES else "RGB"
    found = _conversion(profile, kind)
    if isinstance(found, str):
        return Colours(profile=profile, note=found)
    return Colours(found, profile)


def _stated(image: Image.Image, data: bytes) -> bytes | None:
    """The profile of a file. Raises ValueError, with a note, if what it says cannot be used."""
    if image.format == "PNG":
        return _of_png(data)
    profile = image.info.get("icc_profile")
    if not profile and image.format == "AVIF":
        code = nclx(data)
        return None if code is None else _coded(*code)
    return profile or None


def _of_png(data: bytes) -> bytes | None:
    """By the chunk of the highest priority (PNG, third edition, 4.3)."""
    said: dict[bytes, bytes] = {}
    for kind, chunk in png_chunks(data):
        if kind == b"IDAT":
            break
        said.setdefault(kind, chunk[8:-4])
    if b"cICP" in said and len(said[b"cICP"]) == 4:
        return _coded(*said[b"cICP"][:2])
    if b"iCCP" in said:
        return _inflated(said[b"iCCP"])
    if b"sRGB" in said or b"gAMA" not in said:
        return None
    return _numbered(said[b"gAMA"], said.get(b"cHRM"))


def _inflated(chunk: bytes) -> bytes:
    body = chunk[chunk.find(b"\0") + 2 :]
    try:
        profile = zlib.decompressobj().decompress(body, MAX_PROFILE_BYTES + 1)
    except zlib.error as error:
        raise ValueError("its colour profile is damaged") from error
    return profile


def without_large_profile(data: bytes, most: int) -> bytes:
    """The PNG without a profile that Pillow would not open: larger than `most`, or packed in an unknown way."""
    at = 8
    for kind, chunk in png_chunks(data):
        if kind == b"IDAT":
            break
        if kind == b"iCCP":
            body = chunk[8:-4]
            start = body.find(b"\0") + 2
            try:
                fits = (
                    body[start - 1 : start] == b"\0"
                    and len(zlib.decompressobj().decompress(body[start:], most + 1)) <= most
                )
            except zlib.error:
                fits = True  # Pillow ignores it too
            if not fits:
                return data[:at] + data[at + len(chunk) :]
        at += len(chunk)
    return data


def _coded(primaries: int, tone: int) -> bytes | None:
    if _UNSPECIFIED in (primaries, tone):
        return None
    if primaries not in _PRIMARIES or tone not in _TONES:
        raise ValueError(f"its colours (code {primaries}/{tone}) are not supported")
    if _PRIMARIES[primaries] is SRGB and _TONES[tone] is SRGB_TONE:
        return None
    return rgb_profile(_PRIMARIES[primaries], _TONES[tone], f"H.273 {primaries}/{tone}")


def _numbered(gamma: bytes, chromaticities: bytes | None) -> bytes:
    try:
        (exponent,) = struct.unpack(">I", gamma)
        primaries = SRGB
        if chromaticities is not None:
            white, *rest = np.array(struct.unpack(">8I", chromaticities)).reshape(4, 2) / 100_000
            primaries = Primaries(*(tuple(map(float, each)) for each in (*rest, white)))  # type: ignore[arg-type]
        if not 10_000 <= exponent <= 1_000_000:
            raise ValueError
        # 1/2.2 is what encoders write for sRGB, whose curve has no single exponent.
        tone = SRGB_TONE if abs(exponent - 45_455) <= _LIKE_SRGB else Tone(100_000 / exponent)
        return rgb_profile(primaries, tone, "gAMA and cHRM")
    except (struct.error, ValueError, ZeroDivisionError) as error:
        raise ValueError("its gamma or chromaticities are not possible") from error


@lru_cache(maxsize=_KEPT)
def _conversion(profile: bytes, kind: str) -> Conversion | str | None:
    """How pixels of `kind` ("RGB", "L" or "CMYK") are converted; None if they are sRGB; a note if the profile cannot be
    used."""
    if len(profile) > MAX_PROFILE_BYTES:
        return f"its colour profile is larger than {MAX_PROFILE_BYTES // 2**20} MB"
    if len(profile) < 132 or profile[36:40] != b"acsp" or profile[12:16] not in _DEVICES:
        return "its colour profile is damaged or not one of a device"
    mode = _SPACES.get(profile[16:20])
    if mode is None or (mode != kind and (mode, kind) != ("RGB", "L")):  # grey is often labelled as sRGB
        return "its colour profile is of another kind of picture"
    try:
        read = ImageCms.ImageCmsProfile(BytesIO(_bounded(profile)))
        conversion = Conversion(mode, ImageCms.buildTransform(read, _srgb(), mode, "RGB", _INTENT, _FLAGS))
        return None if mode != "CMYK" and _is_srgb(conversion) else conversion
    except Exception:  # noqa: BLE001 - Pillow's errors on odd profiles are as various as on odd pictures
        return "its colour profile is damaged"


@lru_cache(maxsize=1)
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _bounded(profile: bytes) -> bytes:
    """The profile without float elements: they may be thousands of steps for each colour. Profiles that have them have
    the usual tables too."""
    changed = bytearray(profile)
    (count,) = struct.unpack_from(">I", profile, 128)
    for number in range(min(count, 100)):
        at = 132 + 12 * number
        if changed[at : at + 3] in (b"D2B", b"B2D"):
            changed[at : at + 4] = b"x%03d" % number
    return bytes(changed)


def _is_srgb(conversion: Conversion) -> bool:
    """Measured on a grid of colours and on all greys, because anything may be called sRGB."""
    greys = np.arange(256, dtype=np.uint8)
    if conversion.mode == "L":
        values = greys[None]
        expected = np.repeat(values[..., None], 3, axis=2)
    else:
        steps = np.arange(0, 256, 51, dtype=np.uint8)
        grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
        expected = values = np.concatenate([grid, np.repeat(greys[:, None], 3, axis=1)])[None]
    converted = np.asarray(conversion(Image.fromarray(values)))
    return bool(np.abs(converted.astype(int) - expected).max() <= _SAME)
