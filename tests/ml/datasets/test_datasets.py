"""Labelled sets: read, decoded once, split without leaks."""

import json
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ml.datasets import (
    FAMILIES,
    DatasetError,
    Sample,
    Split,
    family_of,
    groups_of,
    open_set,
    prepare,
    read_split,
    split,
    write_split,
)
from ml.pictures.codec import MAX_BYTES
from tests.ml.conftest import draw, encode

HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName\n"


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    """Four rows; 3 has no picture, 4 no colour and the same name as 1."""
    path = tmp_path / "set.zip"
    rows = (
        "1,Men,Apparel,Topwear,Tshirts,Navy Blue,Fall,2011,Casual,Plain  Tee\n"
        "2,Women,Apparel,Topwear,Tops,Rust,Fall,2011,Casual,Top\n"
        "3,Women,Apparel,Topwear,Tops,Red,Fall,2011,Casual,Gone\n"
        "4,Boys,Apparel,Topwear,Tshirts,NA,Fall,2011,Casual,plain tee\n"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("styles.csv", HEADER + rows)
        for number in (1, 2, 4):
            archive.writestr(f"images/{number}.jpg", encode(draw(seed=number), "JPEG"))
    return path


def class_folders(folder: Path, **classes: int) -> Path:
    for name, count in classes.items():
        for number in range(count):
            path = folder / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode(draw(seed=hash((name, number)) % 1000)))
    return folder


def named(*names: str) -> list[Sample]:
    return [Sample(f"{i}.jpg", {"type": "a"}, bytes, group) for i, group in enumerate(names)]


def test_a_table_gives_type_colour_family_and_gender(kaggle: Path) -> None:
    notes: list[str] = []
    first, second, fourth = open_set(kaggle, note=notes.append)
    assert first.labels == {"type": "Tshirts", "colour": "Navy Blue", "family": "blue", "gender": "Men"}
    assert second.labels["family"] == "brown"
    assert fourth.labels == {"type": "Tshirts", "gender": "Boys"}
    assert first.group == fourth.group == "plain tee"
    assert notes == ["1 of 4 rows of styles.csv have no picture or no label: left out."]


def test_the_folder_of_a_picture_is_its_type(tmp_path: Path) -> None:
    samples = open_set(class_folders(tmp_path, Dress=2, Shirt=1))
    assert [sample.labels for sample in samples] == [{"type": "Dress"}, {"type": "Dress"}, {"type": "Shirt"}]


def test_an_unpacked_table_reads_like_the_zip_file(kaggle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(kaggle).extractall(folder)
    assert [(s.name, s.labels) for s in open_set(folder)] == [(s.name, s.labels) for s in open_set(kaggle)]


@pytest.mark.parametrize("kind", ["absent", "empty", "broken zip", "flat", "headless"])
def test_a_set_that_cannot_be_used_says_why(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "set"
    if kind == "broken zip":
        path = tmp_path / "set.zip"
        path.write_bytes(b"PK\x03\x04 cut off")
    elif kind != "absent":
        path.mkdir()
    if kind == "flat":
        (path / "picture.png").write_bytes(encode(draw()))
    if kind == "headless":
        (path / "styles.csv").write_text("1,2,3\n4,5,6\n")
    with pytest.raises(DatasetError, match="set"):
        open_set(path)


@pytest.mark.parametrize("kind", ["damaged", "too large"])
def test_a_table_that_cannot_be_unpacked_is_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    table = HEADER.encode() if kind == "damaged" else bytes(MAX_BYTES + 1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("styles.csv", table)
    if kind == "damaged":
        data = bytearray(path.read_bytes())
        data[45:75] = b"\xff" * 30
        path.write_bytes(data)
    with pytest.raises(DatasetError, match=r"styles\.csv in .*set\.zip cannot be read"):
        open_set(path)


def test_hidden_files_and_folders_hold_no_classes(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", Dress=1, __MACOSX=1)
    for name in (".thumbnails/0.png", "Dress/._0.png", "__MACOSX/Dress/0.png", "Dress/.old/1.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(encode(draw()))
    (folder / ".thumbnails" / "styles.csv").write_text(HEADER)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder))
    for path in (folder, tmp_path / "set.zip"):
        assert [sample.name for sample in open_set(path)] == ["Dress/0.png"]


def test_every_family_holds_colours_and_no_colour_is_in_two() -> None:
    colours = [colour for members in FAMILIES.values() for colour in members]
    assert len(FAMILIES) == 12
    assert len(colours) == len(set(colours))
    assert (family_of("turquoise BLUE "), family_of("Multi"), family_of("")) == ("blue", None, None)


def test_pictures_are_decoded_once_and_bad_ones_named(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "set", Dress=3)
    (folder / "Dress" / "1.png").write_bytes(b"no picture")
    notes: list[str] = []
    arguments = {"input_size": 32, "fit": "letterbox", "cache_dir": tmp_path / "cache"}
    first = prepare(open_set(folder), note=notes.append, **arguments)
    assert [sample.name for sample in first.samples] == ["Dress/0.png", "Dress/2.png"]
    assert first.pixels.shape == (2, 32, 32, 3)
    assert len(notes) == 1
    assert notes[0].startswith("Left out Dress/1.png: ")
    again = prepare(open_set(folder), note=notes.append, **arguments)
    np.testing.assert_array_equal(again.pixels, first.pixels)
    assert len(notes) == 1
    (folder / "Dress" / "1.png").write_bytes(encode(draw(seed=5)))
    assert len(prepare(open_set(folder), **arguments).samples) == 3


def test_what_an_older_decoding_kept_is_decoded_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []

    def read() -> bytes:
        reads.append("again")
        return encode(draw())

    samples = [Sample("0.png", {"type": "a"}, read)]
    for decoding in (2, 2, 3):
        monkeypatch.setattr("ml.datasets.prepared.DECODER_VERSION", decoding)
        prepare(samples, input_size=32, fit="letterbox", cache_dir=tmp_path)
    assert len(reads) == 2


def test_a_picture_that_the_system_could_not_read_is_tried_again(tmp_path: Path) -> None:
    """A damaged picture is still left out."""
    data, attempts, notes = encode(draw()), [TimeoutError("the drive is gone"), None], []

    def flaky() -> bytes:
        if error := attempts.pop(0):
            raise error
        return data

    def damaged() -> bytes:
        raise lzma.LZMAError("Corrupt input data")

    samples = [Sample(f"{name}.png", {"type": "a"}, read) for name, read in
               (("0", lambda: data), ("1", flaky), ("2", damaged))]  # fmt: skip
    arguments = {"input_size": 32, "fit": "letterbox", "cache_dir": tmp_path, "note": notes.append}
    first, second, third = (prepare(samples, **arguments) for _ in range(3))
    assert [len(prepared.samples) for prepared in (first, second, third)] == [1, 2, 2]
    assert first.pixels.shape == (1, 32, 32, 3)
    np.testing.assert_array_equal(first.pixels[0], third.pixels[1])
    assert notes == [
        "Left out 1.png: the drive is gone",
        "Left out 2.png: Corrupt input data",
        "Left out 2.png: Corrupt input data",
    ]


def test_a_set_of_unreadable_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set" / "Dress").mkdir(parents=True)
    (tmp_path / "set" / "Dress" / "1.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match="None of the pictures"):
        prepare(open_set(tmp_path / "set"), input_size=32, fit="stretch", cache_dir=tmp_path / "cache")


def test_a_group_shares_a_name_or_pixels_through_others_as_well() -> None:
    # 0-1 by name, 1-2 by pixels, 3 alone, 4 and 5 nameless.
    groups = groups_of(named("a", "a", "b", "c", "", ""), ["p", "q", "q", "r", "s", "t"])
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups.tolist())) == 4


def test_no_group_stands_on_two_sides() -> None:
    samples = [Sample(f"{i}", {"type": f"t{i % 3}"}, bytes) for i in range(900)]
    groups = np.arange(900) // 3 * 3
    chosen = split(samples, groups, val=0.1, test=0.2, seed=4)
    sides = np.array([chosen.sides[sample.name] for sample in samples])
    assert all(len(set(sides[groups == group])) == 1 for group in np.unique(groups))
    assert (sides == "test").mean() == pytest.approx(0.2, abs=0.01)
    assert (sides == "val").mean() == pytest.approx(0.1, abs=0.01)
    assert chosen == split(samples, groups, val=0.1, test=0.2, seed=4)
    assert chosen != split(samples, groups, val=0.1, test=0.2, seed=5)


def test_the_last_group_of_a_type_stays_in_training() -> None:
    samples = [Sample(f"{i}", {"type": f"t{i}"}, bytes) for i in range(20)]
    assert set(split(samples, np.arange(20), val=0.3, test=0.3).sides.values()) == {"train"}


def test_types_held_out_are_tested_on_whole() -> None:
    samples = [Sample(f"{i}", {"type": f"t{i % 10}"}, bytes) for i in range(300)]
    chosen = split(samples, np.arange(300), val=0.1, test=0.1, hold_out=3)
    assert len(chosen.held_out_types) == 3
    for sample in samples:
        if sample.labels["type"] in chosen.held_out_types:
            assert chosen.sides[sample.name] == "test"


def test_pictures_without_a_type_are_no_type_to_hold_out() -> None:
    samples = [Sample(f"{i}", {"type": "Hats"} if i % 2 else {"gender": "Men"}, bytes) for i in range(60)]
    assert split(samples, np.arange(60), hold_out=2).held_out_types == ("Hats",)


@pytest.mark.parametrize(("val", "test"), [(0.5, 0.5), (-0.1, 0.1), (0.0, 1.0)])
def test_shares_that_leave_nothing_are_refused(val: float, test: float) -> None:
    with pytest.raises(DatasetError, match="Shares"):
        split(named("a"), np.arange(1), val=val, test=test)


def test_a_split_file_comes_back_as_it_was(tmp_path: Path) -> None:
    chosen = Split({"a": "train", "b": "test"}, ("Hats",))
    write_split(tmp_path / "split.json", chosen)
    assert read_split(tmp_path / "split.json") == chosen


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"sides": {"a": "left"}})])
def test_another_file_is_no_split(content: str, tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    path.write_text(content)
    with pytest.raises(DatasetError, match=r"split\.json is not a split file"):
        read_split(path)
