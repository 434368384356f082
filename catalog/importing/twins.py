"""The same pictures again, at another place: a class folder that was put into another, renamed or packed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from django.conf import settings

from catalog.importing.tree import key_of
from catalog.models import ProductImage
from ml.files.catalog.archive import Archive
from ml.files.catalog.errors import RowError, RowRejected
from ml.files.catalog.records import Record


@dataclass(frozen=True)
class Found:
    """SKUs of records that are not imported.

    Attributes:
        existing: the shop has the same picture in a category of the same name.
        refused: an earlier file of this input is the same picture of the same class.
    """

    existing: frozenset[str] = frozenset()
    refused: tuple[RowError, ...] = ()
    skus: frozenset[str] = field(default=frozenset())


class Twins:
    """Class folders have no SKUs. Those made from the names of files change when a folder is moved, pictures do not."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def among(self, records: list[Record]) -> Found:
        pictures = {record.sku: self._picture(record) for record in records}
        known = {
            (digest, key_of(category))
            for digest, category in ProductImage.objects.filter(
                source_digest__in={digest for digest, _ in filter(None, pictures.values())}
            ).values_list("source_digest", "product__category__name")
        }
        existing: set[str] = set()
        refused: dict[str, RowError] = {}
        first: dict[tuple[str, str], Record] = {}
        for record in records:
            picture = pictures[record.sku]
            if picture is None:
                continue
            if picture in known:
                existing.add(record.sku)
            elif other := first.get(picture):
                reason = f"{record.image} is the same picture as {other.image}"
                refused[record.sku] = RowError(record.file, record.line, "duplicate", reason)
            else:
                first[picture] = record
        return Found(frozenset(existing), tuple(refused.values()), frozenset(existing | refused.keys()))

    def _picture(self, record: Record) -> tuple[str, str] | None:
        """SHA-256 of its file, and its category; None if it cannot be read, which is reported later."""
        try:
            data = self.archive.read(record.image or "", settings.IMAGE_MAX_BYTES)
        except RowRejected:
            return None
        return hashlib.sha256(data).hexdigest(), key_of(record.category[-1])
