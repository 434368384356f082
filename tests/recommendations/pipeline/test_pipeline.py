"""Claims, leases and results: every picture ends as ready, or as failed with a reason."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from catalog.models import ProductImage
from recommendations.embeddings import claims
from recommendations.models import EmbeddingModel, EmbeddingState, ImageEmbedding, ModelState
from recommendations.monitoring.status import pipeline_status
from recommendations.pipeline import worker
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db


@pytest.fixture
def images(shop: Shopkeeper) -> list[ProductImage]:
    return [shop.image(shop.product()) for _ in range(5)]


def states(model: EmbeddingModel) -> dict[int, str]:
    return dict(ImageEmbedding.objects.filter(model=model).values_list("image_id", "state"))


def expire_leases() -> None:
    ImageEmbedding.objects.filter(state="processing").update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_rows_are_added_for_what_has_none_and_only_once(images: list[ProductImage], plane: EmbeddingModel) -> None:
    assert claims.add_missing_rows(plane) == 5
    assert claims.add_missing_rows(plane) == 0
    assert set(states(plane).values()) == {"pending"}


@pytest.mark.slow
def test_a_replaced_file_makes_its_row_pending_again(images: list[ProductImage], network: EmbeddingModel) -> None:
    worker.embed_now([image.pk for image in images])
    ProductImage.objects.filter(pk=images[0].pk).update(digest="a" * 64)
    assert pipeline_status().pending == 1
    assert claims.add_missing_rows(network) == 1
    row = ImageEmbedding.objects.get(image=images[0])
    assert (row.state, row.digest, row.vector, row.attempts) == ("pending", "a" * 64, None, 0)


def test_a_claim_counts_the_attempt_and_holds_a_lease(images: list[ProductImage], plane: EmbeddingModel) -> None:
    claims.add_missing_rows(plane)
    first = claims.claim_batch(plane, 3)
    assert [claim.attempts for claim in first] == [1, 1, 1]
    second = claims.claim_batch(plane, 3)
    assert len(second) == 2
    assert not {claim.id for claim in first} & {claim.id for claim in second}
    assert claims.claim_batch(plane, 3) == [], "leases hold"
    assert ImageEmbedding.objects.filter(lease_expires_at__gt=timezone.now()).count() == 5


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_claim_takes_no_more_than_its_size_while_statistics_are_old(
    images: list[ProductImage], plane: EmbeddingModel
) -> None:
    """Right after a large import, Postgres still assumes that the table is small, and plans a nested loop."""
    claims.add_missing_rows(plane, [images[0].pk])
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE recommendations_imageembedding")
    claims.add_missing_rows(plane)
    assert len(claims.claim_batch(plane, 3)) == 3
    EmbeddingModel.objects.filter(pk=plane.pk).update(state=ModelState.RETIRED)
    assert claims.delete_rows(plane, 2) == 2


def test_what_was_tried_before_is_claimed_alone_and_last(images: list[ProductImage], plane: EmbeddingModel) -> None:
    claims.add_missing_rows(plane)
    claims.claim_batch(plane, 2)
    expire_leases()
    assert [claim.attempts for claim in claims.claim_batch(plane, 10)] == [1] * 3
    assert [claim.attempts for claim in claims.claim_batch(plane, 10)] == [2]
    assert [claim.attempts for claim in claims.claim_batch(plane, 10)] == [2]


def test_a_picture_that_kills_its_worker_three_times_fails_as_crashed(
    images: list[ProductImage], plane: EmbeddingModel
) -> None:
    claims.add_missing_rows(plane, [images[0].pk])
    for attempt in (1, 2, 3):
        (claim,) = claims.claim_batch(plane, 1)
        assert claim.attempts == attempt
        assert claims.fail_exhausted(plane) == 0, "it may still be at work"
        expire_leases()
    assert claims.claim_batch(plane, 1) == []
    assert claims.fail_exhausted(plane) == 1
    row = ImageEmbedding.objects.get()
    assert (row.state, row.error_code) == ("failed", "crashed")


def test_a_result_that_comes_after_the_lease_was_taken_over_is_dropped(
    images: list[ProductImage], plane: EmbeddingModel
) -> None:
    claims.add_missing_rows(plane, [images[0].pk])
    (slow,) = claims.claim_batch(plane, 1)
    expire_leases()
    (quick,) = claims.claim_batch(plane, 1)
    old, new = np.array([[1, 0, 0]], np.float32), np.array([[0, 1, 0]], np.float32)
    assert claims.store_vectors([quick], new) == 1
    assert claims.store_vectors([slow], old) == 0
    assert ImageEmbedding.objects.get().vector == [0, 1, 0]


def test_a_result_for_a_replaced_file_is_dropped(images: list[ProductImage], plane: EmbeddingModel) -> None:
    claims.add_missing_rows(plane, [images[0].pk])
    (claim,) = claims.claim_batch(plane, 1)
    ProductImage.objects.filter(pk=images[0].pk).update(digest="b" * 64)
    claims.add_missing_rows(plane)
    assert claims.store_vectors([claim], np.array([[1, 0, 0]], np.float32)) == 0
    assert ImageEmbedding.objects.get(image=images[0]).state == "pending"


def test_a_picture_deleted_while_it_is_embedded_leaves_nothing(
    images: list[ProductImage], plane: EmbeddingModel
) -> None:
    claims.add_missing_rows(plane, [images[0].pk])
    (claim,) = claims.claim_batch(plane, 1)
    images[0].delete()
    assert claims.store_vectors([claim], np.array([[1, 0, 0]], np.float32)) == 0
    assert not ImageEmbedding.objects.exists()


@pytest.mark.slow
def test_vectors_are_stored_as_unit_vectors_of_the_models_dimension(
    images: list[ProductImage], network: EmbeddingModel
) -> None:
    drained = worker.embed_now([image.pk for image in images])
    assert (drained.ready, drained.failed) == (5, 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT vector_dims(vector::vector), l2_norm(vector) FROM recommendations_imageembedding")
        for dimension, norm in cursor.fetchall():
            assert dimension == network.dimension
            assert norm == pytest.approx(1.0, abs=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda name: default_storage.delete(name), "missing_file"),
        (lambda name: rewrite(name, b"altered"), "checksum"),
    ],
    ids=["missing", "altered"],
)
def test_a_bad_file_fails_only_itself_and_a_retry_fixes_it(
    images: list[ProductImage], network: EmbeddingModel, spoil: Any, code: str
) -> None:
    name = images[2].file.name
    with default_storage.open(name) as file:
        kept = file.read()
    spoil(name)
    drained = worker.embed_now([image.pk for image in images])
    assert (drained.ready, drained.failed) == (4, 1)
    status = pipeline_status()
    assert (status.ready, status.failed, status.failures) == (4, 1, {code: 1})
    rewrite(name, kept)
    claims.retry(network)
    assert worker.embed_now([images[2].pk]).ready == 1
    assert pipeline_status().failed == 0


def rewrite(name: str, data: bytes) -> None:
    default_storage.delete(name)
    assert default_storage.save(name, ContentFile(data)) == name


@pytest.mark.slow
def test_bytes_that_do_not_decode_fail_with_the_decoders_reason(shop: Shopkeeper, network: EmbeddingModel) -> None:
    import hashlib

    image = shop.image(shop.product())
    data = picture()[:500]
    rewrite(image.file.name, data)
    ProductImage.objects.filter(pk=image.pk).update(digest=hashlib.sha256(data).hexdigest())
    worker.embed_now([image.pk])
    row = ImageEmbedding.objects.get()
    assert (row.state, row.error_code) == ("failed", "corrupt")
    assert row.error


@pytest.mark.slow
def test_a_network_that_returns_nonsense_for_one_picture_fails_that_picture(
    images: list[ProductImage], network: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml.runtimes.onnx import OnnxEmbedder

    session_run = OnnxEmbedder.embed

    def spoiled(self: OnnxEmbedder, batch: list[np.ndarray], *, views: int = 1) -> np.ndarray:
        from ml.runtimes import checked

        vectors = session_run(self, batch, views=views)
        if len(batch) == 5:
            vectors[3] = np.nan
        return checked(vectors, len(batch), self.spec)

    monkeypatch.setattr(OnnxEmbedder, "embed", spoiled)
    worker.embed_now([image.pk for image in images])
    assert pipeline_status().failures == {"bad_vector": 1}
    assert pipeline_status().ready == 4


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_drain_embeds_everything_beside_decoding_and_writing(network: EmbeddingModel, settings: Any) -> None:
    settings.EMBEDDING_BATCH_SIZE = 4
    shop = Shopkeeper()
    images = [shop.image(shop.product()) for _ in range(30)]
    default_storage.delete(images[7].file.name)
    advanced: list[int] = []
    drained = worker.drain(advance=advanced.append)
    assert (drained.ready, drained.failed, drained.more) == (29, 1, False)
    assert sum(advanced) == 30
    assert pipeline_status().settled


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_drain_that_had_enough_says_so_and_leaves_the_rest_as_it_was(network: EmbeddingModel, settings: Any) -> None:
    settings.EMBEDDING_BATCH_SIZE = 2
    shop = Shopkeeper()
    for _ in range(12):
        shop.image(shop.product())
    asked = iter([False, False, True])
    drained = worker.drain(enough=lambda: next(asked))
    assert (drained.ready, drained.more) == (4, True)
    rest = worker.drain()
    assert (rest.ready, rest.more) == (8, False)
    assert set(ImageEmbedding.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_network_that_fails_gives_the_claims_back(network: EmbeddingModel, monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.runtimes.onnx import OnnxEmbedder

    shop = Shopkeeper()
    for _ in range(3):
        shop.image(shop.product())

    def broken(*_: object) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(OnnxEmbedder, "_run", broken)
        with pytest.raises(RuntimeError, match="out of memory"):
            worker.drain()
    assert set(ImageEmbedding.objects.values_list("state", "attempts")) == {("pending", 0)}
    assert worker.drain().ready == 3


@pytest.mark.slow
def test_the_status_counts_each_picture_once(images: list[ProductImage], network: EmbeddingModel) -> None:
    worker.embed_now([images[0].pk])
    claims.add_missing_rows(network, [images[1].pk])
    claims.claim_batch(network, 1, [images[1].pk])
    out = io.StringIO()
    call_command("pipeline_status", "--json", stdout=out)
    body = json.loads(out.getvalue())
    assert {key: body[key] for key in ("total", "ready", "pending", "processing", "failed", "failures")} == {
        "total": 5, "ready": 1, "pending": 3, "processing": 1, "failed": 0, "failures": {}
    }  # fmt: skip
    assert body["model"] == network.name
    assert body["oldest_pending_s"] >= 0
    assert "UNTRAINED" in body["warnings"][0]


def test_ready_without_vector_and_failed_without_reason_cannot_be_written(
    images: list[ProductImage], plane: EmbeddingModel
) -> None:
    from django.db import IntegrityError, transaction

    for state in (EmbeddingState.READY, EmbeddingState.FAILED, EmbeddingState.PROCESSING):
        with pytest.raises(IntegrityError), transaction.atomic():
            ImageEmbedding.objects.create(image=images[0], model=plane, digest=images[0].digest, state=state)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_embed_catalog_reports_and_repeats_what_failed(network: EmbeddingModel) -> None:
    shop = Shopkeeper()
    images = [shop.image(shop.product()) for _ in range(3)]
    with default_storage.open(images[0].file.name) as file:
        kept = file.read()
    default_storage.delete(images[0].file.name)
    out, err = io.StringIO(), io.StringIO()
    call_command("embed_catalog", stdout=out, stderr=err)
    assert "3 pictures embedded" in out.getvalue()
    assert "2 ready, 1 failed" in out.getvalue()
    assert "failed: 1 missing_file" in out.getvalue()
    assert "UNTRAINED" in err.getvalue()
    rewrite(images[0].file.name, kept)
    out = io.StringIO()
    call_command("embed_catalog", "--failed", stdout=out, stderr=err)
    assert "1 pictures embedded" in out.getvalue()
    assert "3 ready, 0 failed" in out.getvalue()
