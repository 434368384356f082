"""Photos before the same background stay on one side of a split."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.__main__ import main
from ml.datasets import Sample, backgrounds_of, groups_of, read_split, split
from ml.pictures.codec import to_input
from ml.spec import ModelSpec

GARMENT = {"tall": (0.35, 0.1, 0.65, 1.0), "wide": (0.0, 0.3, 1.0, 0.6), "small": (0.4, 0.4, 0.6, 0.6)}


def floor(seed: int, size: tuple[int, int] = (300, 400), grain: int = 6) -> Image.Image:
    """A blotchy floor, width × height."""
    random = np.random.default_rng(seed)
    tint = random.integers(40, 200, 3)
    coarse = tint + random.integers(-40, 40, (grain, grain, 3))
    smooth = Image.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noisy = np.asarray(smooth) + random.integers(-20, 20, (size[1], size[0], 1))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def photo(
    background: Image.Image, garment: str, colour: tuple[int, int, int], *, light: float = 1.0, shift: int = 0
) -> bytes:
    """A garment on a background as a JPEG file, a little lighter, or taken a few pixels further to the right."""
    scene = np.roll(np.asarray(background), shift, axis=1).astype(float) * light
    shown = Image.fromarray(scene.clip(0, 255).astype(np.uint8))
    left, top, right, bottom = GARMENT[garment]
    box = (int(left * shown.width), int(top * shown.height), int(right * shown.width), int(bottom * shown.height))
    shown.paste(colour, box)
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=80)
    return file.getvalue()


def prepared(photos: list[bytes], fit: str = "letterbox", size: int = 80) -> np.ndarray:
    spec = ModelSpec("resnet50", size, fit, "avg", 2048)
    return np.stack([to_input(each, spec) for each in photos])


@pytest.mark.parametrize(("fit", "size"), [("letterbox", 80), ("stretch", 72), ("letterbox", 128)])
@pytest.mark.parametrize("shape", [(300, 400), (400, 300), (300, 300)])
def test_garments_on_one_floor_share_a_background(shape: tuple[int, int], fit: str, size: int) -> None:
    photos = []
    for seed in range(3):
        ground = floor(seed, shape)
        photos += [
            photo(ground, "tall", (200, 30, 30)),
            photo(ground, "wide", (20, 20, 90)),
            photo(ground, "small", (250, 250, 250), light=1.03, shift=3),
        ]
    found = backgrounds_of(prepared(photos, fit, size))
    assert [found[start : start + 3].tolist() for start in (0, 3, 6)] == [[each] * 3 for each in found[[0, 3, 6]]]
    assert len(set(found.tolist())) == 3


def test_other_floors_of_the_same_tint_are_other_backgrounds() -> None:
    strips = [np.tile(np.linspace(90, 190, 300), (300, 1)), np.tile(np.linspace(190, 90, 300), (300, 1))]
    grounds = [Image.fromarray(np.stack([strip] * 3, axis=2).astype(np.uint8)) for strip in strips]
    found = backgrounds_of(prepared([photo(ground, "small", (90, 20, 20)) for ground in (*grounds, floor(1))]))
    assert len(set(found.tolist())) == 3


@pytest.mark.parametrize("white", [255, 247])
def test_studio_white_is_no_background(white: int) -> None:
    page = Image.new("RGB", (60, 80), (white,) * 3)
    photos = [photo(page, garment, (40, 90, 40)) for garment in GARMENT] + [photo(floor(1), "tall", (1, 1, 1))] * 2
    found = backgrounds_of(prepared(photos))
    assert len(set(found.tolist())) == 4


def test_the_backdrop_of_most_of_a_set_is_no_background() -> None:
    backdrop = floor(1)
    photos = [photo(backdrop, "small", (each * 8, 0, 0)) for each in range(12)]
    photos += [photo(floor(2), garment, (0, 0, 90)) for garment in ("tall", "small")]
    found = backgrounds_of(prepared(photos))
    assert len(set(found[:12].tolist())) == 12
    assert found[12] == found[13]


def test_tiny_pictures_and_none_at_all_have_no_background() -> None:
    assert backgrounds_of(np.zeros((0, 80, 80, 3), np.uint8)).tolist() == []
    assert len(set(backgrounds_of(np.zeros((3, 8, 8, 3), np.uint8)).tolist())) == 3


@pytest.mark.parametrize("each", [4, 20, 60])
def test_no_background_stands_on_two_sides(each: int) -> None:
    """Also where every background has more pictures than a side should have."""
    samples = [Sample(f"{i}", {"type": f"t{i % 2}"}, bytes, f"product {i // 2}") for i in range(240)]
    groups = groups_of(samples, [f"{i}" for i in range(240)])
    backgrounds = np.arange(240) // each
    chosen = split(samples, groups, backgrounds=backgrounds, val=0.1, test=0.1, seed=1)
    sides = np.array([chosen.sides[sample.name] for sample in samples])
    assert all(len(set(sides[backgrounds == one])) == 1 for one in np.unique(backgrounds))
    assert set(sides) == {"train", "val", "test"}


def test_the_command_keeps_backgrounds_together_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    for seed in range(8):
        for garment in GARMENT:
            path = tmp_path / "set" / ("Dress" if garment == "tall" else "Hat") / f"{seed}-{garment}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photo(floor(seed, (90, 120)), garment, (30 * seed, 60, 90)))
    out = tmp_path / "split.json"
    command = ["split", str(tmp_path / "set"), "--val", "0.2", "--test", "0.2", "-o", str(out)]
    assert main(command) == 0
    said = "24 of 24 pictures share a background with others, in 8 groups of up to 3."
    assert said in capsys.readouterr().err
    sides = read_split(out).sides
    for seed in range(8):
        assert len({side for name, side in sides.items() if f"/{seed}-" in name}) == 1
    assert main([*command, "--ignore-backgrounds"]) == 0
    assert "background" not in capsys.readouterr().err
    assert read_split(out).sides != sides
