"""Files in the media storage that disappear, change or are replaced, before and during embedding."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from ml.pictures.codec import to_input
from ml.runtimes.onnx import OnnxEmbedder
from tests.faults.doors import ask
from tests.faults.network import SPEC
from tests.faults.own_shop import OwnShop
from tests.pictures import picture

pytestmark = pytest.mark.drill


def file_of(shop: OwnShop, image: int) -> Path:
    return shop.media / shop.postgres.value("SELECT file FROM catalog_productimage WHERE id = %s", image)


def failure_of(shop: OwnShop, image: int) -> str:
    code: str = shop.postgres.value("SELECT error_code FROM recommendations_imageembedding WHERE image_id = %s", image)
    return code


def run(shop: OwnShop) -> None:
    shop.start("worker")
    shop.start("scheduler")


def test_a_missing_file_fails_its_picture_and_is_embedded_when_restored(own_shop: OwnShop) -> None:
    accepted = ask(own_shop, "add([None] * 3)")
    file = file_of(own_shop, accepted[1])
    kept = file.read_bytes()
    file.unlink()
    run(own_shop)
    own_shop.until_settled()
    assert own_shop.states() == {"ready": 2, "failed": 1}
    assert failure_of(own_shop, accepted[1]) == "missing_file"
    file.write_bytes(kept)
    own_shop.manage("embed_catalog", "--failed", "--enqueue")
    own_shop.assert_nothing_lost(accepted)


def test_a_file_altered_on_disk_is_not_embedded(own_shop: OwnShop) -> None:
    accepted = ask(own_shop, "add([None] * 3)")
    file_of(own_shop, accepted[1]).write_bytes(picture("green"))
    run(own_shop)
    own_shop.until_settled()
    assert failure_of(own_shop, accepted[1]) == "checksum"
    own_shop.assert_nothing_lost(accepted, failed=1)


def test_a_picture_deleted_while_it_is_embedded_leaves_neither_vector_nor_file(own_shop: OwnShop) -> None:
    accepted = ask(own_shop, "add([None] * 3)")
    own_shop.start("worker", **own_shop.hold())
    own_shop.start("scheduler")
    own_shop.until_processing(3)
    gone = file_of(own_shop, accepted[1])
    delete = f"from catalog.models import ProductImage; ProductImage.objects.get(pk={accepted[1]}).delete()"
    own_shop.manage("shell", "-v", "0", "-c", delete)
    own_shop.let_go()
    own_shop.assert_nothing_lost([accepted[0], accepted[2]])
    assert not gone.exists()
    assert own_shop.postgres.value("SELECT count(*) FROM recommendations_imageembedding") == 2


def test_a_file_replaced_while_it_is_embedded_gets_the_vector_of_the_new_one(own_shop: OwnShop) -> None:
    accepted = ask(own_shop, "add([None] * 3)")
    own_shop.start("worker", **own_shop.hold())
    own_shop.start("scheduler")
    own_shop.until_processing(3)
    new = picture("green", size=(48, 40))
    old = file_of(own_shop, accepted[1])
    name = f"products/00/{'0' * 32}.jpg"
    (own_shop.media / name).parent.mkdir(parents=True, exist_ok=True)
    (own_shop.media / name).write_bytes(new)
    own_shop.postgres.rows(
        "UPDATE catalog_productimage SET file = %s, digest = %s WHERE id = %s",
        name, hashlib.sha256(new).hexdigest(), accepted[1],
    )  # fmt: skip
    old.unlink()
    own_shop.let_go()
    own_shop.assert_nothing_lost(accepted)
    (vector,) = own_shop.postgres.rows(
        "SELECT vector::text FROM recommendations_imageembedding WHERE image_id = %s", accepted[1]
    )[0]
    (graph,) = (own_shop.var / "cache" / "models").glob("*.onnx")
    expected = OnnxEmbedder(graph).embed([to_input(new, SPEC)])[0]
    assert float(np.fromstring(vector.strip("[]"), sep=",") @ expected) > 0.999
