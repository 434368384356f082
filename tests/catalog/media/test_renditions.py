"""Workers make smaller copies of pictures. They follow their picture, and can always be made again."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.core.management import call_command
from django.test import Client

from catalog.media import files, rendition_files, renditions
from catalog.models import ProductImage
from catalog.models.image import rendition_name
from recommendations.pipeline.nudges import BULK_QUEUE, INTERACTIVE_QUEUE
from shop.tasks import make_renditions
from tests.pictures import picture
from tests.poison import WEAKNESS, poisoned
from tests.shopkeeper import Shopkeeper

PHOTO = picture(size=(300, 400), seed=1, quality=95)
WIDTHS = [160, 300]


@pytest.fixture(autouse=True)
def own_storage(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture(autouse=True)
def nothing_waits() -> None:
    """Messages of other tests: renditions wait until nothing is to be embedded."""
    with current_app.pool.acquire(block=True) as connection:
        for queue in (INTERACTIVE_QUEUE, BULK_QUEUE):
            connection.default_channel.queue_purge(queue)


@pytest.fixture
def image(shop: Shopkeeper) -> ProductImage:
    return shop.image(shop.product(), PHOTO)


def stored(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in (folder / "renditions").rglob("*") if path.is_file()}


def names(image: ProductImage, widths: list[int] = WIDTHS) -> set[str]:
    return {rendition_name(image.file.name, width, kind) for width in widths for kind in ("avif", "webp")}


def age(folder: Path) -> None:
    for path in (folder / "renditions").rglob("*"):
        os.utime(path, (time.time() - 7200,) * 2)


@pytest.mark.slow
def test_a_worker_makes_the_renditions_and_the_picture_names_them(image: ProductImage, own_storage: Path) -> None:
    assert image.renditions == []
    make_renditions()
    image = ProductImage.objects.get()
    assert image.rendition_widths == WIDTHS
    assert re.fullmatch("[0-7]{3}", image.tone)
    assert stored(own_storage) == names(image)
    assert all((own_storage / name).stat().st_mode & 0o777 == 0o644 for name in stored(own_storage))
    stem = f"/media/{image.file.name.replace('products', 'renditions').removesuffix('.jpg')}"
    assert image.small_renditions == [(f"image/{kind}", f"{stem}-300.{kind} 300w") for kind in ("avif", "webp")]
    assert image.renditions == [
        (f"image/{kind}", f"{stem}-160.{kind} 160w, {stem}-300.{kind} 300w") for kind in ("avif", "webp")
    ]
    assert not renditions.waiting().exists()
    assert renditions.make() == renditions.Made(0, 0, more=False)


@pytest.mark.slow
def test_a_tiny_picture_is_done_without_any(shop: Shopkeeper, own_storage: Path) -> None:
    shop.image(shop.product())
    assert renditions.make().done == 1
    assert stored(own_storage) == set()
    assert ProductImage.objects.get().small_renditions == []
    assert not renditions.waiting().exists()


@pytest.mark.slow
def test_they_are_served_like_pictures(image: ProductImage, client: Client) -> None:
    renditions.make()
    original = client.get(f"/media/{image.file.name}")
    own = {"Content-Type", "Content-Length", "Content-Disposition", "X-Request-ID"}
    for name in names(image):
        copy = client.get(f"/media/{name}")
        assert copy["Content-Type"] == f"image/{name.rpartition('.')[2]}"
        for header in (set(original.headers) | set(copy.headers)) - own:
            assert copy[header] == original[header], header
    for name in ("renditions/", "renditions/ab/notes.txt", f"renditions/ab/{'a' * 32}-320.avif", "renditions/../x"):
        assert client.get(f"/media/{name}").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("of_product", [True, False])
def test_a_deleted_picture_takes_them_along(
    image: ProductImage, own_storage: Path, of_product: bool, django_capture_on_commit_callbacks: Any
) -> None:
    renditions.make()
    with django_capture_on_commit_callbacks(execute=True):
        (image.product if of_product else image).delete()
    assert stored(own_storage) == set()


@pytest.mark.slow
def test_a_picture_deleted_or_replaced_while_they_are_made_leaves_none(
    image: ProductImage, own_storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = renditions._claim(1)
    widths = renditions._write(claims[0])
    assert stored(own_storage) == names(image)
    ProductImage.objects.update(digest="0" * 64)
    renditions._store(claims[0], widths)
    assert stored(own_storage) == set()
    assert ProductImage.objects.get().rendition_widths == []


@pytest.mark.slow
def test_a_replaced_picture_does_not_show_those_of_its_former_file(image: ProductImage, own_storage: Path) -> None:
    renditions.make()
    former = names(image)
    name = image.file.name.replace(".jpg", "")[:-4] + "beef.jpg"
    shutil.copy(own_storage / image.file.name, own_storage / name)
    ProductImage.objects.update(file=name, rendition_source="1" * 64)
    replaced = ProductImage.objects.get()
    assert replaced.renditions == replaced.small_renditions == []
    renditions.make()
    age(own_storage)
    rendition_files.sweep()
    assert stored(own_storage) == names(replaced)
    assert not former & stored(own_storage)


@pytest.mark.slow
def test_a_missing_one_is_answered_with_the_picture_and_made_again(image: ProductImage, own_storage: Path) -> None:
    renditions.make()
    shutil.rmtree(own_storage / "renditions")
    shown = Client().get(f"/media/{sorted(names(image))[0]}")
    assert b"".join(shown.streaming_content) == PHOTO
    assert (shown["Content-Type"], shown["Cache-Control"]) == ("image/jpeg", "public, max-age=60")
    assert ProductImage.objects.get().renditions == []
    assert renditions.make().done == 1
    assert stored(own_storage) == names(image)


@pytest.mark.slow
def test_the_sweep_deletes_what_no_picture_names_and_finds_what_is_missing(
    shop: Shopkeeper, image: ProductImage, own_storage: Path
) -> None:
    other = shop.image(shop.product("Hat"), picture(size=(300, 400), seed=2, quality=95))
    renditions.make()
    foreign = own_storage / "renditions" / "ab" / f"{'a' * 32}-160.avif"
    draft = own_storage / "renditions" / "ab" / ".draft-x"
    draft.mkdir(parents=True, exist_ok=True)
    foreign.write_bytes(b"left by a killed worker")
    assert rendition_files.sweep() == rendition_files.Swept(0, 0), "it may be in progress"
    age(own_storage)
    (own_storage / sorted(names(other))[0]).unlink()
    assert rendition_files.sweep() == rendition_files.Swept(deleted=1, missing=1)
    assert not foreign.exists()
    assert not draft.exists()
    assert [each.pk for each in renditions.waiting()] == [other.pk]
    assert files.compare().rowless == []
    assert files.compare().lost == 0


@pytest.mark.slow
def test_a_storage_that_is_not_there_costs_no_attempt(
    image: ProductImage, own_storage: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (own_storage / "renditions").write_text("not a folder")
    make_renditions()
    assert "Renditions of pictures cannot be made right now" in caplog.text
    waiting = renditions.waiting().get()
    assert (waiting.rendition_attempts, waiting.rendition_claimed_at) == (0, None)
    (own_storage / "renditions").unlink()
    assert renditions.make().done == 1


@pytest.mark.slow
def test_a_claimed_picture_waits_for_its_worker_or_for_the_end_of_the_lease(image: ProductImage) -> None:
    assert [claim.id for claim in renditions._claim(5)] == [image.pk]
    assert renditions.make().done == 0, "another worker has it"
    ProductImage.objects.update(rendition_claimed_at="2020-01-01T00:00Z")
    assert renditions.make().done == 1


@pytest.mark.slow
def test_a_picture_without_a_file_is_given_up_until_it_is_back(
    image: ProductImage, own_storage: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = own_storage / image.file.name
    path.rename(own_storage / "aside")
    assert renditions.make() == renditions.Made(0, renditions.ATTEMPTS, more=False)
    assert not renditions.waiting().exists()
    (own_storage / "aside").rename(path)
    assert renditions.make().done == 0
    assert renditions.try_again() == 1
    assert renditions.make().done == 1


@pytest.mark.slow
def test_a_picture_that_kills_its_decoder_is_shown_as_it_is(
    shop: Shopkeeper, image: ProductImage, own_storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in WEAKNESS.items():
        monkeypatch.setenv(name, value)
    data = poisoned("segfault")
    (own_storage / image.file.name).write_bytes(data)
    ProductImage.objects.update(digest=hashlib.sha256(data).hexdigest())
    good = shop.image(shop.product("Hat"), picture(size=(300, 400), seed=2, quality=95))
    made = renditions.make()
    assert (made.done, made.failed) == (1, renditions.ATTEMPTS)
    assert ProductImage.objects.get(pk=good.pk).renditions
    assert ProductImage.objects.get(pk=image.pk).renditions == []
    assert not renditions.waiting().exists()


@pytest.mark.slow
def test_the_command_makes_what_is_missing_or_all(image: ProductImage, own_storage: Path) -> None:
    out = StringIO()
    call_command("make_renditions", stdout=out, stderr=StringIO())
    assert out.getvalue() == "1 pictures done; 0 cannot be read or decoded and are shown as they are.\n"
    shutil.rmtree(own_storage / "renditions")
    call_command("make_renditions", stdout=out, stderr=StringIO())
    assert stored(own_storage) == names(image)
    written = {path: path.stat().st_mtime_ns for path in (own_storage / "renditions").rglob("*.avif")}
    call_command("make_renditions", stdout=out, stderr=StringIO())
    assert all(path.stat().st_mtime_ns == before for path, before in written.items())
    call_command("make_renditions", "--all", stdout=out, stderr=StringIO())
    assert all(path.stat().st_mtime_ns > before for path, before in written.items())


@pytest.mark.slow
def test_pages_keep_the_present_ones_while_all_are_made_again(image: ProductImage) -> None:
    renditions.make()
    renditions.start_over()
    assert ProductImage.objects.get().renditions
    assert renditions.waiting().count() == 1


def test_the_api_names_a_thumbnail_with_its_host(shop: Shopkeeper, client: Client) -> None:
    image = shop.image(shop.product())
    (shown,) = client.get("/api/v1/products/").json()["results"][0]["images"]
    assert shown["thumbnail"] == shown["url"]
    ProductImage.objects.filter(pk=image.pk).update(rendition_widths=[160, 320], rendition_source=image.digest)
    (shown,) = client.get("/api/v1/products/").json()["results"][0]["images"]
    assert shown["thumbnail"] == f"http://testserver{ProductImage.objects.get().thumbnail_url}"
    assert shown["thumbnail"].endswith("-160.webp")
