"""Renewals: vectors that an earlier version of the decoder made, found and replaced in order of their ids.

A vector stays in use until the new one replaces it. Progress is one row for each model (`Renewal`), not a mark on every
embedding: changing a row of a large table also adds it to the vector index again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.db import connection
from django.db.models import F
from django.utils import timezone
from pgvector import HalfVector

from ml.pictures.codec import DECODER_VERSION
from recommendations.embeddings.binary import vector_cursor
from recommendations.embeddings.claims import KEPT_STATES, Claim
from recommendations.models import EmbeddingModel, Renewal

RENEWAL_LOCK = 0x100CA1A  # Postgres advisory lock: one process at a time renews vectors
#: A finished pass is repeated after this time: pictures that could not be read may be back, and a worker of an older
#: release may have added vectors.
AGAIN = timedelta(days=1)
MOST_TRIES = 3  # of a picture that kills its worker


@dataclass(frozen=True)
class Outdated:
    """A vector that an earlier version of the decoder made; `claim` names its picture."""

    claim: Claim
    decoder: int


def is_due(model: EmbeddingModel) -> bool:
    """Cheap: reads one row. False if a newer release is at work."""
    found = Renewal.objects.filter(model=model).first()
    if found is None or found.decoder < DECODER_VERSION:
        return True
    is_over = found.ended_at is not None and found.ended_at > timezone.now() - AGAIN
    return found.decoder == DECODER_VERSION and not is_over


def begun(model: EmbeddingModel) -> Renewal:
    """The pass to continue, or a new one."""
    found, _ = Renewal.objects.get_or_create(model=model, defaults={"decoder": DECODER_VERSION})
    if found.decoder < DECODER_VERSION or found.ended_at is not None:
        found.decoder, found.after, found.upto, found.tries, found.ended_at = DECODER_VERSION, 0, 0, 0, None
        found.save()
    return found


def look_again(model: EmbeddingModel) -> None:
    """Begin a new pass at the next occasion, because vectors of an earlier version were added."""
    Renewal.objects.filter(model=model).update(decoder=0)


def next_rows(renewal: Renewal, size: int) -> list[Outdated]:
    """Up to `size` outdated vectors after those that were dealt with; a single one where a process died before."""
    is_careful = renewal.tries > 0 or renewal.after < renewal.upto
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT e.id, e.image_id, e.attempts, e.digest, i.file, e.decoder
              FROM recommendations_imageembedding e
              JOIN catalog_productimage i ON i.id = e.image_id AND i.digest = e.digest
             WHERE e.model_id = %s AND e.state = 'ready' AND e.decoder < %s AND e.id > %s
             ORDER BY e.id LIMIT %s
            """,
            [renewal.model_id, renewal.decoder, renewal.after, 1 if is_careful else size],
        )
        return [Outdated(Claim(*row[:-1]), row[-1]) for row in cursor.fetchall()]


def begin(renewal: Renewal, rows: Sequence[Outdated]) -> None:
    """Count the attempt before any byte of a picture is decoded."""
    renewal.tries += 1
    renewal.upto = max(renewal.upto, rows[-1].claim.id)
    renewal.save(update_fields=["tries", "upto"])


def interrupt(renewal: Renewal) -> None:
    """The attempt does not count: no picture was at fault."""
    Renewal.objects.filter(pk=renewal.pk, tries__gt=0).update(tries=F("tries") - 1)


def passed(renewal: Renewal, rows: Sequence[Outdated]) -> None:
    renewal.after, renewal.tries = rows[-1].claim.id, 0
    renewal.upto = max(renewal.upto, renewal.after)
    renewal.save(update_fields=["after", "upto", "tries"])


def end(renewal: Renewal) -> None:
    renewal.ended_at = timezone.now()
    renewal.save(update_fields=["ended_at"])


def confirm(rows: Sequence[Outdated]) -> int:
    """Record that the current decoder would make the same vectors; returns how many were still the same."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE recommendations_imageembedding e SET decoder = %s
              FROM unnest(%s::bigint[], %s::text[]) AS known(id, digest)
             WHERE e.id = known.id AND e.digest = known.digest AND e.state = 'ready' AND e.decoder < %s
            """,
            [DECODER_VERSION, *_columns(rows), DECODER_VERSION],
        )
        return cursor.rowcount


def replace(rows: Sequence[Outdated], vectors: np.ndarray) -> int:
    """Write new vectors, float32 [n, D], in place of the old ones; returns how many were still the same."""
    sql = """
        UPDATE recommendations_imageembedding e
           SET vector = done.vector, decoder = %b::int, embedded_at = clock_timestamp()
          FROM unnest(%b::bigint[], %b::text[], %b::halfvec[]) AS done(id, digest, vector),
               recommendations_embeddingmodel m
         WHERE e.id = done.id AND e.digest = done.digest AND e.state = 'ready' AND e.decoder < %b::int
           AND m.id = e.model_id AND m.state = ANY(%b::text[])
    """
    made = [HalfVector(vector) for vector in vectors.astype(np.float16)]
    with vector_cursor() as cursor:
        parameters = [DECODER_VERSION, *_columns(rows), made, DECODER_VERSION, KEPT_STATES]
        return cursor.execute(sql, parameters).rowcount


def _columns(rows: Sequence[Outdated]) -> tuple[list[int], list[str]]:
    return [row.claim.id for row in rows], [row.claim.digest for row in rows]
