"""How much of the catalog a model has embedded: coverage, failures, pace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Count, F, Min
from django.utils import timezone

from catalog.models import ProductImage
from ml.pictures.codec import DECODER_VERSION
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding
from recommendations.querysets import ImageEmbeddingQuerySet


@dataclass
class Coverage:
    """`total` is the sum of the four states; `pending` includes pictures without a row and stale rows.

    `oldest_pending_s` counts from when the picture was uploaded, replaced or last retried. `outdated` of the `ready`
    ones have a vector of an earlier decoder; see `recommendations.pipeline.renewing`.
    """

    total: int = 0
    ready: int = 0
    pending: int = 0
    processing: int = 0
    failed: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    oldest_pending_s: float | None = None
    outdated: int = 0

    @property
    def missing(self) -> int:
        """Pictures that may still get a vector. A failed one counts as covered, because waiting does not help it."""
        return self.pending + self.processing

    @property
    def share(self) -> float:
        """Share of pictures that are covered, 0 to 1; 1 for an empty shop."""
        return 1 - self.missing / self.total if self.total else 1.0


def coverage(model: EmbeddingModel | None) -> Coverage:
    """The coverage of all pictures; without a model, all of them are pending."""
    if model is None:
        images = ProductImage.objects.aggregate(count=Count("id"), oldest=Min("created_at"))
        waited = (timezone.now() - images["oldest"]).total_seconds() if images["oldest"] else None
        return Coverage(total=images["count"], pending=images["count"], oldest_pending_s=waited)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT CASE WHEN e.id IS NULL OR e.digest <> i.digest THEN 'pending' ELSE e.state END AS state,
                   CASE WHEN e.state = 'failed' AND e.digest = i.digest THEN e.error_code ELSE '' END AS code,
                   count(*),
                   -- when a file was replaced is unknown until the next sweep makes its row pending
                   extract(epoch FROM clock_timestamp() - min(CASE WHEN e.id IS NULL THEN i.created_at
                                                                   WHEN e.digest = i.digest THEN e.created_at END)),
                   count(*) FILTER (WHERE e.state = 'ready' AND e.digest = i.digest AND e.decoder < %s)
              FROM catalog_productimage i
              LEFT JOIN recommendations_imageembedding e ON e.image_id = i.id AND e.model_id = %s
             GROUP BY 1, 2
            """,
            [DECODER_VERSION, model.pk],
        )
        rows = cursor.fetchall()
    found = Coverage()
    for state, code, count, age, outdated in rows:
        found.outdated += outdated
        setattr(found, state, getattr(found, state) + count)
        found.total += count
        if code:
            found.failures[code] = count
        if state == "pending":
            found.oldest_pending_s = round(max(float(age or 0), 0.0), 1)
    return found


RECENT = 1000  # uploads that are checked for a missing row


def waiting_s(model: EmbeddingModel | None) -> float:
    """How many seconds the oldest unclaimed picture has waited, 0 if none is waiting. The same as `oldest_pending_s`,
    but it includes claims of dead workers and is cheap enough for a health page.

    Pictures without a row are looked for among the last `RECENT` uploads only: every sweep gives rows to all others.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT extract(epoch FROM clock_timestamp() - least(
                (SELECT created_at FROM recommendations_imageembedding
                  WHERE model_id = %(model)s AND state IN ('pending', 'processing')
                    AND (state = 'pending' OR lease_expires_at < clock_timestamp())
                  ORDER BY created_at LIMIT 1),
                (SELECT min(created_at)
                   FROM (SELECT id, created_at FROM catalog_productimage ORDER BY id DESC LIMIT %(recent)s) i
                  WHERE NOT EXISTS (SELECT FROM recommendations_imageembedding e
                                     WHERE e.image_id = i.id AND e.model_id = %(model)s))))
            """,
            {"model": model.pk if model else None, "recent": RECENT},
        )
        (seconds,) = cursor.fetchone()
    return round(max(float(seconds or 0), 0.0), 1)


def uncovered_skus(model: EmbeddingModel, limit: int) -> list[str]:
    """SKUs of the products of `Coverage.missing` pictures, in order of picture, at most `limit`."""
    return _skus(model, limit, "e.id IS NULL OR e.digest <> i.digest OR e.state IN ('pending', 'processing')")


def failed_skus(model: EmbeddingModel, limit: int) -> list[str]:
    """SKUs of the products of the model's failed pictures, in the same way."""
    return _skus(model, limit, "e.digest = i.digest AND e.state = 'failed'")


def failed_instead(model: EmbeddingModel, other: EmbeddingModel) -> ImageEmbeddingQuerySet:
    """Failed rows of `model` whose pictures `other` has embedded, in order of picture."""
    failed = ImageEmbedding.objects.filter(model=model, state=EmbeddingState.FAILED, digest=F("image__digest"))
    return failed.filter(image__in=ImageEmbedding.objects.current(other).values("image")).order_by("image")


def latest_failures(model: EmbeddingModel, codes: Sequence[str], size: int) -> list[int]:
    """Ids of the `size` latest failed rows of each code, read from the index `embedding_failed`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT row.id FROM unnest(%s::text[]) AS given(code)
             CROSS JOIN LATERAL (
                   SELECT e.id FROM recommendations_imageembedding e
                     JOIN catalog_productimage i ON i.id = e.image_id AND i.digest = e.digest
                    WHERE e.model_id = %s AND e.state = 'failed' AND e.error_code = given.code
                    ORDER BY e.id DESC LIMIT %s) row
            """,
            [list(codes), model.pk, size],
        )
        return [pk for (pk,) in cursor.fetchall()]


def embedded_lately(models: Iterable[EmbeddingModel], window_s: float) -> dict[int, tuple[int, float]]:
    """Model id → pictures embedded in the last `window_s` seconds, and the seconds since the first of them; models
    without any are left out.

    The index `embedding_done` contains the whole answer, so the cost depends on the window, not on the catalog.
    """
    with connection.cursor() as cursor:
        # Not clock_timestamp(): what changes within a statement cannot bound the scan of an index.
        cursor.execute(
            """
            SELECT model_id, count(*), extract(epoch FROM statement_timestamp() - min(embedded_at))
              FROM recommendations_imageembedding
             WHERE model_id = ANY(%s) AND state = 'ready'
               AND embedded_at > statement_timestamp() - make_interval(secs => %s)
             GROUP BY model_id
            """,
            [[model.pk for model in models], window_s],
        )
        return {pk: (count, float(seconds)) for pk, count, seconds in cursor.fetchall()}


def _skus(model: EmbeddingModel, limit: int, which: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT p.sku FROM catalog_productimage i
              JOIN catalog_product p ON p.id = i.product_id
              LEFT JOIN recommendations_imageembedding e ON e.image_id = i.id AND e.model_id = %s
             WHERE {which} ORDER BY i.id LIMIT %s
            """,  # noqa: S608  ("which" is one of two literals above)
            [model.pk, limit],
        )
        return [sku for (sku,) in cursor.fetchall()]
