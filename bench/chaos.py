"""Uploads while workers, Redis and Postgres are killed at random. At the end a ledger is compared with the shop: every
accepted picture must be ready, or failed with a reason."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from django.conf import settings
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connections, transaction
from PIL import Image, ImageDraw
from rest_framework.authtoken.models import Token

from bench.ledger import Entry, Ledger, judge, print_table
from bench.wrecked_shop import LEASE_SECONDS, SWEEP_SECONDS, WreckedShop
from catalog import services
from catalog.media import files
from catalog.models import Category, Product, ProductImage
from recommendations.models import ImageEmbedding
from recommendations.monitoring.status import pipeline_status

PRODUCTS = 50
UPLOADERS = 2
BETWEEN_UPLOADS = 0.15  # seconds, for each uploader
BETWEEN_FAULTS = (1.0, 5.0)
SETTLE_SECONDS = 180  # after the last fault; several leases and sweeps
SPOILED = ("removed", "altered", "cut short")


def measure(shop: WreckedShop, *, minutes: float, seed: int) -> bool:
    """Print the table; returns whether nothing was lost, stuck or duplicated."""
    print(
        f"{minutes:g} minutes of chaos, seed {seed}: a web process, two workers and a scheduler on a Postgres and a "
        f"Redis of their own; leases of {LEASE_SECONDS} s, a sweep every {SWEEP_SECONDS} s.",
        flush=True,
    )
    ledger = Ledger()
    with shop.open():
        _enter(shop)
        _rage(shop, ledger, minutes * 60, seed)
        settled = _settle()
        first = judge(shop, ledger)
        retried = _retry(shop) if first.failed else Counter()
        verdict = judge(shop, ledger)
        _close_connections()
    print_table(shop, ledger, first, verdict, retried, settled)
    if verdict.sound:
        shutil.rmtree(shop.var, ignore_errors=True)
    else:
        print(f"The shop is kept in {shop.var}, with its logs.")
    return verdict.sound


def _enter(shop: WreckedShop) -> None:
    category = Category.objects.add_root(instance=Category(name="Things"))
    Product.objects.bulk_create(
        Product(sku=f"C{n}", slug=f"c{n}", title=f"Thing {n}", category=category) for n in range(PRODUCTS)
    )
    token = Token.objects.create(user=User.objects.create(username="staff", is_staff=True, is_superuser=True))
    shop.environment["TOKEN"] = token.key


def _rage(shop: WreckedShop, ledger: Ledger, seconds: float, seed: int) -> None:
    chance = random.Random(seed)
    stop = threading.Event()
    threads = [
        threading.Thread(target=_upload_on, args=(shop, ledger, stop, random.Random(f"{seed}/{number}")))
        for number in range(UPLOADERS)
    ]
    threads.append(threading.Thread(target=_meddle_on, args=(ledger, stop, random.Random(f"{seed}/staff"))))
    began = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        time.sleep(min(5.0, seconds / 4))  # the workers have claimed pictures
        while time.monotonic() - began < seconds:
            fault = shop.wreck(chance)
            passed = time.monotonic() - began
            print(f"  {passed:5.0f} s  {fault.kind}; {len(ledger.accepted):,} accepted so far", flush=True)
            time.sleep(chance.uniform(*BETWEEN_FAULTS))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# Uploads


def _upload_on(shop: WreckedShop, ledger: Ledger, stop: threading.Event, chance: random.Random) -> None:
    while not stop.wait(BETWEEN_UPLOADS):
        data = _picture(chance) if chance.random() < 0.95 else chance.randbytes(500)
        with ledger.lock:
            ledger.sent.add(hashlib.sha256(data).hexdigest())
        try:
            made = _post(shop, f"c{chance.randrange(PRODUCTS)}", data)
        except HTTPError as error:
            with ledger.lock:
                ledger.refused[str(error.code)] += 1
        except (OSError, http.client.HTTPException):
            with ledger.lock:
                ledger.refused["no answer"] += 1
        else:
            with ledger.lock:
                ledger.accepted.append(Entry(made["id"], time.time(), {made["digest"]}))


def _post(shop: WreckedShop, slug: str, data: bytes) -> dict[str, Any]:
    edge = "edge-of-a-part"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    request = Request(
        f"{shop.url}/api/v1/products/{slug}/images/",
        head.encode() + data + f"\r\n--{edge}--\r\n".encode(),
        {
            "Content-Type": f"multipart/form-data; boundary={edge}",
            "Authorization": f"Token {shop.environment['TOKEN']}",
        },
    )
    with urlopen(request, timeout=60) as response:
        return json.loads(response.read())


def _picture(chance: random.Random) -> bytes:
    """A random JPEG; no two are the same."""
    image = Image.new("RGB", (chance.randrange(60, 400), chance.randrange(80, 400)), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = chance.randrange(image.width), chance.randrange(image.height)
        colour = tuple(chance.randrange(256) for _ in range(3))
        draw.rectangle((x, y, x + chance.randrange(5, 90), y + chance.randrange(5, 90)), fill=colour)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


# Staff


def _meddle_on(ledger: Ledger, stop: threading.Event, chance: random.Random) -> None:
    """Delete, replace and damage pictures, mostly recently uploaded ones."""
    while not stop.wait(0.5):
        with ledger.lock:
            open_ = [entry for entry in ledger.accepted[-30:] if entry.untouched]
        if not open_:
            continue
        entry = chance.choice(open_)
        deed = chance.choice([_delete, _replace, _spoil])
        with ledger.lock:
            ledger.by_staff[deed.__name__.strip("_")] += 1
        deed(entry, chance)
    _close_connections()


@contextmanager
def _while_it_lasts(unsure: Callable[[], None]) -> Iterator[None]:
    """The database may go away at any time, even between a commit and its answer."""
    try:
        yield
    except (OperationalError, InterfaceError):
        unsure()
        _close_connections()


def _delete(entry: Entry, _: random.Random) -> None:
    def unsure() -> None:
        entry.perhaps_deleted = True

    with _while_it_lasts(unsure):
        ProductImage.objects.get(pk=entry.id).delete()
        entry.deleted = True


def _replace(entry: Entry, chance: random.Random) -> None:
    """Replace the file of a picture, perhaps while a worker is embedding the former one."""
    accepted = services.accept_image(_picture(chance))
    name = services.store_file(accepted.data, accepted.info)
    former = set(entry.digests)
    entry.digests.add(accepted.info.digest)  # until the outcome is known
    with _while_it_lasts(lambda: None):
        with transaction.atomic():
            image = ProductImage.objects.select_for_update().get(pk=entry.id)
            old = image.file.name
            image.file, image.digest = name, accepted.info.digest
            image.width, image.height = accepted.info.width, accepted.info.height
            image.save(update_fields=["file", "digest", "width", "height"])
            services.announce_images([image.pk], interactive=True)
        files.discard_rowless([old])
        entry.digests -= former


def _spoil(entry: Entry, chance: random.Random) -> None:
    with _while_it_lasts(lambda: None):
        image = ProductImage.objects.get(pk=entry.id)
        path = Path(settings.MEDIA_ROOT) / image.file.name
        entry.spoiled = chance.choice(SPOILED)
        data = path.read_bytes()
        if entry.spoiled == "removed":
            path.unlink()
        elif entry.spoiled == "altered":
            path.write_bytes(data[:-40] + bytes(40))
        else:
            short = data[: len(data) // 2]
            path.write_bytes(short)
            # As if the file had been accepted like this: only the decoder can detect it.
            entry.digests.add(hashlib.sha256(short).hexdigest())
            ProductImage.objects.filter(pk=image.pk).update(digest=hashlib.sha256(short).hexdigest())


# The end


def _settle() -> float | None:
    """Seconds until all work was done; None if some is left."""
    began = time.monotonic()
    while time.monotonic() - began < SETTLE_SECONDS:
        with _while_it_lasts(lambda: None):
            if pipeline_status().settled:
                return time.monotonic() - began
        time.sleep(0.5)
    return None


def _retry(shop: WreckedShop) -> Counter[str]:
    """Try failed pictures again; damaged ones fail again."""
    before = Counter(ImageEmbedding.objects.filter(state="failed").values_list("error_code", flat=True))
    subprocess.run(
        [sys.executable, "manage.py", "embed_catalog", "--failed"],
        cwd=shop.root, env=shop.environment, check=True, capture_output=True,
    )  # fmt: skip
    _settle()
    after = Counter(ImageEmbedding.objects.filter(state="failed").values_list("error_code", flat=True))
    return before - after


def _close_connections() -> None:
    connections.close_all()
