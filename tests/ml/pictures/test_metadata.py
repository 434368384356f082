"""What is removed from a file, and what stays unchanged."""

from __future__ import annotations

import struct
import zlib
from functools import cache
from io import BytesIO

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from ml.pictures import avif, cleaning, codec
from ml.pictures.metadata import png_chunks
from tests.ml.conftest import draw, encode

SECRET = b"secret-place"
XMP = b"<x:xmpmeta>secret-place</x:xmpmeta>"
FORMATS = ["JPEG", "PNG", "WEBP", "AVIF"]


def exif(orientation: int = 1) -> bytes:
    entries = Image.Exif()
    entries[ExifTags.Base.Orientation] = orientation
    entries[ExifTags.Base.Copyright] = SECRET.decode()
    return entries.tobytes()


@cache  # it holds the time at which it is made
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.case
@pytest.mark.parametrize("kind", FORMATS)
def test_metadata_goes_without_encoding_again_and_the_profile_stays(kind: str) -> None:
    data = encode(draw(), kind, exif=exif(), xmp=XMP, icc_profile=profile())
    cleaned, _ = codec.clean(data)
    assert SECRET not in cleaned
    assert len(cleaned) <= len(data)
    assert (codec.decode(cleaned) == codec.decode(data)).all()
    opened = Image.open(BytesIO(cleaned))
    assert opened.info["icc_profile"] == profile()
    assert "xmp" not in opened.info
    assert not opened.getexif()
    assert codec.clean(cleaned)[0] is cleaned


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_avif_is_turned_by_its_container_which_stays(orientation: int) -> None:
    stored = draw(40, 24)
    data = encode(stored, "AVIF", exif=exif(orientation), xmp=XMP)
    cleaned, info = codec.clean(data)
    assert (info.width, info.height) == ((24, 40) if orientation >= 5 else (40, 24))
    assert SECRET not in cleaned
    assert len(cleaned) == len(data)
    assert (codec.decode(cleaned) == codec.decode(data)).all()


def test_a_turned_avif_keeps_every_byte_of_its_picture() -> None:
    data = encode(draw(40, 24), "AVIF", exif=exif(6), xmp=XMP)
    cleaned, _ = codec.clean(data)
    picture_at = data.index(b"mdat")
    differing = [at for at in range(picture_at, len(data)) if data[at] != cleaned[at]]
    assert all(cleaned[at] == 0 for at in differing), "only zeros in the place of metadata"
    assert len(differing) <= len(exif(6)) + len(XMP)


def test_an_animated_avif_with_metadata_becomes_its_first_frame() -> None:
    frames = [draw(40, 24, seed=seed) for seed in range(3)]
    options = {"save_all": True, "append_images": frames[1:]}
    plain, marked = encode(frames[0], "AVIF", **options), encode(frames[0], "AVIF", xmp=XMP, exif=exif(), **options)
    assert codec.clean(plain)[0] is plain, "nothing to remove"
    cleaned, _ = codec.clean(marked)
    assert SECRET not in cleaned
    assert len(cleaned) <= len(marked)
    assert (codec.decode(cleaned) == codec.decode(marked)).all()


def test_what_hides_between_the_pictures_of_an_avif_becomes_zeros() -> None:
    data = encode(draw(), "AVIF")
    hidden = (
        struct.pack(">I4s", 8 + len(SECRET), b"free") + SECRET + struct.pack(">I4s", 8 + len(SECRET), b"uuid") + SECRET
    )
    cleaned, _ = codec.clean(data + hidden)
    assert SECRET not in cleaned
    assert (codec.decode(cleaned) == codec.decode(data)).all()


def test_boxes_that_lie_about_their_length_never_hang_or_escape() -> None:
    data = encode(draw(24, 24), "AVIF", exif=exif(), xmp=XMP)
    for at in range(0, len(data) - 4, 3):
        for length in (b"\0\0\0\0", b"\0\0\0\1", b"\xff\xff\xff\xff", b"\0\0\0\x09"):
            try:
                cut = avif.without_metadata(data[:at] + length + data[at + 4 :])
            except (struct.error, IndexError):
                continue
            assert cut is None or len(cut) <= len(data)


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize("quality", [75, 85, 92, 97])
@pytest.mark.parametrize(("size", "loss"), [((2016, 1504), 0.2), ((2000, 1500), 4)], ids=["whole blocks", "cut blocks"])
def test_a_turned_jpeg_never_grows(size: tuple[int, int], loss: float, quality: int) -> None:
    """A fine-grained photo as a rotated phone stores it. With complete blocks of 16, almost nothing is lost."""
    grain = np.random.default_rng(3).integers(0, 256, (size[1], size[0], 1), np.uint8)
    pixels = (grain * 0.1 + np.asarray(draw(*size)) * 0.9).astype(np.uint8)
    data = encode(Image.fromarray(pixels), "JPEG", quality=quality, exif=exif(6))
    cleaned, info = codec.clean(data)
    assert (info.width, info.height) == (size[1], size[0])
    assert len(cleaned) <= len(data)
    assert SECRET not in cleaned
    assert b"Exif" not in cleaned, "upright by its pixels"
    assert np.abs(codec.decode(cleaned).astype(int) - codec.decode(data)).mean() < loss


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_would_grow_keeps_its_pixels_and_an_exif_of_nothing_but_its_orientation(kind: str) -> None:
    data = encode(draw(40, 24), kind, exif=exif(6), quality=30)

    def bake(data: bytes, at_most: int | None) -> codec.Baked:
        return codec.bake(data, at_most=10)

    cleaned, info = cleaning.clean(data, examine=codec.examine, bake=bake)
    assert (info.width, info.height) == (24, 40)
    assert len(cleaned) <= len(data)
    assert SECRET not in cleaned
    assert dict(Image.open(BytesIO(cleaned)).getexif()) == {ExifTags.Base.Orientation: 6}
    assert (codec.decode(cleaned) == codec.decode(data)).all()
    assert cleaning.clean(cleaned, examine=codec.examine, bake=bake)[0] is cleaned


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_turned_png_loses_nothing(mode: str) -> None:
    data = encode(draw(200, 120).convert(mode), exif=exif(8), icc_profile=profile())
    cleaned, _ = codec.clean(data)
    assert (codec.decode(cleaned) == codec.decode(data)).all()
    assert Image.open(BytesIO(cleaned)).info["icc_profile"] == profile()


def test_a_turned_png_goes_on_saying_what_its_colours_are() -> None:
    data = encode(draw(200, 120), exif=exif(6))
    gamma, primaries = (
        chunk(b"gAMA", struct.pack(">I", 100_000)),
        chunk(b"cHRM", struct.pack(">8I", *[30_000] * 8)),
    )
    data = data[:33] + gamma + primaries + data[33:]
    chunks = dict(png_chunks(codec.clean(data)[0]))
    assert (chunks[b"gAMA"], chunks[b"cHRM"]) == (gamma, primaries)


def test_a_gif_without_its_last_byte_is_kept_as_it_is() -> None:
    data = encode(draw(), "GIF")[:-1]
    assert codec.clean(data)[0] is data


def test_a_turned_jpeg_that_would_look_different_keeps_its_pixels() -> None:
    """Noise on another grid of blocks becomes different noise."""
    noise = np.random.default_rng(3).integers(0, 256, (301, 203, 3), np.uint8)
    data = encode(Image.fromarray(noise), "JPEG", quality=60, exif=exif(6))
    cleaned, info = codec.clean(data)
    assert (info.width, info.height) == (301, 203)
    assert SECRET not in cleaned
    assert (codec.decode(cleaned) == codec.decode(data)).all()
