"""Uploads go on while workers, Redis and Postgres are killed at random. In the end a ledger is held against the shop:
what was accepted must be ready, or failed with a reason."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from PIL import Image, ImageDraw

from bench.wrecked_shop import LEASE_SECONDS, SWEEP_SECONDS, WreckedShop

if TYPE_CHECKING:
    from catalog.models import ProductImage

PRODUCTS = 50
UPLOADERS = 2
BETWEEN_UPLOADS = 0.15  # seconds, each of them
BETWEEN_FAULTS = (1.0, 5.0)
SETTLE_SECONDS = 180  # after the last fault; several leases and sweeps
SPOILED = ("removed", "altered", "cut short")


@dataclass
class Entry:
    """One upload that was answered with 201, and what staff did to it since. What was tried while the database went
    away may or may not have happened: then both answers are right."""

    id: int
    at: float
    digests: set[str]  # any of these may be the picture's
    deleted: bool = False
    perhaps_deleted: bool = False
    spoiled: str = ""

    @property
    def untouched(self) -> bool:
        return len(self.digests) == 1 and not (self.deleted or self.perhaps_deleted or self.spoiled)


@dataclass
class Ledger:
    accepted: list[Entry] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)  # by status
    by_staff: Counter[str] = field(default_factory=Counter)
    sent: set[str] = field(default_factory=set)  # digests of everything that was ever sent
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def tried(self) -> int:
        return len(self.accepted) + sum(self.refused.values())


@dataclass
class Verdict:
    """Of the accepted uploads. `lost`: picture or file is gone. `stuck`: neither ready nor failed with a reason."""

    ready: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    deleted: int = 0
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    unanswered: int = 0  # in the shop, though nobody was told so
    waits: list[float] = field(default_factory=list)  # seconds from the answer to the vector
    recoveries: list[float] = field(default_factory=list)  # seconds from a fault to the next vector stored

    @property
    def sound(self) -> bool:
        return not (self.lost or self.stuck or self.double)


def measure(root: Path, *, minutes: float, seed: int) -> bool:
    """Prints the table; whether nothing was lost, stuck or double."""
    home = Path(os.environ.get("BENCH_VAR_DIR", str(root / "var" / "bench"))).absolute()
    home.mkdir(parents=True, exist_ok=True)
    shop = WreckedShop(root, Path(tempfile.mkdtemp(prefix="chaos-", dir=home)))
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
        first = _judge(shop, ledger)
        retried = _retry(shop) if first.failed else Counter()
        verdict = _judge(shop, ledger)
        _close_connections()
    _print(shop, ledger, first, verdict, retried, settled)
    if verdict.sound:
        shutil.rmtree(shop.var, ignore_errors=True)
    else:
        print(f"The shop is kept in {shop.var}, with its logs.")
    return verdict.sound


def _enter(shop: WreckedShop) -> None:
    """This process is staff: it works on the same database and the same files."""
    os.environ.update(shop.environment, LOG_LEVEL="ERROR")  # that brokers and databases are away is no news here
    import django

    django.setup()
    from django.contrib.auth.models import User
    from rest_framework.authtoken.models import Token

    from catalog.models import Category, Product

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
        time.sleep(min(5.0, seconds / 4))  # the workers have something in hand
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
    """Deletes, replaces and spoils pictures, mostly such as have just been uploaded."""
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
    """The database may go away at any moment, also between a commit and its answer."""
    from django.db import InterfaceError, OperationalError

    try:
        yield
    except (OperationalError, InterfaceError):
        unsure()
        _close_connections()


def _delete(entry: Entry, _: random.Random) -> None:
    from catalog.models import ProductImage

    def unsure() -> None:
        entry.perhaps_deleted = True

    with _while_it_lasts(unsure):
        ProductImage.objects.get(pk=entry.id).delete()
        entry.deleted = True


def _replace(entry: Entry, chance: random.Random) -> None:
    """Another file for the same picture, perhaps while a worker has the former one in hand."""
    from django.db import transaction

    from catalog import services
    from catalog.media import files
    from catalog.models import ProductImage

    accepted = services.accept_image(_picture(chance))
    name = services.store_file(accepted.data, accepted.info)
    former = set(entry.digests)
    entry.digests.add(accepted.info.digest)  # until it is known
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
    from django.conf import settings

    from catalog.models import ProductImage

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
            # As if it had been accepted like this: only the decoder can tell.
            entry.digests.add(hashlib.sha256(short).hexdigest())
            ProductImage.objects.filter(pk=image.pk).update(digest=hashlib.sha256(short).hexdigest())


# The end


def _settle() -> float | None:
    """Seconds until nothing was left to do; None when something still is."""
    from recommendations.monitoring.status import pipeline_status

    began = time.monotonic()
    while time.monotonic() - began < SETTLE_SECONDS:
        with _while_it_lasts(lambda: None):
            if pipeline_status().settled:
                return time.monotonic() - began
        time.sleep(0.5)
    return None


def _retry(shop: WreckedShop) -> Counter[str]:
    """Failed pictures, once more; those that were spoiled fail again."""
    from recommendations.models import ImageEmbedding

    before = Counter(ImageEmbedding.objects.filter(state="failed").values_list("error_code", flat=True))
    subprocess.run(
        [sys.executable, "manage.py", "embed_catalog", "--failed"],
        cwd=shop.root, env=shop.environment, check=True, capture_output=True,
    )  # fmt: skip
    _settle()
    after = Counter(ImageEmbedding.objects.filter(state="failed").values_list("error_code", flat=True))
    return before - after


def _judge(shop: WreckedShop, ledger: Ledger) -> Verdict:
    from django.db.models import Count

    from catalog.models import ProductImage
    from recommendations.models import EmbeddingModel, ImageEmbedding

    model = EmbeddingModel.objects.active()
    images = {image.pk: image for image in ProductImage.objects.all()}
    rows = {row.image_id: row for row in ImageEmbedding.objects.filter(model=model).defer("vector")}
    found = Verdict()
    for entry in ledger.accepted:
        image, row = images.get(entry.id), rows.get(entry.id)
        if image is None:
            if entry.deleted or entry.perhaps_deleted:
                found.deleted += 1
            else:
                found.lost.append(f"picture {entry.id} has no row")
            continue
        if entry.deleted:
            found.double.append(f"picture {entry.id} came back after it was deleted")
        if problem := _file_problem(entry, image):
            found.lost.append(problem)
        if row is None or row.digest != image.digest or row.state not in {"ready", "failed"}:
            found.stuck.append(f"picture {entry.id} is {row.state if row else 'without a row'}")
        elif row.state == "ready":
            found.ready += 1
            if entry.untouched and row.embedded_at:
                found.waits.append(max(row.embedded_at.timestamp() - entry.at, 0.0))
        elif row.error_code:
            found.failed[row.error_code] += 1
        else:
            found.stuck.append(f"picture {entry.id} failed without a reason")
    known = {entry.id for entry in ledger.accepted}
    found.unanswered = len(images.keys() - known)
    found.double += [
        f"{each['count']} pictures are the same file, {each['digest'][:12]}"
        for each in ProductImage.objects.values("digest").annotate(count=Count("id")).filter(count__gt=1)
    ]
    found.double += [
        f"picture {each['image']} has {each['count']} vectors of one model"
        for each in ImageEmbedding.objects.values("image", "model").annotate(count=Count("id")).filter(count__gt=1)
    ]
    stored = sorted(row.embedded_at.timestamp() for row in rows.values() if row.embedded_at)
    for fault in shop.faults:
        after = next((moment for moment in stored if moment > fault.at), None)
        if after is not None:
            found.recoveries.append(after - fault.at)
    return found


def _file_problem(entry: Entry, image: ProductImage) -> str:
    if entry.spoiled:
        return ""
    if image.digest not in entry.digests:
        return f"picture {entry.id} is another than was sent"
    try:
        with image.file.open() as file:
            data = file.read()
    except FileNotFoundError:
        return f"the file of picture {entry.id} is gone"
    return "" if hashlib.sha256(data).hexdigest() == image.digest else f"the file of picture {entry.id} is damaged"


def _print(
    shop: WreckedShop, ledger: Ledger, first: Verdict, verdict: Verdict, retried: Counter[str], settled: float | None
) -> None:
    def line(name: str, value: object, note: str = "") -> None:
        print(f"  {name:<46} {value:>8}  {note}".rstrip())

    print()
    line("uploads tried", f"{ledger.tried:,}")
    line("accepted (201)", f"{len(ledger.accepted):,}")
    for status, count in sorted(ledger.refused.items()):
        line(f"refused ({status})" if status.isdecimal() else status, f"{count:,}")
    line("committed without an answer", verdict.unanswered)
    line("deleted, replaced, spoiled by staff", sum(ledger.by_staff.values()), _listed(ledger.by_staff))
    line("faults injected", len(shop.faults))
    for kind, count in sorted(Counter(fault.kind for fault in shop.faults).items()):
        line(f"  {kind}", count)
    for what, count in sorted(shop.restarts.items()):
        line(f"  {what}", count)
    line("ready", f"{first.ready:,}")
    line("failed, with a reason", f"{sum(first.failed.values()):,}", _listed(first.failed))
    line("  ready after embed_catalog --failed", f"{sum(retried.values()):,}", _listed(retried))
    line("deleted", f"{verdict.deleted:,}")
    for name, found in (("duplicates", verdict.double), ("stuck", verdict.stuck), ("lost", verdict.lost)):
        line(name, len(found), "; ".join(found[:5]))
    line("settled after the last fault", "never" if settled is None else f"{settled:.0f} s")
    line("from a fault to the next vector, p50 / max", _spread(first.recoveries))
    line("from an upload to its vector, p50 / max", _spread(first.waits))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))


def _spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.1f} / {max(seconds):.1f} s" if seconds else "–"


def _close_connections() -> None:
    from django.db import connections

    connections.close_all()
