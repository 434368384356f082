"""Backup and restore as in docs/how-to/back-up.md: with pg_dump and pg_restore, by the shop's role, which is not a
superuser. No picture is deleted because the restored database has no row for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from shop.embedded import roles
from shop.embedded.programs import postgres_programs
from tests.faults.doors import search_photo
from tests.faults.own_shop import RECOVERY, OwnShop
from tests.pictures import picture
from tests.running import until

pytestmark = pytest.mark.drill


def run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def backup(shop: OwnShop, file: Path) -> Path:
    run(postgres_programs() / "pg_dump", "--format=custom", f"--file={file}", shop.postgres.url)
    return file


def restore(shop: OwnShop, dump: Path) -> None:
    """As documented: a superuser creates the database and the extension, the shop's role does the rest."""
    owner = psycopg.connect(
        host=str(shop.services.layout.sockets), user=roles.SUPERUSER, dbname="postgres", autocommit=True
    )
    with owner:
        owner.execute(f"DROP DATABASE {roles.DATABASE} WITH (FORCE)")
        owner.execute(f"CREATE DATABASE {roles.DATABASE} OWNER {roles.ROLE}")
    with psycopg.connect(host=str(shop.services.layout.sockets), user=roles.SUPERUSER, dbname=roles.DATABASE) as owner:
        owner.execute("CREATE EXTENSION IF NOT EXISTS vector")
    run(
        postgres_programs() / "pg_restore", "--no-owner", "--no-comments", "--exit-on-error",
        f"--dbname={shop.postgres.url}", dump,
    )  # fmt: skip
    shop.manage("migrate", "-v", "0")


def command(shop: OwnShop, *arguments: str) -> tuple[int | None, str]:
    process = shop.start("command", command=[sys.executable, "manage.py", *arguments])
    code = process.ended(120)
    return code, process.log


def files(shop: OwnShop, folder: str = "products") -> set[str]:
    return {str(path.relative_to(shop.media)) for path in shop.media.glob(f"{folder}/**/*") if path.is_file()}


def named(shop: OwnShop) -> set[str]:
    return {name for (name,) in shop.postgres.rows("SELECT file FROM catalog_productimage")}


def a_day_passes(shop: OwnShop) -> None:
    """Makes the files too old to belong to an upload in progress."""
    then = time.time() - 24 * 3600
    for path in shop.media.glob("products/**/*"):
        os.utime(path, (then, then))


@pytest.mark.case
def test_restoring_an_older_database_deletes_nothing_and_the_newer_one_finds_all_its_pictures(
    own_shop: OwnShop, tmp_path: Path
) -> None:
    assert own_shop.postgres.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    old = own_shop.add_pictures(12)
    own_shop.manage("embed_catalog")
    own_shop.manage("media", "sweep")
    older = backup(own_shop, tmp_path / "older.dump")
    new = own_shop.add_pictures(5)
    own_shop.manage("embed_catalog")
    newer = backup(own_shop, tmp_path / "newer.dump")
    everything = files(own_shop)
    assert len(everything) == 17

    restore(own_shop, older)
    a_day_passes(own_shop)
    assert own_shop.states() == {"ready": 12}
    code, said = command(own_shop, "media", "sweep")
    assert (code, "older than the media storage" in said) == (1, True), said
    assert files(own_shop) == everything
    assert files(own_shop, "quarantine") == set()

    # The workers' sweep refuses as well, and the shop continues.
    web, worker = own_shop.web(), own_shop.start("worker")
    own_shop.send("catalog.tasks.check_media", [], queue="maintenance")
    until(lambda: "older than the media storage" in worker.log, RECOVERY, own_shop.logs)
    assert files(own_shop) == everything
    ready = web.get("/readyz")
    assert (ready.status, ready.json["status"]) == (200, "degraded")
    assert "--confirm" in ready.json["files"]
    assert len(web.get("/api/v1/products/p1/similar/?limit=5").json["results"]) == 5
    photo = picture(seed=3, size=(32, 40))
    until(lambda: search_photo(web, photo).status == 200, RECOVERY, lambda: search_photo(web, photo).body)
    assert search_photo(web, photo).json["results"]

    # An operator accepts the older database: surplus files are moved to quarantine, not deleted …
    code, said = command(own_shop, "media", "sweep", "--confirm")
    assert (code, "5 quarantined" in said) == (0, True), said
    assert files(own_shop) == named(own_shop)
    assert len(files(own_shop, "quarantine")) == 5
    assert web.get("/readyz").json["files"] == "ok"

    # … and they return when the newer one is restored after all.
    web.process.kill()
    worker.kill()
    restore(own_shop, newer)
    assert "5 files returned" in command(own_shop, "media", "restore")[1]
    assert files(own_shop) == everything
    code, said = command(own_shop, "media", "sweep", "--confirm")
    assert (code, "0 of 17 pictures have no file" in said) == (0, True), said
    own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost([*old, *new])


def test_pictures_deleted_since_the_backup_come_back_with_it(own_shop: OwnShop, tmp_path: Path) -> None:
    accepted = own_shop.add_pictures(4)
    own_shop.manage("embed_catalog")
    dump = backup(own_shop, tmp_path / "shop.dump")
    everything = files(own_shop)
    own_shop.manage("shell", "-v", "0", "-c", "from catalog.models import Product; Product.objects.all().delete()")
    assert files(own_shop) == set()
    restore(own_shop, dump)
    own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.send("catalog.tasks.check_media", [], queue="maintenance")
    until(lambda: files(own_shop) == everything, RECOVERY, own_shop.logs)
    own_shop.assert_nothing_lost(accepted)
