"""The record of uploads made while servers were killed, and the verdict on them."""

from __future__ import annotations

import hashlib
import statistics
import threading
from collections import Counter
from dataclasses import dataclass, field

from django.db.models import Count

from bench.wrecked_shop import WreckedShop
from catalog.models import ProductImage
from recommendations.models import EmbeddingModel, ImageEmbedding


@dataclass
class Entry:
    """One upload that was answered with 201, and later changes by staff. A change attempted while the database went
    away may or may not have happened; both outcomes are then right."""

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
    sent: set[str] = field(default_factory=set)  # digests of all files sent
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def tried(self) -> int:
        return len(self.accepted) + sum(self.refused.values())


@dataclass
class Verdict:
    """The outcome of the accepted uploads. `lost`: picture or file is gone. `stuck`: neither ready nor failed with a
    reason."""

    ready: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    deleted: int = 0
    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    unanswered: int = 0  # in the shop, although the upload got no answer
    waits: list[float] = field(default_factory=list)  # seconds from the answer to the vector
    recoveries: list[float] = field(default_factory=list)  # seconds from a fault to the next vector stored

    @property
    def sound(self) -> bool:
        return not (self.lost or self.stuck or self.double)


def judge(shop: WreckedShop, ledger: Ledger) -> Verdict:
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


def print_table(
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
