"""A database older than its media storage is noticed, and nothing is quarantined or deleted."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.media import files, high_water, quarantine
from catalog.media.high_water import RowsWentBackwards
from catalog.models import MediaState, ProductImage
from catalog.tasks import check_media, check_media_if_due
from tests.shopkeeper import Shopkeeper

NOW = timedelta(minutes=-1)


@pytest.fixture(autouse=True)
def own_storage(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def restored(shop: Shopkeeper) -> list[ProductImage]:
    """The rows of a backup; later pictures have only files."""
    for _ in range(3):
        shop.image(shop.product())
    high_water.keep()
    backup = MediaState.objects.values().get()
    later = [shop.image(shop.product()) for _ in range(4)]
    high_water.keep()
    for image in later:
        ProductImage.objects.filter(pk=image.pk)._raw_delete("default")
    MediaState.objects.update(**backup)
    return later


def restore_the_newer(later: list[ProductImage], state: dict[str, Any]) -> None:
    ProductImage.objects.bulk_create(later)
    MediaState.objects.update(**state)


def test_a_mark_is_raised_with_new_pictures_and_only_then(shop: Shopkeeper) -> None:
    shop.image(shop.product())
    high_water.keep()
    first = high_water._read()
    high_water.keep()
    assert high_water._read() == first, "an idle shop writes nothing"
    shop.image(shop.product())
    high_water.keep()
    second = high_water._read()
    assert first
    assert second
    assert (second.shop, second.generation) == (first.shop, first.generation + 1)
    assert second.highest_image > first.highest_image


@pytest.mark.slow
@pytest.mark.case
def test_after_an_older_backup_was_restored_nothing_is_set_aside_or_deleted(restored: list[ProductImage]) -> None:
    with pytest.raises(RowsWentBackwards, match=r"older than the media storage.*manage\.py media sweep --confirm"):
        files.sweep(older_than=NOW)
    assert all(default_storage.exists(image.file.name) for image in restored)
    assert quarantine.count() == 0


@pytest.mark.slow
def test_new_uploads_do_not_make_the_older_database_look_right(restored: list[ProductImage], shop: Shopkeeper) -> None:
    for _ in range(12):
        shop.image(shop.product())
    with pytest.raises(RowsWentBackwards):
        files.sweep(older_than=NOW)
    assert all(default_storage.exists(image.file.name) for image in restored)


@pytest.mark.slow
def test_what_is_wrong_is_told_wherever_somebody_looks(
    restored: list[ProductImage], client: Client, admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    check_media()
    assert "older than the media storage" in caplog.text
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert "manage.py media sweep --confirm" in ready.json()["files"]
    assert b"older than the media storage" in admin_client.get("/admin/").content
    assert b"older than the media storage" in admin_client.get("/admin/recommendations/pipeline/").content


@pytest.mark.slow
def test_files_in_quarantine_do_not_expire_while_the_database_is_older(
    restored: list[ProductImage], settings: Any
) -> None:
    name = restored[0].file.name
    quarantine.set_aside(name)
    long_ago = quarantine.today() - timedelta(days=400)
    quarantine._move(quarantine.place(quarantine.today(), name), quarantine.place(long_ago, name))
    with pytest.raises(RowsWentBackwards):
        files.sweep()
    assert default_storage.exists(quarantine.place(long_ago, name))


@pytest.mark.slow
def test_a_person_may_say_that_the_older_database_is_right(restored: list[ProductImage], client: Client) -> None:
    with pytest.raises(CommandError, match="older than the media storage"):
        call_command("media", "sweep")
    files.sweep(older_than=NOW, confirmed=True)
    assert quarantine.count() == 4, "set aside, still not deleted"
    assert client.get("/readyz").json()["files"] == "ok"
    high_water.keep()


@pytest.mark.slow
def test_when_the_newer_database_is_back_all_is_well_by_itself(restored: list[ProductImage]) -> None:
    mark = high_water._read()
    assert mark
    with pytest.raises(RowsWentBackwards):
        high_water.keep()
    restore_the_newer(restored, {"generation": mark.generation, "highest_image": mark.highest_image})
    swept = files.sweep(older_than=NOW)
    assert (swept.set_aside, swept.found.lost) == (0, 0)
    assert files.problems() == []


def test_another_shops_database_is_refused(shop: Shopkeeper) -> None:
    shop.image(shop.product())
    high_water.keep()
    MediaState.objects.update(shop=uuid.uuid4(), generation=99)
    with pytest.raises(RowsWentBackwards, match="another database"):
        high_water.keep()


@pytest.mark.slow
def test_an_emptied_database_is_refused(shop: Shopkeeper) -> None:
    image = shop.image(shop.product())
    high_water.keep()
    MediaState.objects.all().delete()
    ProductImage.objects.filter(pk=image.pk)._raw_delete("default")
    with pytest.raises(RowsWentBackwards):
        files.sweep(older_than=NOW)
    assert default_storage.exists(image.file.name)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"shop": "x"}', "\x00\xff"])
def test_a_damaged_mark_is_refused_and_replaced_on_a_persons_word(shop: Shopkeeper, text: str) -> None:
    shop.image(shop.product())
    path = Path(default_storage.path(high_water.NAME))
    path.write_text(text, encoding="latin-1")
    with pytest.raises(RowsWentBackwards, match="damaged"):
        high_water.keep()
    high_water.confirm()
    high_water.keep()
    assert json.loads(path.read_text())["generation"] == 1


def test_a_crash_between_database_and_mark_is_no_alarm(shop: Shopkeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.image(shop.product())
    high_water.keep()
    shop.image(shop.product())

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(high_water, "_write", full)
        with pytest.raises(OSError, match="no space"):
            high_water.keep()
    high_water.keep()
    mark = high_water._read()
    assert mark
    assert mark.generation == MediaState.current().generation


@pytest.mark.django_db(transaction=True)
def test_an_upload_is_remembered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(high_water, "_marked_at", -float("inf"))
    shop = Shopkeeper()
    image = shop.image(shop.product())
    mark = high_water._read()
    assert mark
    assert mark.highest_image >= image.pk


@pytest.mark.slow
def test_the_check_is_daily_by_the_databases_record(shop: Shopkeeper) -> None:
    check_media_if_due()
    first = MediaState.current().checked_at
    assert first
    check_media_if_due()
    assert MediaState.current().checked_at == first
    MediaState.objects.update(checked_at=first - timedelta(hours=24))
    check_media_if_due()
    assert MediaState.current().checked_at != first - timedelta(hours=24)


@pytest.mark.slow
def test_the_command_says_what_is_wrong(restored: list[ProductImage]) -> None:
    out, err = StringIO(), StringIO()
    with pytest.raises(CommandError, match="not the newest"):
        call_command("media", "check", stdout=out, stderr=err)
    assert "older than the media storage" in err.getvalue()
