"""Pictures in other colour spaces than sRGB are seen in their true colours."""

from __future__ import annotations

import logging
import random
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageCms

from bench.profiles import PROFILES, labelled, made
from ml.pictures import codec
from ml.pictures.colours import MAX_PROFILE_BYTES
from ml.pictures.decoding import Decoders
from ml.pictures.matrix_profiles import SRGB_TONE, Primaries, rgb_profile
from tests.ml.conftest import encode

SPEC = SimpleNamespace(input_size=48, fit="letterbox")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = made("Display P3")[1]
_SAVED = {
    "JPEG": {"quality": 98, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 98, "subsampling": "4:4:4"},
}


def swatches() -> Image.Image:
    """Twelve muted colours and greys: within the gamut of print."""
    colours = np.array(
        [(170, 60, 60), (60, 130, 80), (70, 80, 160), (200, 180, 90), (150, 90, 140), (90, 150, 160)]
        + [(level, level, level) for level in (20, 70, 120, 170, 220, 255)],
        np.uint8,
    )
    return Image.fromarray(np.repeat(np.repeat(colours.reshape(2, 6, 3), 24, axis=0), 16, axis=1))


def seen(data: bytes) -> np.ndarray:
    return codec.to_input(data, SPEC).astype(int)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(image: Image.Image, *chunks: bytes) -> bytes:
    data = encode(image)
    return data[:33] + b"".join(chunks) + data[33:]  # after IHDR


@pytest.mark.parametrize("format", _SAVED)
@pytest.mark.parametrize("name", [name for name, (mode, _) in PROFILES.items() if mode == "RGB"])
def test_the_same_colours_look_the_same_in_every_profile_and_format(name: str, format: str) -> None:
    mode, profile = made(name)
    data = labelled(swatches(), mode, profile, format, **_SAVED[format])
    assert np.abs(seen(data) - seen(encode(swatches()))).mean() < 1.5
    assert np.abs(codec.decode(data).astype(int) - np.asarray(swatches())).mean() < 1.5
    assert codec.changed_since(data, 2)
    assert not codec.changed_since(data, codec.DECODER_VERSION)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["CMYK", "grey, gamma 1.8"])
def test_print_and_grey_have_profiles_too(name: str) -> None:
    mode, profile = made(name)
    picture = swatches() if mode == "CMYK" else swatches().convert("L").convert("RGB")
    data = labelled(picture, mode, profile, "JPEG", **_SAVED["JPEG"])
    differences = np.abs(seen(data) - seen(encode(picture)))
    assert differences.mean() < 2
    assert differences.max() < 25  # the black of print stays black


def test_palettes_and_16_bits_have_profiles_too() -> None:
    palette = swatches().convert("P", palette=Image.Palette.ADAPTIVE)
    expected = ImageCms.profileToProfile(
        palette.convert("RGB"), ImageCms.ImageCmsProfile(BytesIO(P3)), ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC, outputMode="RGB",
    )  # fmt: skip
    assert np.abs(codec.decode(encode(palette, icc_profile=P3)).astype(int) - np.asarray(expected)).max() <= 1
    profile = made("grey, gamma 1.8")[1]
    deep = encode(Image.fromarray(np.full((8, 8), 0x8080, np.uint16)), icc_profile=profile)
    flat = encode(Image.new("L", (8, 8), 0x80), icc_profile=profile)
    assert np.array_equal(codec.decode(deep), codec.decode(flat))
    assert codec.decode(flat)[0, 0, 0] == pytest.approx(148, abs=2)  # .502 ^ 1.8, as sRGB


def test_transparency_stays_white() -> None:
    data = encode(Image.new("RGBA", (8, 8), (10, 200, 10, 0)), icc_profile=P3)
    assert (codec.decode(data) == 255).all()


def test_pictures_in_srgb_are_not_touched() -> None:
    plain = encode(swatches())
    for data in (encode(swatches(), icc_profile=SRGB), png_with(swatches(), chunk(b"gAMA", struct.pack(">I", 45455)))):
        assert np.array_equal(codec.decode(data), codec.decode(plain))
        assert not codec.changed_since(data, 0)
        assert codec.inspect(data).note == ""


def test_a_grey_picture_may_be_labelled_as_rgb() -> None:
    data = encode(swatches().convert("L"), "JPEG", icc_profile=P3)
    assert codec.inspect(data).note == ""


def test_png_and_avif_name_their_colours_by_numbers() -> None:
    p3 = Image.open(BytesIO(labelled(swatches(), "RGB", P3, "PNG")))
    p3.info = {}
    chromaticities = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    white = seen(encode(swatches()))
    said = {
        "cICP": png_with(p3, chunk(b"cICP", bytes([12, 13, 0, 1]))),
        "gAMA and cHRM": png_with(p3, chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"cHRM", chromaticities)),
        "nclx": _avif_in_p3(p3),
    }
    for name, data in said.items():
        assert np.abs(seen(data) - white).mean() < 1, name
    assert np.abs(seen(encode(p3)) - white).mean() > 1.4


def _avif_in_p3(image: Image.Image) -> bytes:
    data = encode(image, "AVIF", quality=98)
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :]


BROKEN: dict[str, Callable[[], bytes]] = {
    "cut": lambda: P3[:300],
    "only a header": lambda: P3[:128],
    "nonsense": lambda: b"profile" * 90,
    "of a device link": lambda: P3[:12] + b"link" + P3[16:],
    "of print": lambda: made("CMYK")[1],
    "in another space": lambda: P3[:16] + b"Luv " + P3[20:],
    "huge": lambda: P3 + bytes(MAX_PROFILE_BYTES),
    "with a thousand tags": lambda: P3[:128] + struct.pack(">I", 1000) + P3[132:],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_profile_that_cannot_be_used_is_ignored_with_a_note(name: str, format: str) -> None:
    options = {} if format == "PNG" else _SAVED[format]
    data = encode(swatches(), format, icc_profile=BROKEN[name](), **options)
    assert codec.inspect(data).note.startswith("its colour profile is")
    assert np.array_equal(codec.decode(data), codec.decode(encode(swatches(), format, **options)))
    cleaned, _ = codec.clean(data)
    assert cleaned == data


@pytest.mark.slow
def test_no_damaged_profile_refuses_its_picture() -> None:
    chance = random.Random(4)
    grey = swatches().convert("L")
    pictures = {"RGB": swatches(), "L": grey, "CMYK": swatches().convert("CMYK")}
    for name in PROFILES:
        mode, profile = made(name)
        for _ in range(40):
            damaged = bytearray(profile)
            for _ in range(chance.choice((1, 3, 30))):
                damaged[chance.randrange(min(chance.choice((132, 400, 10**7)), len(damaged)))] = chance.randrange(256)
            data = encode(pictures[mode], "JPEG", icc_profile=bytes(damaged))
            assert codec.to_input(data, SPEC).shape == (48, 48, 3), name
            codec.examine(data)


def test_what_is_published_keeps_its_colours() -> None:
    """A browser converts them itself."""
    gps = Image.Exif()
    gps[0x010E] = "secret-place"
    for format in ("JPEG", "PNG", "WEBP", "AVIF"):
        data = labelled(swatches(), "RGB", P3, format, exif=gps.tobytes())
        cleaned, info = codec.clean(data)
        assert b"secret-place" not in cleaned
        assert Image.open(BytesIO(cleaned)).info["icc_profile"] == P3
        assert np.array_equal(codec.decode(cleaned), codec.decode(data))
        assert info.note == ""
    turned = Image.Exif()
    turned[0x0112] = 6
    for data in (labelled(swatches(), "RGB", P3, "JPEG", exif=turned.tobytes()), _avif_in_p3(swatches())):
        baked = codec.bake(data).data
        assert Image.open(BytesIO(baked)).info["icc_profile"]
        assert np.abs(codec.decode(baked).astype(int) - codec.decode(data)).mean() < 2


def test_chromaticities_must_span_a_colour_space() -> None:
    for primaries in (Primaries((0.3, 0.3), (0.3, 0.3), (0.3, 0.3)), Primaries((0.6, 0.0), (0.3, 0.6), (0.1, 0.1))):
        with pytest.raises(ValueError, match="span no colour space"):
            rgb_profile(primaries, SRGB_TONE, "flat")


@pytest.mark.slow
def test_decoders_convert_and_note(caplog: pytest.LogCaptureFixture) -> None:
    decoders = Decoders(1)
    try:
        data = labelled(swatches(), "RGB", P3, "PNG")
        assert np.array_equal(decoders.to_input(data, SPEC), codec.to_input(data, SPEC))
        assert decoders.changed_since(data, 2)
        assert not decoders.changed_since(encode(swatches()), 2)
        with caplog.at_level(logging.INFO, "ml.pictures.decoding"):
            decoders.clean(encode(swatches(), icc_profile=P3[:300]))
        assert "its colour profile is damaged" in caplog.text
    finally:
        decoders.close()


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.casefile
def test_a_phones_photo_finds_itself(case_folder: Path) -> None:
    from ml import Embedder  # here, because it loads a network's runtime

    files = [(case_folder / f"17-{space}-of-2714.jpg").read_bytes() for space in ("p3", "srgb")]
    one, other = Embedder.load("bundled").embed(files)
    assert one @ other >= 0.99
