"""Pictures named on a command line: which are found, their order and names, and reading ahead in threads."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ml.files.pictures import find, named, read_ahead
from ml.pictures.codec import MAX_BYTES, ImageRejected
from tests.ml.conftest import draw, encode


@dataclass(frozen=True)
class Spec:
    input_size: int = 32
    fit: str = "letterbox"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b").mkdir()
    for name in ("b/2.PNG", "a.jpg", "b/1.webp", "z.txt", "._a.jpg", "b/.hidden.jpg"):
        (tmp_path / name).write_bytes(encode(draw(seed=len(name))))
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as archive:
        for name in ("images/9.jpg", "images/10.jpg", "styles.csv", "__MACOSX/images/._9.jpg"):
            archive.writestr(name, encode(draw(seed=len(name))))
    return tmp_path


def test_folders_and_zip_files_give_their_pictures_in_order_and_no_hidden_ones(folder: Path) -> None:
    found = [source.name for source in find([folder, folder / "shop.zip"])]
    pictures = [f"{folder}/{name}" for name in ("a.jpg", "b/1.webp", "b/2.PNG")]
    assert found == [*pictures, f"{folder}/shop.zip/images/10.jpg", f"{folder}/shop.zip/images/9.jpg"]


def test_a_file_named_directly_is_tried_whatever_its_name(folder: Path) -> None:
    assert [source.name for source in find([folder / "z.txt"])] == [str(folder / "z.txt")]


def test_every_name_finds_its_picture_again(folder: Path) -> None:
    for source in find([folder, folder / "shop.zip"]):
        assert named(source.name).read() == source.read()


@pytest.mark.parametrize("name", ["gone.jpg", "shop.zip/images/gone.jpg", "gone.zip/images/9.jpg"])
def test_a_picture_that_is_gone_says_so_when_it_is_read(name: str, folder: Path) -> None:
    with pytest.raises(OSError, match=r"no images/gone|No such file"):
        named(str(folder / name)).read()


def test_a_damaged_zip_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "shop.zip").write_bytes(b"PK no more")
    with pytest.raises(zipfile.BadZipFile, match=r"shop\.zip is damaged"):
        list(find([tmp_path / "shop.zip"]))


def test_a_stamp_changes_with_the_picture(folder: Path) -> None:
    before = {source.name: source.stamp for source in find([folder])}
    os.utime(folder / "a.jpg", ns=(1, 1))
    after = {source.name: source.stamp for source in find([folder])}
    assert [name for name in before if before[name] != after[name]] == [f"{folder}/a.jpg"]


def test_a_link_to_nowhere_is_unreadable_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    ((read,),) = read_ahead(list(find([tmp_path])), Spec(), batch=1, workers=1)
    assert (read.code, read.pixels, read.digest) == ("unreadable", None, "")


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(50 * MAX_BYTES)  # sparse: takes no room on the disk
    with pytest.raises(ImageRejected) as caught:
        named(str(tmp_path / "huge.jpg")).read()
    assert caught.value.code == "too_many_bytes"


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_of_a_zip_file_is_a_picture_that_is_corrupt(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "shop.zip", "w", method) as archive:
        archive.writestr("1.jpg", bytes(range(256)) * 40)
    data = bytearray((tmp_path / "shop.zip").read_bytes())
    data[60:90] = b"\xff" * 30
    (tmp_path / "shop.zip").write_bytes(data)
    (source,) = find([tmp_path / "shop.zip"])
    with pytest.raises(ImageRejected) as caught:
        source.read()
    assert caught.value.code == "corrupt"


@pytest.mark.slow
def test_batches_come_in_order_whichever_thread_is_faster(tmp_path: Path) -> None:
    for number in range(20):
        side = 1500 if number % 5 == 0 else 40  # some take a hundred times as long
        (tmp_path / f"{number:02}.png").write_bytes(encode(draw(side, side, seed=number)))
    (tmp_path / "07.png").write_bytes(b"rubbish")
    (tmp_path / "08.png").unlink()
    sources = list(find([tmp_path]))
    (tmp_path / "09.png").unlink()
    batches = list(read_ahead(sources, Spec(), batch=8, workers=4))
    assert [len(batch) for batch in batches] == [8, 8, 3]
    reads = [read for batch in batches for read in batch]
    assert [read.source for read in reads] == sources
    assert {Path(read.source.name).stem: read.code for read in reads if read.code} == {
        "07": "unsupported_format",
        "09": "unreadable",
    }
    good = [read for read in reads if not read.code]
    assert all(read.pixels is not None and read.pixels.shape == (32, 32, 3) for read in good)
    assert all(len(read.digest) == 64 for read in good)


def test_reading_ahead_stops_with_its_reader(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(draw()))
    (source,) = find([tmp_path])
    read: list[int] = []

    def counted() -> bytes:
        read.append(1)
        return source.read()

    many = [type(source)(str(n), counted) for n in range(1000)]
    batches = read_ahead(many, Spec(), batch=4, workers=2)
    np.testing.assert_equal(len(next(batches)), 4)
    batches.close()
    assert len(read) <= 4 * 3 + 2
