"""Files that crash, hang or exhaust the decoder cost themselves and nothing else."""

from __future__ import annotations

import os
import threading

import pytest

from tests.faults.doors import ask, search_photo
from tests.faults.own_shop import OwnShop, Reply
from tests.pictures import picture
from tests.poison import WEAKNESS, poisoned
from tests.running import until

pytestmark = pytest.mark.drill

OUTCOME = """
    SELECT e.state, e.error_code, e.attempts FROM recommendations_imageembedding e
      JOIN catalog_productimage i ON i.id = e.image_id ORDER BY i.id
"""


def limits(fault: str) -> dict[str, str]:
    """A short limit only for the test that exceeds it: on a busy machine, anything may take a second."""
    return {"IMAGE_DECODE_SECONDS": "2" if fault in ("hang", "spin") else "60", "IMAGE_DECODE_BYTES": str(2**29)}


@pytest.mark.parametrize(
    ("fault", "code"),
    [("segfault", "crashed"), ("hang", "timeout"), ("spin", "timeout"), ("memory", "out_of_memory")],
)
def test_a_poisoned_picture_fails_after_three_attempts_and_its_batch_is_embedded_at_the_first(
    own_shop: OwnShop, fault: str, code: str
) -> None:
    own_shop.environment |= limits(fault)
    accepted = ask(own_shop, f"add([None, {fault!r}, None])")
    own_shop.environment |= WEAKNESS
    worker = own_shop.start("worker")
    own_shop.start("scheduler")
    until(lambda: "processing" in own_shop.states() or "ready" in own_shop.states(), 60, own_shop.logs)
    children = worker.children()
    own_shop.until_settled()
    assert worker.children() == children, "nothing happened to the worker"
    good, bad = ("ready", "", 1), ("failed", code, 3)
    assert own_shop.postgres.rows(OUTCOME) == [good, bad, good]
    own_shop.assert_nothing_lost(accepted, failed=1)


def test_a_picture_that_could_not_be_decoded_is_embedded_once_the_fault_is_mended(own_shop: OwnShop) -> None:
    accepted = ask(own_shop, "add([None, 'segfault'])")
    worker, _ = own_shop.start("worker", **WEAKNESS), own_shop.start("scheduler")
    own_shop.until_settled()
    assert own_shop.states() == {"ready": 1, "failed": 1}
    worker.stop()
    own_shop.start("worker")
    own_shop.manage("embed_catalog", "--failed", "--enqueue")
    own_shop.assert_nothing_lost(accepted)


def test_a_media_file_that_never_answers_holds_no_worker_for_ever(own_shop: OwnShop) -> None:
    """Reading a pipe without a writer hangs, like a network disk without its server. A hanging thread cannot be killed,
    so the process exits; after three times, the picture fails."""
    own_shop.environment |= {"IMAGE_DECODE_SECONDS": "2", "EMBEDDING_LEASE_SECONDS": "2"}
    accepted = ask(own_shop, "add([None, None, None, None])")
    (name,) = own_shop.postgres.rows("SELECT file FROM catalog_productimage WHERE id = %s", accepted[1])[0]
    file = own_shop.media / name
    kept = file.read_bytes()
    file.unlink()
    os.mkfifo(file)
    worker = own_shop.start("worker")
    own_shop.start("scheduler")
    own_shop.until_settled(90)
    assert worker.running
    assert "has not answered" in worker.log
    states = [(state, code) for state, code, _ in own_shop.postgres.rows(OUTCOME)]
    assert states == [("ready", ""), ("failed", "crashed"), ("ready", ""), ("ready", "")]
    file.unlink()
    file.write_bytes(kept)
    own_shop.manage("embed_catalog", "--failed", "--enqueue")
    own_shop.assert_nothing_lost(accepted)


@pytest.mark.parametrize(("fault", "code"), [("segfault", "crashed"), ("hang", "timeout"), ("memory", "out_of_memory")])
def test_a_poisoned_upload_or_search_is_a_400_and_the_web_process_lives(
    own_shop: OwnShop, fault: str, code: str
) -> None:
    web = own_shop.web(**limits(fault), **WEAKNESS)
    children = web.process.children()
    for reply in (search_photo(web, poisoned(fault)), web.upload(poisoned(fault))):
        assert (reply.status, reply.json["code"]) == (400, code), reply.body
    assert web.process.children() == children
    assert own_shop.postgres.value("SELECT count(*) FROM catalog_productimage") == 0
    assert not list(own_shop.media.glob("products/**/*.jpg"))
    assert search_photo(web, picture()).status == 200
    assert web.upload(picture()).status == 201


def test_pages_are_answered_while_every_decoder_hangs(own_shop: OwnShop) -> None:
    web = own_shop.web(IMAGE_DECODE_SECONDS="4", IMAGE_DECODERS="2", NUM_PROXIES="1", **WEAKNESS)
    assert web.get("/").status == 200
    replies: list[Reply] = []

    def send(client: str) -> None:
        replies.append(search_photo(web, poisoned("hang"), **{"X-Forwarded-For": client}))

    # One client may use one of two decoders and have two waiting pictures; more are refused at once.
    senders = [threading.Thread(target=send, args=[f"203.0.113.{number % 2}"]) for number in range(10)]
    for sender in senders:
        sender.start()
    until(lambda: len(replies) >= 4, 30, own_shop.logs)
    assert [(reply.status, reply.json["code"]) for reply in replies[:4]] == [(503, "busy")] * 4
    assert web.get("/").status == 200
    assert web.get("/healthz").status == 200
    assert any(sender.is_alive() for sender in senders), "others are still being looked at"
    for sender in senders:
        sender.join()
    # Waiting pictures get their turn, or are refused in time.
    codes = [reply.json["code"] for reply in replies]
    assert set(codes) == {"busy", "timeout"}
    assert codes.count("timeout") >= 2, codes
