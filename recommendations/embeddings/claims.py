"""Claims: which worker embeds which picture. Each statement is atomic and uses the database's clock.

Rows are created, claimed and stored only for models that are kept complete (`KEPT`): vectors that were computed for a
model that has been retired since are dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.conf import settings
from django.db import IntegrityError, connection
from pgvector import HalfVector

from ml.pictures.codec import DECODER_VERSION
from recommendations.embeddings.binary import vector_cursor
from recommendations.models import KEPT, EmbeddingModel

KEPT_STATES = [state.value for state in KEPT]
CRASHED = "The worker died {0} times while embedding this picture."


@dataclass(frozen=True)
class Claim:
    """The right to embed one picture until the lease ends. `attempts` distinguishes this claim from later ones."""

    id: int
    image_id: int
    attempts: int
    digest: str
    file: str
    request_id: str = ""  # of the request that uploaded the picture


def add_missing_rows(model: EmbeddingModel, image_ids: Sequence[int] | None = None) -> int:
    """Give a pending row to every picture that has none or whose file was replaced; returns how many there were."""
    sql = """
        WITH kept AS (SELECT id FROM recommendations_embeddingmodel
                       WHERE id = %(model)s AND state = ANY(%(kept)s) FOR SHARE)
        INSERT INTO recommendations_imageembedding AS e
               (image_id, model_id, digest, state, attempts, error_code, error, created_at)
        SELECT i.id, kept.id, i.digest, 'pending', 0, '', '', now()
          FROM kept CROSS JOIN catalog_productimage i
          LEFT JOIN recommendations_imageembedding old ON old.image_id = i.id AND old.model_id = %(model)s
         WHERE (old.id IS NULL OR old.digest <> i.digest)
           AND (%(ids)s::bigint[] IS NULL OR i.id = ANY(%(ids)s::bigint[]))
         ORDER BY i.id
            ON CONFLICT (image_id, model_id) DO UPDATE
           SET digest = EXCLUDED.digest, state = 'pending', attempts = 0, lease_expires_at = NULL,
               error_code = '', error = '', vector = NULL, embedded_at = NULL, created_at = EXCLUDED.created_at,
               decoder = DEFAULT
         WHERE e.digest <> EXCLUDED.digest
    """
    parameters: Any = {"model": model.pk, "kept": KEPT_STATES, "ids": None if image_ids is None else list(image_ids)}

    def insert() -> int:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.rowcount

    return _despite_deletes(insert)


def _despite_deletes(insert: Callable[[], int]) -> int:
    """Retry an insert that fails because pictures were deleted between its SELECT and its INSERT."""
    for _ in range(2):
        try:
            return insert()
        except IntegrityError:
            continue
    return insert()


def claim_batch(model: EmbeddingModel, size: int, image_ids: Sequence[int] | None = None) -> list[Claim]:
    """Claim up to `size` pictures that were never tried, or else a single one that was: a picture that kills its worker
    drags no others along the second time. The attempt is committed before any byte of the picture is decoded.

    Nothing is claimed while the pipeline is paused. A pause of bulk work does not apply to `image_ids`, because
    somebody is waiting for those.
    """
    return _claim(model, size, image_ids, "attempts = 0") or _claim(model, 1, image_ids, "attempts > 0")


def _claim(model: EmbeddingModel, size: int, image_ids: Sequence[int] | None, which: str) -> list[Claim]:
    # Materialised: a nested loop would evaluate it repeatedly and claim more than `size` pictures in total.
    sql = f"""
          WITH free AS MATERIALIZED (
                SELECT id FROM recommendations_imageembedding
                 WHERE model_id = %(model)s AND state IN ('pending', 'processing')
                   AND (state = 'pending' OR lease_expires_at < clock_timestamp())
                   AND attempts < %(most)s AND {which}
                   AND EXISTS (SELECT FROM recommendations_embeddingmodel
                                WHERE id = %(model)s AND state = ANY(%(kept)s))
                   AND NOT EXISTS (SELECT FROM recommendations_pause
                                    WHERE NOT bulk_only OR %(ids)s::bigint[] IS NULL)
                   AND (%(ids)s::bigint[] IS NULL OR image_id = ANY(%(ids)s::bigint[]))
                 ORDER BY id LIMIT %(size)s FOR UPDATE SKIP LOCKED)
        UPDATE recommendations_imageembedding e
           SET state = 'processing', attempts = e.attempts + 1,
               lease_expires_at = clock_timestamp() + make_interval(secs => %(lease)s)
          FROM free, catalog_productimage i
         WHERE e.id = free.id AND i.id = e.image_id
     RETURNING e.id, e.image_id, e.attempts, e.digest, i.file, i.request_id
    """  # noqa: S608  ("which" is one of two literals above)
    parameters: Any = {
        "model": model.pk,
        "kept": KEPT_STATES,
        "size": size,
        "lease": settings.EMBEDDING_LEASE_SECONDS,
        "most": settings.EMBEDDING_MAX_ATTEMPTS,
        "ids": None if image_ids is None else list(image_ids),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [Claim(*row) for row in cursor.fetchall()]


def store_vectors(claims: Sequence[Claim], vectors: np.ndarray) -> int:
    """Write float32 [n, D], one row for each claim, in one statement; returns how many claims were still valid."""
    sql = """
        UPDATE recommendations_imageembedding e
           SET state = 'ready', vector = done.vector, embedded_at = clock_timestamp(), decoder = %b::int,
               lease_expires_at = NULL, error_code = '', error = ''
          FROM unnest(%b::bigint[], %b::int[], %b::text[], %b::halfvec[]) AS done(id, attempts, digest, vector),
               recommendations_embeddingmodel m
         WHERE e.id = done.id AND e.attempts = done.attempts AND e.digest = done.digest
           AND e.state = 'processing' AND m.id = e.model_id AND m.state = ANY(%b::text[])
    """
    return _execute_binary(
        sql,
        [
            DECODER_VERSION,
            [claim.id for claim in claims],
            [claim.attempts for claim in claims],
            [claim.digest for claim in claims],
            _half_vectors(vectors),
            KEPT_STATES,
        ],
    )


def store_known(
    model: EmbeddingModel,
    images: Sequence[tuple[int, str]],
    vectors: np.ndarray,
    *,
    decoder: int = DECODER_VERSION,
) -> int:
    """Write vectors that were computed elsewhere, float32 [n, D]; returns how many were needed.

    A picture that already has its vector keeps it, and one whose file was replaced is skipped.

    Args:
        images: (image id, digest) for each vector, each image at most once.
        decoder: the version that they were made with.
    """
    sql = """
        WITH kept AS (SELECT id FROM recommendations_embeddingmodel
                       WHERE id = %b AND state = ANY(%b::text[]) FOR SHARE)
        INSERT INTO recommendations_imageembedding AS e
               (image_id, model_id, digest, state, attempts, error_code, error, vector, decoder, created_at,
                embedded_at)
        SELECT i.id, kept.id, i.digest, 'ready', 0, '', '', given.vector, %b::int, now(), clock_timestamp()
          FROM kept CROSS JOIN unnest(%b::bigint[], %b::text[], %b::halfvec[]) AS given(image_id, digest, vector)
          JOIN catalog_productimage i ON i.id = given.image_id AND i.digest = given.digest
         ORDER BY i.id
            ON CONFLICT (image_id, model_id) DO UPDATE
           SET digest = EXCLUDED.digest, state = 'ready', vector = EXCLUDED.vector,
               decoder = EXCLUDED.decoder, embedded_at = EXCLUDED.embedded_at, lease_expires_at = NULL,
               error_code = '', error = ''
         WHERE e.state <> 'ready' OR e.digest <> EXCLUDED.digest
    """
    ids, digests = [image for image, _ in images], [digest for _, digest in images]
    parameters = [model.pk, KEPT_STATES, decoder, ids, digests, _half_vectors(vectors)]
    return _despite_deletes(lambda: _execute_binary(sql, parameters))


def _half_vectors(vectors: np.ndarray) -> list[HalfVector]:
    return [HalfVector(vector) for vector in vectors.astype(np.float16)]


def _execute_binary(sql: str, parameters: Sequence[Any]) -> int:
    """Number of rows changed."""
    with vector_cursor() as cursor:
        return cursor.execute(sql, parameters).rowcount


def store_failures(failures: Sequence[tuple[Claim, str, str]]) -> int:
    """Mark claims as failed, each with (code, message); returns how many were still valid."""
    sql = """
        UPDATE recommendations_imageembedding e
           SET state = 'failed', error_code = done.code, error = done.message, lease_expires_at = NULL
          FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[])
               AS done(id, attempts, digest, code, message)
         WHERE e.id = done.id AND e.attempts = done.attempts AND e.digest = done.digest
           AND e.state = 'processing'
    """
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            [
                [claim.id for claim, _, _ in failures],
                [claim.attempts for claim, _, _ in failures],
                [claim.digest for claim, _, _ in failures],
                [code for _, code, _ in failures],
                [message for _, _, message in failures],
            ],
        )
        return cursor.rowcount


def release(claims: Sequence[Claim]) -> None:
    """Release claims without counting the attempt: the pictures were not at fault."""
    _give_back(claims, tries=0)


def try_again(claims: Sequence[Claim]) -> None:
    """Release claims and count the attempt."""
    _give_back(claims, tries=1)


def _give_back(claims: Sequence[Claim], *, tries: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE recommendations_imageembedding e
               SET state = 'pending', attempts = e.attempts - 1 + %s, lease_expires_at = NULL
              FROM unnest(%s::bigint[], %s::int[]) AS given(id, attempts)
             WHERE e.id = given.id AND e.attempts = given.attempts AND e.state = 'processing'
            """,
            [tries, [claim.id for claim in claims], [claim.attempts for claim in claims]],
        )


def fail_exhausted(model: EmbeddingModel) -> int:
    """Mark pictures as failed whose last permitted attempt ended with neither result nor error: they crash workers."""
    most = settings.EMBEDDING_MAX_ATTEMPTS
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE recommendations_imageembedding
               SET state = 'failed', error_code = 'crashed', error = %s, lease_expires_at = NULL
             WHERE model_id = %s AND state = 'processing' AND attempts >= %s
               AND lease_expires_at < clock_timestamp()
            """,
            [CRASHED.format(most), model.pk, most],
        )
        return cursor.rowcount


RETRY = """
    UPDATE recommendations_imageembedding
       SET state = 'pending', attempts = 0, lease_expires_at = NULL, error_code = '', error = '',
           created_at = clock_timestamp(), decoder = DEFAULT
     WHERE state <> 'processing' AND
"""


WITH_FILES = "SELECT id FROM catalog_productimage WHERE file = ANY(%s)"


def retry(model: EmbeddingModel, *, everything: bool = False) -> int:
    """Make failed pictures, or all of them, pending again; returns how many."""
    states = ["failed", "ready"] if everything else ["failed"]
    with connection.cursor() as cursor:
        cursor.execute(f"{RETRY} model_id = %s AND state = ANY(%s)", [model.pk, states])
        return cursor.rowcount


def retry_reason(model: EmbeddingModel, code: str) -> int:
    """Make pictures that failed for this reason pending again; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(f"{RETRY} model_id = %s AND state = 'failed' AND error_code = %s", [model.pk, code])
        return cursor.rowcount


def retry_files(names: Sequence[str]) -> int:
    """Make pictures with these files pending again if they failed as missing; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{RETRY} state = 'failed' AND error_code = 'missing_file' AND image_id IN ({WITH_FILES})",
            [list(names)],
        )
        return cursor.rowcount


def retry_rows(ids: Sequence[int]) -> int:
    """Make these rows pending again, except those in progress; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(f"{RETRY} id = ANY(%s)", [list(ids)])
        return cursor.rowcount


def has_unfinished(model: EmbeddingModel) -> bool:
    """Whether any picture is pending or processing; cheaper than counting them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM recommendations_imageembedding "
            "WHERE model_id = %s AND state IN ('pending', 'processing'))",
            [model.pk],
        )
        return bool(cursor.fetchone()[0])


def delete_rows(model: EmbeddingModel, size: int) -> int:
    """Delete up to `size` rows of a retired model; returns how many, 0 when none is left."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                """
                  WITH doomed AS MATERIALIZED (
                        SELECT e.id FROM recommendations_imageembedding e
                          JOIN recommendations_embeddingmodel m ON m.id = e.model_id AND m.state = 'retired'
                         WHERE e.model_id = %s LIMIT %s FOR UPDATE OF e SKIP LOCKED)
                DELETE FROM recommendations_imageembedding e USING doomed WHERE e.id = doomed.id
                """,
                [model.pk, size],
            )
            deleted: int = cursor.rowcount
            if deleted:
                return deleted
            cursor.execute(
                "SELECT EXISTS (SELECT FROM recommendations_imageembedding e "
                "JOIN recommendations_embeddingmodel m ON m.id = e.model_id AND m.state = 'retired' "
                "WHERE e.model_id = %s)",
                [model.pk],
            )
            if not cursor.fetchone()[0]:
                return 0
            time.sleep(0.1)  # the rest are locked by a worker's statement or by the deletion of a product


def unfinished(model: EmbeddingModel) -> int:
    """Number of pictures that workers can claim now or when a lease ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM recommendations_imageembedding "
            "WHERE model_id = %s AND state IN ('pending', 'processing')",
            [model.pk],
        )
        return cursor.fetchone()[0]
