"""A file without a row is not deleted but quarantined. It returns when a row names it, or expires."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.test import Client
from moto.server import ThreadedMotoServer

from catalog import services
from catalog.media import files, quarantine
from catalog.models import MediaState, Product, ProductImage
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

NOW = timedelta(minutes=-1)
KEYS = {"access_key": "only-for-tests", "secret_key": "only-for-tests"}


@pytest.fixture(scope="module")
def bucket_server() -> Iterator[str]:
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, settings: Any, bucket_server: str, tmp_path: Any) -> str:
    """An empty media storage: a folder or a bucket."""
    if request.param == "folder":
        settings.MEDIA_ROOT = tmp_path
        return "folder"
    options = {"bucket_name": "pictures", "endpoint_url": bucket_server, "region_name": "us-east-1", **KEYS}
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "shop.storage.s3.S3Media", "OPTIONS": options}}
    default_storage.connection.create_bucket(Bucket="pictures")  # type: ignore[attr-defined]
    default_storage.bucket.objects.all().delete()  # type: ignore[attr-defined]
    return "bucket"


def kept() -> list[str]:
    return [name for day in quarantine.days() for name in quarantine.contents(day)]


def without_row(shop: Shopkeeper) -> ProductImage:
    """A file whose row has disappeared, as after a restore. Returns the row, to put back."""
    image = shop.image(shop.product())
    ProductImage.objects.filter(pk=image.pk)._raw_delete("default")
    return image


def age(days: int) -> None:
    """Pretend that everything in quarantine has been there for this long."""
    then = quarantine.today() - timedelta(days=days)
    for day in list(quarantine.days()):
        for name in list(quarantine.contents(day)):
            quarantine._move(quarantine.place(day, name), quarantine.place(then, name))


@pytest.mark.slow
@pytest.mark.case
def test_a_file_without_a_row_is_set_aside_and_comes_back_with_its_row(shop: Shopkeeper, storage: str) -> None:
    image = without_row(shop)
    name = image.file.name
    with default_storage.open(name) as file:
        data = file.read()
    assert files.sweep(older_than=NOW).set_aside == 1
    assert not default_storage.exists(name)
    assert kept() == [name]
    image.save(force_insert=True)
    swept = files.sweep(older_than=NOW)
    assert (swept.returned, swept.set_aside, swept.found.lost) == (1, 0, 0)
    with default_storage.open(name) as file:
        assert file.read() == data
    assert kept() == []


@pytest.mark.slow
def test_it_is_deleted_when_its_days_are_over_and_no_day_sooner(shop: Shopkeeper, storage: str, settings: Any) -> None:
    settings.MEDIA_QUARANTINE_DAYS = 30
    name = without_row(shop).file.name
    files.sweep(older_than=NOW)
    age(days=30)
    assert files.sweep().deleted == 0
    assert kept() == [name]
    age(days=31)
    assert files.sweep().deleted == 1
    assert (kept(), default_storage.exists(name)) == ([], False)


@pytest.mark.slow
def test_a_file_that_a_row_names_again_never_expires(shop: Shopkeeper, storage: str) -> None:
    image = without_row(shop)
    files.sweep(older_than=NOW)
    age(days=365)
    image.save(force_insert=True)
    swept = files.sweep()
    assert (swept.returned, swept.deleted) == (1, 0)
    assert default_storage.exists(image.file.name)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_deleted_picture_goes_to_quarantine_so_that_a_restored_database_finds_it(storage: str) -> None:
    shop = Shopkeeper()
    image = shop.image(shop.product())
    name, product = image.file.name, image.product
    with transaction.atomic():
        product.delete()
        assert default_storage.exists(name), "a rollback must still find it"
    assert (default_storage.exists(name), kept()) == (False, [name])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_commit_whose_answer_was_lost_finds_its_file_again(
    shop: Shopkeeper, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit ends after the shop has looked for the row and not found it."""
    image = without_row(shop)
    files.discard_rowless([image.file.name])
    assert kept() == [image.file.name]
    image.save(force_insert=True)
    assert files.sweep().returned == 1


@pytest.mark.slow
def test_a_refused_row_leaves_nothing_behind(shop: Shopkeeper, storage: str) -> None:
    product = shop.product()
    shop.image(product, picture())
    with pytest.raises((services.ImageRejected, IntegrityError)):
        shop.image(product, picture())
    assert kept() == [], "no commit is in doubt here"
    assert len(list(files.rowless_files(older_than=NOW))) == 0


@pytest.mark.slow
def test_a_picture_in_quarantine_is_shown_again_as_soon_as_its_row_is_there(
    shop: Shopkeeper, storage: str, client: Client
) -> None:
    image = without_row(shop)
    files.sweep(older_than=NOW)
    assert client.get(image.file.url).status_code == 404
    image.save(force_insert=True)
    assert client.get(image.file.url).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["quarantine/2026-11-26/products/ab/" + "ab" * 16 + ".jpg", "products/../quarantine/x.jpg", "database.json"],
)
def test_nothing_in_quarantine_is_served(shop: Shopkeeper, client: Client, name: str) -> None:
    assert client.get(f"/media/{name}").status_code == 404


@pytest.mark.slow
def test_folders_that_are_no_days_are_left_alone(shop: Shopkeeper, storage: str) -> None:
    default_storage.save("quarantine/notes/read me.txt", ContentFile(b"mine"))
    default_storage.save("quarantine/2026-13-77/x.jpg", ContentFile(b"mine"))
    assert files.sweep().deleted == 0
    assert list(quarantine.days()) == []
    assert default_storage.exists("quarantine/notes/read me.txt")


def test_the_day_is_the_databases_own(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: 1 / 0)
    assert isinstance(quarantine.today(), date)


@pytest.mark.slow
def test_pictures_come_back_after_most_of_the_catalog_was_deleted_by_sql(shop: Shopkeeper, storage: str) -> None:
    images = [shop.image(shop.product()) for _ in range(8)]
    for image in images[2:]:
        ProductImage.objects.filter(pk=image.pk)._raw_delete("default")
    assert files.sweep(older_than=NOW).set_aside == 6
    assert MediaState.current().quarantined == 6
    ProductImage.objects.bulk_create(images[2:])
    assert files.sweep().returned == 6
    assert {image.file.name for image in images} == set(ProductImage.objects.values_list("file", flat=True))
    assert all(default_storage.exists(image.file.name) for image in images)
    assert Product.objects.count() == 8
