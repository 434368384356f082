"""Interrupted uploads: the client disconnects, or the transaction is rolled back after the file was written."""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.doors import Staff, form
from tests.faults.inside.names import SHELF, TOKEN
from tests.faults.own_shop import OwnShop
from tests.pictures import picture
from tests.running import until

pytestmark = pytest.mark.drill

# Fails at the commit, when the file is in the storage and its row in the transaction. Only for pictures of this width,
# so that others can be added at the same time.
DOOMED = 59
REFUSE = "RAISE EXCEPTION 'not today'"
CUT = "PERFORM pg_terminate_backend(pg_backend_pid())"


def refuse_commits(shop: OwnShop, how: str) -> None:
    shop.postgres.rows(
        f"CREATE FUNCTION doom() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF NEW.width = {DOOMED} THEN {how}; END IF; RETURN NULL; END $$"
    )
    shop.postgres.rows(
        "CREATE CONSTRAINT TRIGGER doom AFTER INSERT ON catalog_productimage DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION doom()"
    )


def pictures(shop: OwnShop) -> list[int]:
    return [pk for (pk,) in shop.postgres.rows("SELECT id FROM catalog_productimage ORDER BY id")]


def files(shop: OwnShop) -> list[Path]:
    return [path for path in shop.media.glob("products/**/*") if path.is_file()]


def upload_path(shop: OwnShop, door: str, data: bytes) -> tuple[str, bytes, dict[str, str]]:
    body, headers = form([("file" if door == "api" else "photo", data)])
    if door == "api":
        return f"/api/v1/products/{SHELF}/images/", body, headers | {"Authorization": f"Token {TOKEN}"}
    return "/api/v1/search/image/", body, headers


@pytest.mark.parametrize("door", ["api", "search"])
def test_a_client_that_goes_away_halfway_leaves_nothing_behind(own_shop: OwnShop, tmp_path: Path, door: str) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    web = own_shop.web(TMPDIR=str(spool))
    path, body, headers = upload_path(own_shop, door, bytes(6 * 2**20))
    with socket.create_connection(("127.0.0.1", web.port)) as client:
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body[: len(body) // 2])
        until(lambda: spooled(spool), 30, lambda: web.process.log)
    until(lambda: not spooled(spool), 30, lambda: web.process.log)
    assert "Traceback" not in web.process.log
    assert (pictures(own_shop), files(own_shop)) == ([], [])
    assert web.upload(picture()).status == 201


def spooled(folder: Path) -> list[str]:
    """Temporary files of incoming uploads that are too large for memory: files of `folder` that a process has open,
    most of them already unlinked."""
    found = [str(path) for path in folder.iterdir()]
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # the process ended or closed the file
            target = str(link.readlink())
            if target.startswith(f"{folder}/") and "wgunicorn-" not in target:  # gunicorn's heartbeat file
                found.append(target)
    return found


@pytest.mark.parametrize("how", [REFUSE, CUT], ids=["refused", "cut"])
def test_a_commit_that_fails_takes_the_file_along(own_shop: OwnShop, how: str) -> None:
    web = own_shop.web()
    refuse_commits(own_shop, how)
    assert web.upload(picture(size=(DOOMED, 70))).status >= 500
    assert (pictures(own_shop), files(own_shop)) == ([], [])
    accepted = web.upload(picture())
    assert accepted.status == 201
    own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost([accepted.json["id"]])


@pytest.mark.parametrize("how", [REFUSE, CUT], ids=["refused", "cut"])
def test_a_transaction_around_the_upload_that_fails_takes_all_its_files_along(own_shop: OwnShop, how: str) -> None:
    """The admin saves a product and its pictures in one transaction, which commits after the last file."""
    web = own_shop.web()
    staff = Staff(own_shop, web)
    refuse_commits(own_shop, how)
    shelf: int = own_shop.postgres.value("SELECT id FROM catalog_product WHERE sku = 'SHELF'")
    assert staff.add_to_product(shelf, picture(), picture(size=(DOOMED, 70))).status >= 500
    until(lambda: not files(own_shop), 20, lambda: web.process.log)
    assert pictures(own_shop) == []
    assert staff.add_to_product(shelf, picture()).status == 302
    assert (len(pictures(own_shop)), len(files(own_shop))) == (1, 1)


def test_a_killed_upload_leaves_a_file_that_the_daily_sweep_sets_aside(own_shop: OwnShop) -> None:
    """No process remains to remove it."""
    kept = own_shop.add_pictures(1)
    die = (
        "import os; from catalog import services; from tests.pictures import picture; "
        "accepted = services.accept_image(picture()); services.store_file(accepted.data, accepted.info); os._exit(9)"
    )
    killed = own_shop.start("killed", command=manage("shell", "-v", "0", "-c", die))
    assert killed.ended(60) == 9
    assert len(files(own_shop)) == 2
    sweep = (
        "from datetime import timedelta; from catalog.media import files; "
        "print(files.sweep(older_than=timedelta(0)).set_aside)"
    )
    assert own_shop.manage("shell", "-v", "0", "-c", sweep).strip() == "1"
    own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.assert_nothing_lost(kept)


def manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]
