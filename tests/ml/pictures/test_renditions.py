"""Smaller copies for pages look like the picture and are never larger than it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from ml.pictures import codec
from ml.pictures.decoding import Decoders
from ml.pictures.renditions import Rendition, widths_of
from tests.ml.conftest import draw, encode
from tests.ml.pictures.test_colours import P3


def opened(made: Rendition) -> Image.Image:
    return Image.open(BytesIO(made.data))


def noise(width: int, height: int) -> Image.Image:
    """A picture that cameras might take: large files at every size."""
    grain = np.random.default_rng(1).integers(0, 60, (height, width, 3), np.uint8)
    return Image.fromarray(np.asarray(draw(width, height)) // 2 + grain)


@pytest.mark.parametrize(
    ("width", "widths"),
    [
        (60, []), (199, []), (200, [160, 200]), (360, [160, 360]), (600, [160, 320, 480, 600]),
        (1280, [160, 320, 480, 800, 1280]), (8000, [160, 320, 480, 800, 1280]),
    ],
)  # fmt: skip
def test_no_width_is_above_that_of_the_picture_and_the_last_shows_it_whole(width: int, widths: list[int]) -> None:
    assert widths_of(width) == widths


@pytest.mark.slow
def test_each_width_is_made_in_both_formats_with_the_proportions_of_the_picture() -> None:
    data = encode(noise(500, 700), "JPEG", quality=95)
    made = codec.render(data).copies
    assert sorted((each.width, each.format) for each in made) == [
        (width, format) for width in (160, 320, 500) for format in ("avif", "webp")
    ]
    for each in made:
        assert opened(each).format == each.format.upper()
        assert opened(each).size == (each.width, round(each.width * 1.4))
        assert len(each.data) < len(data)
        near = np.asarray(opened(each).convert("RGB").resize((50, 70))).astype(int)
        assert np.abs(near - np.asarray(noise(500, 700).resize((50, 70)))).mean() < 6


@pytest.mark.slow
@pytest.mark.parametrize("quality", [5, 50, 75])
def test_no_copy_has_more_bytes_than_the_picture(quality: int) -> None:
    data = encode(noise(400, 500), "WEBP", quality=quality)
    made = codec.render(data).copies
    assert all(len(each.data) < len(data) for each in made)
    widths = {each.width for each in made}
    assert len(made) == 2 * len(widths)
    assert (400 in widths) == (quality > 5), "in a lower quality if need be"


def test_renditions_are_in_srgb_upright_and_without_metadata() -> None:
    picture = noise(300, 400)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"
    wide = ImageCms.profileToProfile(picture, ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(BytesIO(P3)))
    turned = wide.transpose(Image.Transpose.ROTATE_90)
    made = codec.render(encode(turned, "JPEG", quality=95, icc_profile=P3, exif=exif.tobytes())).copies
    assert {each.width for each in made} == {160, 300}
    for each in made:
        shown = opened(each)
        assert not {"icc_profile", "exif", "xmp"} & {name for name, value in shown.info.items() if value}
        near = np.asarray(shown.convert("RGB").resize((30, 40))).astype(int)
        assert np.abs(near - np.asarray(picture.resize((30, 40)))).mean() < 4


@pytest.mark.slow
def test_transparency_is_white_and_an_animation_shows_its_first_frame() -> None:
    clear = noise(300, 300).convert("RGBA")
    clear.putalpha(Image.new("L", (300, 300), 0))
    frames = [noise(300, 300), Image.new("RGB", (300, 300), "black")]
    moving = encode(frames[0].quantize(), "GIF", save_all=True, append_images=frames[1:], duration=100)
    for each in codec.render(encode(clear)).copies:
        assert np.asarray(opened(each).convert("RGB")).min() > 250
    made = codec.render(moving).copies
    assert made
    for each in made:
        assert np.asarray(opened(each).convert("RGB")).mean() > 40


def test_the_tone_is_the_commonest_colour_not_the_mean() -> None:
    shirt = Image.new("RGB", (300, 400), (255, 255, 255))
    shirt.paste((200, 0, 0), (50, 50, 250, 350))
    assert codec.render(encode(shirt)).tone == "777", "half and half would be pink"
    shirt.paste((200, 0, 0), (20, 20, 280, 380))
    assert codec.render(encode(shirt)).tone == "500"
    assert codec.render(encode(Image.new("RGBA", (300, 300), (0, 0, 0, 0)))).tone == "777", "transparency is white"
    assert codec.render(encode(Image.new("RGB", (60, 80), (0, 146, 255)))).tone == "047", "also of a tiny picture"


def test_a_damaged_picture_has_none() -> None:
    with pytest.raises(codec.ImageRejected):
        codec.render(encode(noise(300, 300), "JPEG")[:4000])


@pytest.mark.slow
def test_a_decoder_makes_the_same_renditions_in_its_own_process() -> None:
    decoders = Decoders(1, niceness=10)
    data = encode(noise(250, 300), "JPEG")
    assert decoders.render(data) == codec.render(data)
    assert decoders.render(encode(draw())).copies == []
    decoders.close()
