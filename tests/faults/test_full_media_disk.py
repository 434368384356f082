"""The disk of the media storage is full or fills up: uploads are refused and leave no incomplete file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.faults.disks import fill, small_disk
from tests.faults.doors import Staff
from tests.faults.own_shop import OwnShop

pytestmark = [pytest.mark.drill, pytest.mark.mounts]

PIECE = 150_000  # approximate size of a picture of noise, in bytes


def noise(seed: int) -> bytes:
    """A picture that does not compress."""
    out = BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (220, 220, 3), np.uint8)).save(out, "PNG")
    assert len(out.getvalue()) > 145_000
    return out.getvalue()


@pytest.fixture
def disk(own_shop: OwnShop) -> Iterator[Path]:
    """A disk of 2 MB for the media storage."""
    with small_disk(own_shop.media / "products", "2m") as folder:
        yield folder


def stored(disk: Path) -> list[Path]:
    return [path for path in disk.rglob("*") if path.is_file() and path.name != "ballast"]


def pictures(shop: OwnShop) -> int:
    count: int = shop.postgres.value("SELECT count(*) FROM catalog_productimage")
    return count


def shelf(shop: OwnShop) -> int:
    pk: int = shop.postgres.value("SELECT id FROM catalog_product WHERE sku = 'SHELF'")
    return pk


def test_an_upload_is_a_507_until_there_is_room_again(own_shop: OwnShop, disk: Path) -> None:
    web = own_shop.web()
    ballast = fill(disk, leave=PIECE // 2)
    refused = web.upload(noise(1))
    assert (refused.status, refused.json["code"]) == (507, "storage_unavailable")
    assert "could not be stored" in refused.json["detail"]
    assert pictures(own_shop) == 0
    assert stored(disk) == [], "not even the half that there was room for"
    ballast.unlink()
    accepted = web.upload(noise(1))
    assert accepted.status == 201
    own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost([accepted.json["id"]])


def test_a_picture_that_took_the_last_room_is_kept_and_embedded(own_shop: OwnShop, disk: Path) -> None:
    """The disk fills up between the file and its row."""
    web = own_shop.web()
    ballast = fill(disk, leave=PIECE + PIECE // 2)
    first, second = web.upload(noise(1)), web.upload(noise(2))
    assert (first.status, second.status) == (201, 507)
    ballast.unlink()
    own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost([first.json["id"]])
    assert len(stored(disk)) == 1


def test_the_admin_keeps_what_there_was_room_for_and_says_that_the_rest_is_missing(
    own_shop: OwnShop, disk: Path
) -> None:
    staff = Staff(own_shop, own_shop.web())
    fill(disk, leave=PIECE + PIECE // 2)
    reply = staff.add_to_product(shelf(own_shop), noise(1), noise(2))
    assert reply.status == 302, reply.body
    assert "could not be stored" in staff.follow(reply).body
    assert (pictures(own_shop), len(stored(disk))) == (1, 1)


def test_an_import_ends_with_a_sentence_and_the_next_goes_on(own_shop: OwnShop, disk: Path, tmp_path: Path) -> None:
    (tmp_path / "import" / "Things").mkdir(parents=True)
    for number in range(4):
        (tmp_path / "import" / "Things" / f"{number}.png").write_bytes(noise(number))
    ballast = fill(disk, leave=2 * PIECE)
    command = own_shop.start("import", command=importing(tmp_path / "import"))
    assert command.ended(120) == 1, command.log
    assert "No space left on device" in command.log
    assert "Run this again to import the rest" in command.log
    assert "Traceback" not in command.log
    assert (pictures(own_shop), stored(disk)) == (0, [])
    ballast.unlink()
    again = own_shop.start("import", command=importing(tmp_path / "import"))
    assert again.ended(120) == 0, again.log
    assert pictures(own_shop) == len(stored(disk)) == 4


def importing(folder: Path) -> list[str]:
    return [sys.executable, "manage.py", "import_catalog", str(folder)]


def test_a_network_that_finds_no_room_leaves_no_half_behind(own_shop: OwnShop) -> None:
    with small_disk(own_shop.media / "models", "64k") as disk:
        fill(disk, leave=4096)
        command = [sys.executable, "manage.py", "embedding_models", "add", "untrained", "--name", "second"]
        said = own_shop.start("add", command=command)
        assert said.ended(120) != 0
        assert "could not be put into the media storage" in said.log
        assert "Traceback" not in said.log
        assert [path.name for path in disk.iterdir()] == ["ballast"]
    assert own_shop.postgres.value("SELECT count(*) FROM recommendations_embeddingmodel") == 1
