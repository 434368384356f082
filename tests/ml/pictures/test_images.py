"""Every odd picture through every step: decode, inspect, clean, to_input."""

import contextlib
import hashlib
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageFile, PngImagePlugin

from ml.pictures import codec
from tests.ml.conftest import draw, encode

SPEC = SimpleNamespace(input_size=32, fit="letterbox")
RED = (200, 30, 30)


def frames(count: int = 3) -> list[Image.Image]:
    return [Image.new("RGB", (20, 10), (40 * i, 0, 0)) for i in range(count)]


def exif(orientation: object = 1, *, gps: bool = False) -> bytes:
    entries = Image.Exif()
    entries[ExifTags.Base.Orientation] = orientation
    if gps:
        entries.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
        entries[ExifTags.Base.Copyright] = "secret-place"
    return entries.tobytes()


def transparent(mode: str) -> Image.Image:
    image = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 10, 10))
    return image.convert(mode)


def palette_with_transparency() -> bytes:
    image = Image.new("P", (20, 10), 0)
    image.putpalette([*RED, 9, 9, 9])
    image.paste(1, (10, 0, 20, 10))
    return encode(image, transparency=1)


def sixteen_bit() -> bytes:
    ramp = np.linspace(0, 65535, 20).astype(np.uint16)
    return encode(Image.fromarray(np.tile(ramp, (10, 1))))


ODD = {
    "an ordinary JPEG": lambda: encode(draw(20, 10), "JPEG"),
    "a progressive JPEG": lambda: encode(draw(20, 10), "JPEG", progressive=True),
    "a grey JPEG": lambda: encode(draw(20, 10).convert("L"), "JPEG"),
    "a CMYK JPEG": lambda: encode(draw(20, 10).convert("CMYK"), "JPEG"),
    "an MPO": lambda: encode(frames()[0], "MPO", save_all=True, append_images=frames()[1:]),
    "a 16-bit PNG": sixteen_bit,
    "a palette PNG": lambda: encode(draw(20, 10).convert("P")),
    "a palette PNG with transparency": palette_with_transparency,
    "an RGB PNG with a transparent colour": lambda: encode(Image.new("RGB", (20, 10)), transparency=(0, 0, 0)),
    "an RGBA PNG": lambda: encode(transparent("RGBA")),
    "an LA PNG": lambda: encode(transparent("LA")),
    "a 1-bit PNG": lambda: encode(draw(20, 10).convert("1")),
    "an animated PNG": lambda: encode(frames()[0], save_all=True, append_images=frames()[1:]),
    "an animated GIF": lambda: encode(frames()[0], "GIF", save_all=True, append_images=frames()[1:], loop=0),
    "a WebP": lambda: encode(draw(20, 10), "WEBP"),
    "a lossless WebP with alpha": lambda: encode(transparent("RGBA"), "WEBP", lossless=True),
    "an animated WebP": lambda: encode(frames()[0], "WEBP", save_all=True, append_images=frames()[1:]),
    "an AVIF": lambda: encode(draw(20, 10), "AVIF"),
    "a JPEG with damaged EXIF": lambda: encode(draw(20, 10), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
    "a JPEG with orientation 0": lambda: encode(draw(20, 10), "JPEG", exif=exif(0)),
    "a WebP with damaged EXIF": lambda: encode(draw(20, 10), "WEBP", exif=b"nonsense"),
}


@pytest.mark.parametrize("kind", ODD)
def test_every_odd_picture_passes_every_step(kind: str) -> None:
    data = ODD[kind]()
    pixels = codec.decode(data)
    assert (pixels.shape, pixels.dtype) == ((10, 20, 3), np.uint8)

    info = codec.inspect(data)
    assert (info.width, info.height) == (20, 10)
    assert info.digest == hashlib.sha256(data).hexdigest()

    cleaned, cleaned_info = codec.clean(data)
    assert codec.inspect(cleaned) == cleaned_info
    assert (codec.decode(cleaned) == pixels).all()
    assert codec.clean(cleaned)[0] is cleaned

    assert codec.to_input(data, SPEC).shape == (32, 32, 3)
    assert (codec.to_input(data, SPEC) == codec.to_input(cleaned, SPEC)).all()


@pytest.mark.parametrize(
    ("data", "extension", "mime"),
    [
        (encode(draw(), "JPEG"), "jpg", "image/jpeg"),
        (ODD["an MPO"](), "jpg", "image/jpeg"),
        (encode(draw(), "PNG"), "png", "image/png"),
        (encode(draw(), "GIF"), "gif", "image/gif"),
        (encode(draw(), "WEBP"), "webp", "image/webp"),
        (encode(draw(), "AVIF"), "avif", "image/avif"),
    ],
)
def test_the_extension_comes_from_the_content(data: bytes, extension: str, mime: str) -> None:
    info = codec.inspect(data)
    assert (info.extension, info.mime) == (extension, mime)


def test_transparency_becomes_white() -> None:
    kinds = ["a palette PNG with transparency", "an RGBA PNG", "a lossless WebP with alpha"]
    for data in (ODD[kind]() for kind in kinds):
        pixels = codec.decode(data)
        assert pixels[5, 2].tolist() == list(RED)
        assert pixels[5, 17].tolist() == [255, 255, 255]
    assert (codec.decode(ODD["an RGB PNG with a transparent colour"]()) == 255).all()


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    assert codec.decode(sixteen_bit())[0, [0, 10, 19], 0].tolist() == [0, 134, 255]


def test_cmyk_colours_come_out_as_they_went_in() -> None:
    pixels = codec.decode(encode(Image.new("RGB", (16, 16), RED).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(pixels[8, 8].astype(int) - RED).max() < 8


@pytest.mark.slow
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_every_exif_orientation_is_shown_upright(orientation: int, kind: str) -> None:
    shown = Image.new("RGB", (48, 32), "white")
    shown.paste(RED, (0, 0, 24, 16))  # red at the top left
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # transposition that leads from shown to stored
    stored = shown if orientation == 1 else shown.transpose(Image.Transpose(undo[orientation]))
    data = encode(stored, kind, exif=exif(orientation), quality=95)

    info = codec.inspect(data)
    assert (info.width, info.height) == (48, 32)
    cleaned, cleaned_info = codec.clean(data)
    assert (cleaned_info.width, cleaned_info.height) == (48, 32)
    assert b"Exif" not in cleaned
    for pixels in (codec.decode(data), codec.decode(cleaned)):
        assert pixels.shape == (32, 48, 3)
        assert np.abs(pixels[4, 6].astype(int) - RED).max() < 12
        assert pixels[28, 6].min() > 240
        assert pixels[4, 42].min() > 240
    frame = codec.to_input(data, SimpleNamespace(input_size=48, fit="letterbox"))
    assert np.abs(frame[12, 6].astype(int) - RED).max() < 12
    assert frame[36, 42].min() > 240


def test_orientation_is_heeded_when_other_exif_is_damaged() -> None:
    good = exif(6)
    damaged = good[:-4] + b"\xff\xff\xff\xff"  # a next directory far beyond the end
    assert codec.inspect(encode(draw(20, 10), "JPEG", exif=damaged)).width == 10


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_gps_position_never_reaches_the_public(kind: str) -> None:
    data = encode(draw(), kind, exif=exif(gps=True), xmp=b"<x:xmpmeta>secret-place</x:xmpmeta>")
    assert b"secret-place" in data
    cleaned, info = codec.clean(data)
    assert b"secret-place" not in cleaned
    assert not Image.open(BytesIO(cleaned)).getexif()
    assert info.extension == codec.inspect(data).extension


def test_comments_and_texts_are_cut_without_touching_a_pixel() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "secret-name")
    for data in (
        encode(draw(), "JPEG", comment=b"secret-name"),
        encode(draw(), "PNG", pnginfo=text),
        encode(draw(), "GIF", comment=b"secret-name"),
    ):
        assert b"secret-name" in data
        cleaned, info = codec.clean(data)
        assert b"secret-name" not in cleaned
        assert info.extension == codec.inspect(data).extension
        assert (codec.decode(cleaned) == codec.decode(data)).all()


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "WEBP", "GIF", "AVIF"])
def test_a_page_of_html_behind_a_picture_is_cut_off(kind: str) -> None:
    data = encode(draw(), kind) + b"<html><script>alert(1)</script></html>"
    cleaned, _ = codec.clean(data)
    assert b"<script>" not in cleaned
    assert codec.decode(cleaned).shape == (80, 60, 3)


def test_a_colour_profile_stays() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for data in (
        encode(draw(), "JPEG", icc_profile=profile, comment=b"note"),
        encode(draw(), "JPEG", icc_profile=profile, exif=exif(6)),
    ):
        assert Image.open(BytesIO(codec.clean(data)[0])).info["icc_profile"] == profile


def test_a_clean_picture_is_kept_byte_for_byte() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "GIF"):
        data = encode(draw(), kind)
        assert codec.clean(data)[0] is data


def png_claiming(width: int, height: int) -> bytes:
    """A small file with a header that states a large size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


def jpeg_claiming(width: int, height: int, *, progressive: bool = False) -> bytes:
    data = bytearray(encode(draw(), "JPEG", progressive=progressive))
    at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, height, width)
    return bytes(data)


REJECTED = {
    "nothing": (lambda: b"", "empty"),
    "text named .jpg": (lambda: b"hello, I am a picture", "unsupported_format"),
    "an SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "unsupported_format"),
    "a PDF": (lambda: b"%PDF-1.7\n1 0 obj\n", "unsupported_format"),
    "an EPS": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unsupported_format"),
    "a TIFF": (lambda: encode(draw(), "TIFF"), "unsupported_format"),
    "a BMP": (lambda: encode(draw(), "BMP"), "unsupported_format"),
    "half a JPEG": (lambda: encode(draw(200, 200), "JPEG")[:1500], "corrupt"),
    "a JPEG header": (lambda: encode(draw(), "JPEG")[:40], "corrupt"),
    "half a PNG": (lambda: encode(draw(200, 200), "PNG")[:300], "corrupt"),
    "half a WebP": (lambda: encode(draw(200, 200), "WEBP")[:300], "corrupt"),
    "half a GIF": (lambda: encode(draw(200, 200), "GIF")[:900], "corrupt"),
    "a PNG header that claims 65,535 squared": (lambda: png_claiming(65535, 65535), "too_many_pixels"),
    "a 100 MP 1-bit PNG": (lambda: encode(Image.new("1", (10_000, 10_000))), "too_many_pixels"),
    "a JPEG header that claims 201 MP": (lambda: jpeg_claiming(20_100, 10_000), "too_many_pixels"),
    "a progressive JPEG header that claims 81 MP": (
        lambda: jpeg_claiming(9_000, 9_000, progressive=True),
        "too_many_pixels",
    ),
    "a 41 MP WebP": (lambda: encode(Image.new("RGB", (8_200, 5_000)), "WEBP"), "too_many_pixels"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", REJECTED)
def test_what_is_no_picture_is_rejected_by_every_step(kind: str) -> None:
    make, code = REJECTED[kind]
    data = make()
    steps = (codec.decode, codec.inspect, codec.clean, lambda data: codec.to_input(data, SPEC))
    for step in steps:
        with pytest.raises(codec.ImageRejected) as rejected:
            step(data)
        assert rejected.value.code == code
        assert rejected.value.message.endswith(".")
        assert "0x" not in rejected.value.message  # no addresses of Python objects


@pytest.mark.slow
@pytest.mark.parametrize("size", [(8064, 6048), (8192, 6144)], ids=["48 MP", "50 MP"])
def test_a_phones_largest_photos_are_accepted_at_an_eighth_of_their_size(size: tuple[int, int]) -> None:
    small = draw(size[0] // 32, size[1] // 32)
    data = encode(small.resize(size, Image.Resampling.NEAREST), "JPEG", exif=exif(6))
    published, info = codec.clean(data)
    assert (info.width, info.height) == size[::-1]
    assert codec.clean(published)[0] == published
    expected = codec.to_input(encode(small, exif=exif(6)), SPEC).astype(int)
    assert abs(codec.to_input(data, SPEC) - expected).mean() < 6
    for step in (codec.examine, lambda data: codec.to_input(data, SPEC)):
        with pytest.raises(codec.ImageRejected, match="damaged"):
            step(data[: len(data) // 2])


def test_the_sentence_about_a_large_picture_says_what_to_do() -> None:
    with pytest.raises(codec.ImageRejected, match="Resize it to below 40 megapixels, or send a screenshot of it"):
        codec.examine(png_claiming(9_000, 5_000))


def test_limits_can_be_set_by_the_caller() -> None:
    data = encode(draw(), "JPEG")
    with pytest.raises(codec.ImageRejected, match=r"0\.0 MB") as too_long:
        codec.decode(data, max_bytes=len(data) - 1)
    with pytest.raises(codec.ImageRejected, match="60 × 80 pixels") as too_large:
        codec.decode(data, max_pixels=60 * 80 - 1)
    assert (too_long.value.code, too_large.value.code) == ("too_many_bytes", "too_many_pixels")
    assert codec.decode(data, max_bytes=len(data), max_pixels=60 * 80).shape == (80, 60, 3)


def damaged(original: bytes, rounds: int = 150) -> Iterator[bytes]:
    random = np.random.default_rng(7)
    for number in range(rounds):
        data = bytearray(original)
        for _ in range(1 + number % 4):
            data[random.integers(len(data))] = random.integers(256)
        yield bytes(data[: random.integers(1, len(data))] if number % 5 == 0 else data)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "MPO"])
def test_damaged_bytes_are_rejected_or_decoded_and_nothing_else(kind: str) -> None:
    for data in damaged(encode(draw(24, 24), kind, exif=exif(6))):
        for step in (codec.decode, codec.clean, lambda data: codec.to_input(data, SPEC)):
            with contextlib.suppress(codec.ImageRejected):
                step(data)


def test_a_letterbox_keeps_proportions_and_centres_on_white() -> None:
    data = encode(Image.new("RGB", (100, 50), RED))
    frame = codec.to_input(data, SimpleNamespace(input_size=80, fit="letterbox"))
    assert (frame[:20] == 255).all()
    assert (frame[60:] == 255).all()
    assert (frame[20:60] == RED).all()


def test_a_stretch_fills_the_frame() -> None:
    data = encode(Image.new("RGB", (100, 50), RED))
    assert (codec.to_input(data, SimpleNamespace(input_size=80, fit="stretch")) == RED).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 10_000), (10_000, 1), (80, 80), (79, 80)])
def test_extreme_shapes_still_fit_the_frame(size: tuple[int, int]) -> None:
    frame = codec.to_input(encode(Image.new("RGB", size, RED)), SimpleNamespace(input_size=80, fit="letterbox"))
    assert frame.shape == (80, 80, 3)
    assert (frame[39, 39] == RED).all()


def test_a_60_by_80_picture_is_not_resampled() -> None:
    data = encode(draw())
    frame = codec.to_input(data, SimpleNamespace(input_size=80, fit="letterbox"))
    assert (frame[:, 10:70] == codec.decode(data)).all()


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
@pytest.mark.parametrize("size", [(600, 800), (1999, 1333), (161, 160)])
def test_a_draft_of_a_large_jpeg_looks_like_the_whole(fit: str, size: tuple[int, int]) -> None:
    spec = SimpleNamespace(input_size=80, fit=fit)
    data = encode(draw(*size), "JPEG", quality=90)
    from_file, from_pixels = codec.to_input(data, spec), codec.to_input(codec.decode(data), spec)
    assert np.abs(from_file.astype(int) - from_pixels).mean() < 0.5


def test_pixels_of_another_shape_are_rejected_and_an_unknown_fit_is_a_mistake() -> None:
    for pixels in (
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ):
        with pytest.raises(codec.ImageRejected):
            codec.to_input(pixels, SPEC)
    with pytest.raises(ValueError, match="letterbox or stretch"):
        codec.to_input(encode(draw()), SimpleNamespace(input_size=80, fit="crop"))


def test_pillow_stays_strict() -> None:
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert codec.MAX_PIXELS == 40_000_000
    assert Image.MAX_IMAGE_PIXELS == 5 * codec.MAX_PIXELS
