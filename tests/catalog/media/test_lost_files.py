"""Pictures without their file are noticed without a request, counted and named, and work again once it is restored."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from shutil import move
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.media import files, quarantine
from catalog.models import MediaState, ProductImage
from catalog.tasks import check_media
from recommendations.models import EmbeddingModel, ImageEmbedding
from tests.shopkeeper import Shopkeeper


@pytest.fixture
def own_storage(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def images(shop: Shopkeeper, own_storage: Path) -> list[ProductImage]:
    return [shop.image(shop.product(f"Dress {number}")) for number in range(5)]


@pytest.mark.slow
@pytest.mark.case
def test_lost_files_are_told_by_readyz_the_admin_and_metrics(
    images: list[ProductImage], client: Client, admin_client: Client, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.METRICS_TOKEN = "secret"
    check_media()
    assert client.get("/readyz").json()["files"] == "ok"
    for image in images[:2]:
        default_storage.delete(image.file.name)
    check_media()
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded"), "pages are served all the same"
    assert ready.json()["files"].startswith("2 of 5 pictures have lost their file.")
    assert "2 of 5 pictures" in caplog.text
    page = admin_client.get("/admin/recommendations/pipeline/").content.decode()
    assert "2 of 5 pictures have lost their file" in page
    for image in images[:2]:
        assert image.file.name in page
        assert image.product.title in page
    assert images[2].file.name not in page
    assert b"have lost their file" in admin_client.get("/admin/").content
    told = client.get("/metrics", headers={"Authorization": "Bearer secret"}).content.decode()
    assert "lookalike_lost_files 2.0\n" in told
    assert "lookalike_rows_behind 0.0\n" in told


@pytest.mark.slow
def test_a_folder_that_is_gone_is_noticed(images: list[ProductImage], own_storage: Path) -> None:
    move(own_storage / "products", own_storage / "elsewhere")
    found = files.check()
    assert (found.pictures, found.lost, sorted(found.lost_names)) == (5, 5, sorted(i.file.name for i in images))
    move(own_storage / "elsewhere", own_storage / "products")
    assert files.check().lost == 0


@pytest.mark.slow
def test_the_command_names_them_and_fails(images: list[ProductImage]) -> None:
    default_storage.delete(images[3].file.name)
    out = StringIO()
    with pytest.raises(CommandError, match="upload the pictures again"):
        call_command("media", "check", stdout=out)
    assert f"lost: {images[3].file.name}" in out.getvalue()
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("media", "check", "--json", stdout=out)
    told = json.loads(out.getvalue())
    assert (told["pictures"], told["lost"], told["lost_names"]) == (5, 1, [images[3].file.name])


@pytest.mark.slow
def test_a_check_asks_as_many_questions_of_many_pictures_as_of_few(
    images: list[ProductImage], django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(270):
        files.check()


@pytest.mark.slow
def test_a_picture_whose_file_was_missing_is_tried_again_when_the_file_is_back(
    images: list[ProductImage], plane: EmbeddingModel, own_storage: Path
) -> None:
    lost = images[0]
    failed = ImageEmbedding.objects.create(
        image=lost, model=plane, digest=lost.digest, state="failed", error_code="missing_file", error="It is not there."
    )
    away = own_storage / "away"
    move(own_storage / lost.file.name, away)
    files.check()
    failed.refresh_from_db()
    assert failed.state == "failed"
    move(away, own_storage / lost.file.name)
    files.check()
    failed.refresh_from_db()
    assert failed.state == "pending"


def test_a_picture_that_was_set_aside_is_read_from_quarantine(images: list[ProductImage]) -> None:
    from recommendations.pipeline.decoding import _read

    name = images[0].file.name
    quarantine.set_aside(name)
    assert _read(name)
    assert default_storage.exists(name)
    default_storage.delete(name)
    with pytest.raises(FileNotFoundError):
        _read(name)


# The command


@pytest.fixture
def two_kept(images: list[ProductImage]) -> list[str]:
    for image in images[:2]:
        ProductImage.objects.filter(pk=image.pk)._raw_delete("default")
        quarantine.set_aside(image.file.name)
    return sorted(image.file.name for image in images[:2])


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("media", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_the_quarantine_is_listed_and_copied_out(two_kept: list[str], tmp_path: Path) -> None:
    assert [each["name"] for each in json.loads(run("list", "--json"))] == two_kept
    assert "2 files in quarantine." in run("list")
    assert "1 files copied" in run("export", str(tmp_path / "out"), two_kept[0])
    assert (tmp_path / "out" / two_kept[0]).read_bytes()[:2] == b"\xff\xd8"
    assert "2 files in quarantine." in run("list"), "they stay"


def test_a_file_in_the_way_of_a_copy_is_named(two_kept: list[str], tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"notes")
    with pytest.raises(CommandError, match=r"Cannot write .*/out/products/.*: (Not a directory|File exists)\. Name"):
        run("export", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == b"notes"


def test_files_are_purged_by_name_or_age_and_never_without_yes(two_kept: list[str]) -> None:
    assert "1 files would be deleted" in run("purge", two_kept[0])
    assert len(json.loads(run("list", "--json"))) == 2
    assert "1 files deleted" in run("purge", two_kept[0], "--yes")
    assert "0 files deleted" in run("purge", "--older-than", "1", "--yes")
    assert "1 files deleted" in run("purge", "--older-than", "0", "--yes")
    assert json.loads(run("list", "--json")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["purge"], "--older-than DAYS"),
        (["purge", "--older-than", "-1"], "0 to 36500"),
        (["purge", "nothing.jpg", "--yes"], "Not in quarantine: nothing.jpg"),
        (["export", "out", "nothing.jpg"], "Not in quarantine"),
    ],
)
def test_a_slip_is_named(two_kept: list[str], arguments: list[str], remedy: str) -> None:
    with pytest.raises(CommandError, match=remedy):
        run(*arguments)
    assert quarantine.count() == 2


def test_restore_brings_back_what_pictures_name_again(images: list[ProductImage]) -> None:
    for image in images[:3]:
        quarantine.set_aside(image.file.name)
    ProductImage.objects.filter(pk=images[0].pk)._raw_delete("default")
    assert "2 files returned" in run("restore")
    assert MediaState.objects.count() <= 1
    assert quarantine.count() == 1
