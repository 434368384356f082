"""Makes the renditions of pictures: smaller copies in AVIF and WebP, so that pages need not send the files themselves.

Renditions are derived. They can be made again at any time, so they are not backed up, and pages show the file itself
while there are none. The row of a picture names its renditions, so lists need no query and no look into the storage. It
is written after the files, and `catalog.media.rendition_files` finds what a crash leaves behind.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Count, F, Q, QuerySet

from catalog.decoding import rendering_decoders
from catalog.media import rendition_files, storing
from catalog.models import ProductImage
from catalog.models.image import rendition_name
from ml.pictures.codec import ImageRejected
from ml.pictures.decoding import PERHAPS_PASSING, DecoderUnavailable

logger = logging.getLogger(__name__)

#: After this many failures, a picture keeps being shown as it is until the daily check lets it try again.
ATTEMPTS = 3
#: A claim of a worker that died ends after this many seconds; a picture takes a second or two.
LEASE_SECONDS = 300


class RenditionsUnavailable(Exception):
    """The storage is full or unavailable, or no decoder starts. The pictures keep waiting."""


@dataclass(frozen=True)
class Made:
    """What one call of `make` did.

    Attributes:
        done: pictures with renditions, or too small to need any.
        failed: pictures that could not be decoded or had no file.
        more: `enough` ended the call before all waiting pictures were done.
    """

    done: int
    failed: int
    more: bool


@dataclass(frozen=True)
class _Claim:
    id: int
    file: str
    digest: str


@dataclass(frozen=True)
class _Written:
    """`widths`: smallest first."""

    widths: list[int]
    tone: str


def waiting() -> QuerySet[ProductImage]:
    """Pictures whose renditions are to be made."""
    return ProductImage.objects.filter(~Q(rendition_source=F("digest")), rendition_attempts__lt=ATTEMPTS)


def missing() -> tuple[int, int]:
    """Pictures whose renditions are to be made, and those that failed `ATTEMPTS` times: one query."""
    failed = Q(rendition_attempts__gte=ATTEMPTS)
    found = ProductImage.objects.filter(~Q(rendition_source=F("digest"))).aggregate(
        waiting=Count("pk", filter=~failed), failed=Count("pk", filter=failed)
    )
    return found["waiting"], found["failed"]


def make(*, enough: Callable[[], bool] = lambda: False, advance: Callable[[int], None] = lambda _: None) -> Made:
    """Make the renditions of all pictures that wait for them, newest first. Several processes may do so at once.

    Args:
        enough: called before each claim of a few pictures; True leaves the rest for later.
        advance: called with the number of pictures done.

    Raises:
        RenditionsUnavailable: the pictures in progress wait again, and the attempt does not count.
    """
    done = failed = 0
    threads = settings.EMBEDDING_DECODE_THREADS
    try:
        with ThreadPoolExecutor(threads, thread_name_prefix="rendition") as pool:
            while not enough():
                claims = _claim(threads)
                if not claims:
                    return Made(done, failed, more=False)
                ready = _make(claims, pool)
                done, failed = done + ready, failed + len(claims) - ready
                advance(len(claims))
    finally:
        rendering_decoders().close()  # embedding may need their memory next
    return Made(done, failed, more=True)


def start_over() -> int:
    """Let all renditions be made again, by workers or the next `make`. Pages show the present ones until then."""
    return ProductImage.objects.update(rendition_source="", rendition_attempts=0)


def try_again() -> int:
    """Let pictures try again that failed `ATTEMPTS` times; returns their number."""
    failed = ProductImage.objects.filter(~Q(rendition_source=F("digest")), rendition_attempts__gte=ATTEMPTS)
    return failed.update(rendition_attempts=0)


def _claim(most: int) -> list[_Claim]:
    """Claim pictures. The attempt is committed before a byte is decoded: a picture that kills its worker is not tried
    forever."""
    sql = """
          WITH free AS MATERIALIZED (
                SELECT id FROM catalog_productimage
                 WHERE rendition_source <> digest AND rendition_attempts < %(attempts)s
                   AND (rendition_claimed_at IS NULL
                        OR rendition_claimed_at < clock_timestamp() - make_interval(secs => %(lease)s))
                 ORDER BY id DESC LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED)
        UPDATE catalog_productimage i
           SET rendition_attempts = i.rendition_attempts + 1, rendition_claimed_at = clock_timestamp()
          FROM free WHERE i.id = free.id
     RETURNING i.id, i.file, i.digest
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, {"attempts": ATTEMPTS, "lease": LEASE_SECONDS, "most": most})
        return [_Claim(*row) for row in cursor.fetchall()]


def _make(claims: list[_Claim], pool: ThreadPoolExecutor) -> int:
    """Make and store the renditions of these pictures; returns how many have them now."""
    left, ready = {claim.id for claim in claims}, 0
    unavailable: Exception | None = None
    try:
        for claim, future in [(claim, pool.submit(_write, claim)) for claim in claims]:
            try:
                _store(claim, future.result())
                ready += 1
            except (ImageRejected, FileNotFoundError) as error:
                _note_failure(claim, error)
            except (OSError, DecoderUnavailable) as error:
                unavailable = error
                continue
            left.discard(claim.id)
    finally:
        _release(left)
    if unavailable is not None:
        raise RenditionsUnavailable(f"Renditions of pictures cannot be made right now: {unavailable}") from unavailable
    return ready


def _write(claim: _Claim) -> _Written:
    """Write the files of one picture, in a thread without a database connection."""
    with default_storage.open(claim.file) as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != claim.digest:
        raise ImageRejected("checksum", f"The file {claim.file} differs from the uploaded one.")
    made = rendering_decoders().render(
        data,
        timeout_s=settings.IMAGE_ENCODE_SECONDS,
        max_bytes=settings.IMAGE_MAX_BYTES,
        max_pixels=settings.IMAGE_MAX_PIXELS,
    )
    for each in made.copies:
        try:
            storing.write(rendition_name(claim.file, each.width, each.format), each.data)
        except FileNotFoundError as error:  # nothing is wrong with the picture
            raise ConnectionError(str(error)) from error
    return _Written(sorted({each.width for each in made.copies}), made.tone)


def _store(claim: _Claim, made: _Written) -> None:
    picture = ProductImage.objects.filter(pk=claim.id, file=claim.file, digest=claim.digest)
    values = {"rendition_source": claim.digest, "rendition_attempts": 0, "rendition_claimed_at": None}
    if not picture.update(rendition_widths=made.widths, tone=made.tone, **values):
        # The picture was deleted or replaced while they were made.
        rendition_files.discard(claim.file, made.widths)


def _note_failure(claim: _Claim, error: Exception) -> None:
    """Damage is final; a crash or a timeout may be due to the machine, and a file may come back."""
    is_final = isinstance(error, ImageRejected) and error.code not in PERHAPS_PASSING
    values = {"rendition_attempts": ATTEMPTS} if is_final else {}
    ProductImage.objects.filter(pk=claim.id, digest=claim.digest).update(rendition_claimed_at=None, **values)
    logger.warning("Picture %d has no renditions and is shown as it is: %s", claim.id, error)


def _release(ids: set[int]) -> None:
    if ids:
        ProductImage.objects.filter(pk__in=ids, rendition_attempts__gt=0).update(
            rendition_attempts=F("rendition_attempts") - 1, rendition_claimed_at=None
        )
