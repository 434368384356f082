"""From records to rows and files, in bulk. Importing the same catalog again changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction

from catalog import refusals
from catalog.conflicts import lost_a_race, refusal
from catalog.decoding import decoders
from catalog.importing.demo_prices import demo_price
from catalog.importing.existing import Stored, stored
from catalog.importing.outcome import Outcome
from catalog.importing.problems import problem_of
from catalog.importing.tree import Tree
from catalog.importing.twins import Found, Twins
from catalog.locks import IMPORT_LOCK, session_lock
from catalog.media import files
from catalog.models import Product, ProductImage
from catalog.models.product import default_currency, product_slug
from catalog.search.indexing import count_words, index
from catalog.services import AcceptedImage, accept_image, announce_images, store_file
from ml.files.catalog.archive import Archive
from ml.files.catalog.errors import Merged, RowError, RowRejected
from ml.files.catalog.records import Catalog, Record
from ml.pictures.codec import ImageRejected

CHUNK = 500  # products per transaction: what a kill can cost, and what one nudge announces
STOCK = 10  # of products whose input has no stock
TRIES = 3  # for a product that somebody else writes at the same time, through the API or the admin


def import_records(
    catalog: Catalog,
    *,
    limit: int | None = None,
    demo_prices: bool = False,
    report: Callable[[RowError], None] = lambda _: None,
    advance: Callable[[int], None] = lambda _: None,
    on_wait: Callable[[], None] = lambda: None,
) -> Outcome:
    """Import at most `limit` products.

    Existing products stay as they are, and only get a picture if they have none: a second run changes nothing, and
    a run after a kill completes the first. One import runs at a time; a second one waits, and then finds the products
    of the first.

    In class folders a product is its picture: it is only made if the picture can be used, and if the same picture is
    not in a category of this name already, as after a folder was put into another.

    Args:
        report: called with each problem.
        advance: called with the number of products done.
        on_wait: called when another import is running.
    """
    outcome = Outcome(report)
    records = _valid(catalog.records(), outcome)
    with (
        outcome,
        session_lock(IMPORT_LOCK, on_wait=on_wait),
        ThreadPoolExecutor(decoders().most, thread_name_prefix="decode") as pool,
    ):
        loader = _Loader(catalog, outcome, pool, demo_prices)
        for chunk in _chunks(islice(records, limit), CHUNK):
            loader.load(chunk)
            outcome.tell()
            advance(len(chunk))
    if outcome.created:
        count_words()
    return outcome


def check_records(
    catalog: Catalog, *, limit: int | None = None, report: Callable[[RowError], None] = lambda _: None
) -> Outcome:
    """What `import_records` would do, without writing anything. Pictures are looked up, but not decoded."""
    outcome = Outcome(report)
    twins = Twins(catalog.archive) if catalog.layout == "folder" else None
    with outcome:
        for chunk in _chunks(islice(_valid(catalog.records(), outcome), limit), CHUNK):
            _check(chunk, catalog.archive, twins, outcome)
            outcome.tell()
    return outcome


def _check(chunk: list[Record], archive: Archive, twins: Twins | None, outcome: Outcome) -> None:
    found = stored(chunk)
    twinned = twins.among([record for record in chunk if record.sku not in found]) if twins else Found()
    outcome.unchanged += len(twinned.existing)
    outcome.pictured += len(twinned.existing)
    for refused in twinned.refused:
        outcome.refuse(refused)
    for record in (record for record in chunk if record.sku not in twinned.skus):
        product = found.get(record.sku)
        outcome.different += bool(product and product.differs_from(record))
        if product and product.images:
            outcome.unchanged += 1
            outcome.pictured += 1
            continue
        missing = [problem for name, _ in record.pictures if (problem := _missing(archive, name, record))]
        usable = len(record.pictures) - len(missing)
        if not product:
            outcome.create(record)
        elif usable:
            outcome.changed += 1
        else:
            outcome.unchanged += 1
        outcome.images += usable
        outcome.wanted += len(record.pictures)
        for problem in missing:
            outcome.add(problem)


def _missing(archive: Archive, name: str, record: Record) -> RowError | None:
    """What reading this picture would say."""
    try:
        archive.open(name).close()
    except RowRejected as error:
        return RowError(record.file, record.line, error.code, error.reason, kept=True)
    return None


def _valid(records: Iterable[Record | RowError], outcome: Outcome) -> Iterator[Record]:
    seen: set[str] = set()
    refused: tuple[str, int] | None = None
    for record in records:
        if isinstance(record, Merged):
            outcome.rows += 1
            outcome.merged += 1
            continue
        if isinstance(record, RowError):
            if record.kept or refused == (record.file, record.line):  # one of several problems of its row
                outcome.add(record)
                continue
            refused = record.file, record.line
            outcome.rows += 1
            outcome.refuse(record)
            continue
        outcome.rows += 1
        if problem := problem_of(record):
            outcome.refuse(problem)
        elif record.sku in seen:
            reason = f"SKU {record.sku} is in an earlier row"
            outcome.refuse(RowError(record.file, record.line, "duplicate_sku", reason))
        else:
            seen.add(record.sku)
            yield record


def _chunks(records: Iterator[Record], size: int) -> Iterator[list[Record]]:
    while chunk := list(islice(records, size)):
        yield chunk


@dataclass(frozen=True)
class _Picture:
    """A picture whose file is written, but not its row."""

    file: str
    alt: str
    accepted: AcceptedImage


class _Loader:
    def __init__(self, catalog: Catalog, outcome: Outcome, pool: Executor, demo_prices: bool) -> None:
        self.archive, self.outcome, self.pool, self.demo_prices = catalog.archive, outcome, pool, demo_prices
        self.twins = Twins(catalog.archive) if catalog.layout == "folder" else None
        self.tree = Tree()

    def load(self, chunk: list[Record]) -> None:
        """In halves if a constraint refused it: the same product, or its address, was written through another door."""
        for left in reversed(range(TRIES if len(chunk) == 1 else 1)):
            try:
                return self._load(chunk)
            except (IntegrityError, OperationalError) as error:
                if isinstance(error, OperationalError) and not lost_a_race(error):
                    raise
                self.tree.forget()
                if len(chunk) == 1 and not left:
                    record, reason = chunk[0], refusal(error).message
                    self.outcome.refuse(RowError(record.file, record.line, "refused", reason))
                    return None
        middle = len(chunk) // 2
        self.load(chunk[:middle])
        return self.load(chunk[middle:])

    def _load(self, chunk: list[Record]) -> None:
        found = stored(chunk)
        refused: list[RowError] = []
        problems: list[RowError] = []
        fresh = self._with_free_addresses([record for record in chunk if record.sku not in found], refused)
        twins = self.twins.among(fresh) if self.twins else Found()
        fresh = [record for record in fresh if record.sku not in twins.skus]
        pictureless = [record for record in chunk if (product := found.get(record.sku)) and not product.images]
        written: list[str] = []
        try:
            pictures = self._pictures([*fresh, *pictureless], written, problems)
            if self.twins:  # a class folder's product is its picture
                fresh = [record for record in fresh if pictures[record.sku]]
            with transaction.atomic():
                self.tree.know(record.category for record in fresh)
                made = Product.objects.bulk_create([self._product(record) for record in fresh])
                owners = {product.sku: product.pk for product in made}
                owners.update((record.sku, found[record.sku].pk) for record in pictureless)
                images = ProductImage.objects.bulk_create(
                    ProductImage(
                        product_id=owners[sku],
                        file=picture.file,
                        alt=picture.alt,
                        position=position,
                        width=picture.accepted.info.width,
                        height=picture.accepted.info.height,
                        digest=picture.accepted.info.digest,
                        source_digest=picture.accepted.source_digest,
                    )
                    for sku, stored in pictures.items()
                    for position, picture in enumerate(stored)
                )
                index(product.pk for product in made)
                announce_images([image.pk for image in images], interactive=False)
        except BaseException:
            files.discard_rowless(written)
            raise
        self._count(chunk, made, found, pictures, twins)
        for problem in (*refused, *twins.refused):
            self.outcome.refuse(problem)
        for problem in problems:
            self.outcome.add(problem)

    def _count(
        self,
        chunk: list[Record],
        made: list[Product],
        found: dict[str, Stored],
        pictures: dict[str, list[_Picture]],
        twins: Found,
    ) -> None:
        outcome = self.outcome
        changed = sum(bool(pictures.get(sku)) for sku in found)
        outcome.changed += changed
        outcome.unchanged += len(found) - changed + len(twins.existing)
        outcome.pictured += sum(product.images > 0 for product in found.values()) + len(twins.existing)
        outcome.different += sum(record.sku in found and found[record.sku].differs_from(record) for record in chunk)
        new = {product.sku for product in made}
        for record in chunk:
            if record.sku in new:
                outcome.create(record)
        outcome.images += sum(map(len, pictures.values()))
        outcome.wanted += sum(len(record.pictures) for record in chunk if record.sku in pictures)
        if self.twins:  # the problem of the picture is reported as well
            outcome.refused += sum(not stored and sku not in found for sku, stored in pictures.items())

    def _with_free_addresses(self, records: list[Record], problems: list[RowError]) -> list[Record]:
        """Without records that would have the address of another product, which staff may have typed."""
        slugs = [product_slug(record.title, record.sku) for record in records]
        taken = set(Product.objects.filter(slug__in=slugs).values_list("slug", flat=True))
        free: list[Record] = []
        for record, slug in zip(records, slugs, strict=True):
            if slug in taken:
                reason = f"another product has the address {slug}"
                problems.append(RowError(record.file, record.line, "address_taken", reason))
            else:
                taken.add(slug)
                free.append(record)
        return free

    def _product(self, record: Record) -> Product:
        price, compare_at = record.price, record.compare_at_price
        if price is None and self.demo_prices:
            price, compare_at = demo_price(record.sku, record.category, record.currency or default_currency())
        return Product(
            sku=record.sku,
            slug=product_slug(record.title, record.sku),
            title=record.title,
            description=record.description,
            brand=record.brand,
            category=self.tree.category(record.category),
            price=price,
            compare_at_price=compare_at,
            currency=record.currency or default_currency(),
            stock=STOCK if record.stock is None else record.stock,
            published=record.published,
            condition=record.condition,
            size=record.size,
            gtin=record.gtin,
            url=record.url,
            attributes=record.attributes,
        )

    def _pictures(
        self, records: list[Record], written: list[str], problems: list[RowError]
    ) -> dict[str, list[_Picture]]:
        """SKU to its stored files. One thread per decoder."""
        stored: dict[str, list[_Picture]] = {}
        tasks = [self.pool.submit(self._pictures_of, record, written) for record in records]
        try:
            results = [task.result() for task in tasks]
        finally:  # no thread may still write a file while files without a row are removed
            for task in tasks:
                task.cancel()
            wait(tasks)
        for record, (pictures, errors) in zip(records, results, strict=True):
            stored[record.sku] = pictures
            problems += errors
        return stored

    def _pictures_of(self, record: Record, written: list[str]) -> tuple[list[_Picture], list[RowError]]:
        """Usable pictures of one product, and what is wrong with the others."""
        stored: list[_Picture] = []
        errors: list[RowError] = []
        for name, alt in record.pictures:
            try:
                accepted = accept_image(self.archive.read(name, settings.IMAGE_MAX_BYTES), door=refusals.IMPORT)
                if any(accepted.info.digest == other.accepted.info.digest for other in stored):
                    raise RowRejected("duplicate", f"{name} is the same picture as another of this product")
            except RowRejected as error:
                errors.append(RowError(record.file, record.line, error.code, error.reason, kept=True))
            except ImageRejected as error:
                reason = f"{name}: {error.message}"
                errors.append(RowError(record.file, record.line, error.code, reason, kept=True))
            else:
                file = store_file(accepted.data, accepted.info)
                written.append(file)
                # The bytes of a whole chunk need not stay in memory.
                stored.append(_Picture(file, alt, replace(accepted, data=b"")))
        return stored, errors
