"""Vectors of an earlier decoder are made again in the background, and stay in use until then."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone
from PIL import Image

from bench.profiles import labelled, made
from catalog.models import ProductImage
from ml.pictures.codec import DECODER_VERSION
from recommendations import tasks
from recommendations.embeddings import claims, renewals
from recommendations.embeddings.coverage import coverage
from recommendations.lifecycle import vector_files
from recommendations.models import EmbeddingModel, ImageEmbedding, Renewal
from recommendations.pipeline import control, renewing, worker
from shop.celery import app
from tests.ml.conftest import draw, encode
from tests.shopkeeper import Shopkeeper

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

OLD = 2


def in_p3(seed: int) -> bytes:
    mode, profile = made("Display P3")
    return labelled(Image.new("RGB", (40, 40), (200, 40, 10 * seed)), mode, profile, "PNG")


@pytest.fixture
def images(shop: Shopkeeper, network: EmbeddingModel) -> list[ProductImage]:
    """Two pictures in P3, then two without a profile; each with a vector of an earlier decoder, which is wrong."""
    files = [in_p3(1), in_p3(2), encode(draw(20, 10)), encode(draw(30, 10))]
    made = [shop.image(shop.product(), data) for data in files]
    worker.embed_now([image.pk for image in made])
    wrong = np.eye(1, network.dimension, dtype=np.float32)[0].tolist()
    ImageEmbedding.objects.filter(image__in=made).update(decoder=OLD, vector=wrong)
    return made


def vectors(images: list[ProductImage]) -> list[bool]:
    """Whether each has a vector of its own; not the wrong one."""
    rows = [ImageEmbedding.objects.get(image=image) for image in images]
    assert {row.state for row in rows} == {"ready"}
    return [row.vector[0] != 1 for row in rows]


def decoders() -> list[int]:
    return list(ImageEmbedding.objects.order_by("image_id").values_list("decoder", flat=True))


def test_only_pictures_with_other_pixels_are_embedded_again(
    images: list[ProductImage], network: EmbeddingModel
) -> None:
    assert coverage(network).outdated == 4
    before = ImageEmbedding.objects.get(image=images[0]).embedded_at
    assert renewing.is_due()
    assert renewing.renew() == 2
    assert vectors(images) == [True, True, False, False], "what has the same pixels is not even embedded"
    assert decoders() == [DECODER_VERSION] * 4
    assert coverage(network).outdated == 0
    assert ImageEmbedding.objects.get(image=images[0]).embedded_at > before
    assert not renewing.is_due()
    assert renewing.renew() == 0


def test_the_sweep_does_it_when_nothing_else_is_due(images: list[ProductImage], monkeypatch: Any) -> None:
    monkeypatch.setattr(tasks, "_swept_at", -float("inf"))
    ImageEmbedding.objects.filter(image=images[3]).update(state="pending", vector=None, embedded_at=None)
    tasks.sweep()
    assert decoders()[:3] == [OLD] * 3, "a pending picture comes first"
    worker.embed_now([images[3].pk])
    with app.connection_for_write() as broker:  # an upload that waits, of an earlier test too, would come first
        broker.default_channel.client.flushall()
    monkeypatch.setattr(tasks, "_swept_at", -float("inf"))
    tasks.sweep()
    assert decoders() == [DECODER_VERSION] * 4


def test_a_pause_and_another_process_stop_it(images: list[ProductImage]) -> None:
    control.pause()
    assert renewing.renew() == 0
    control.resume()
    assert renewing.renew(enough=lambda: True) == 0
    assert decoders() == [OLD] * 4
    assert renewing.renew() == 2


def test_what_cannot_be_read_keeps_its_vector_and_is_tried_the_next_day(images: list[ProductImage]) -> None:
    with default_storage.open(images[0].file.name) as file:
        data = file.read()
    default_storage.delete(images[0].file.name)
    renewing.renew()
    assert decoders() == [OLD, *[DECODER_VERSION] * 3]
    assert vectors(images)[0] is False, "in use as before"
    default_storage.save(images[0].file.name, io.BytesIO(data))
    assert renewing.renew() == 0
    Renewal.objects.update(ended_at=timezone.now() - timedelta(days=2))
    assert renewing.renew() == 1


def test_a_picture_that_kills_its_worker_is_passed_over(
    images: list[ProductImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead worker leaves what it had begun; here it only stops."""

    class Death(BaseException):
        pass

    real = renewing.file_of

    def dies(claim: claims.Claim) -> bytes:
        if claim.image_id == images[0].pk:
            raise Death
        return real(claim)

    monkeypatch.setattr(renewing, "file_of", dies)
    for _ in range(renewals.MOST_TRIES):
        with pytest.raises(Death):
            renewing.renew()
    assert renewing.renew() == 1
    assert decoders() == [OLD, *[DECODER_VERSION] * 3]


def test_a_replaced_picture_is_left_to_the_pipeline(images: list[ProductImage], network: EmbeddingModel) -> None:
    renewal = renewals.begun(network)
    rows = renewals.next_rows(renewal, 10)
    ImageEmbedding.objects.filter(image=images[0]).update(digest="a" * 64)
    made = np.tile(np.eye(2, network.dimension, dtype=np.float32)[1], (len(rows), 1))
    assert renewals.replace(rows, made) == 3


def test_an_older_release_does_not_undo_it(images: list[ProductImage], network: EmbeddingModel) -> None:
    Renewal.objects.create(model=network, decoder=DECODER_VERSION + 1)
    assert not renewing.is_due()
    assert renewing.renew() == 0


def test_exported_vectors_name_their_decoder(images: list[ProductImage], network: EmbeddingModel) -> None:
    features = vector_files.export_features(network)
    assert features.meta["decoder"] == OLD
    renewing.renew()
    assert vector_files.export_features(network).meta["decoder"] == DECODER_VERSION
    ImageEmbedding.objects.all().delete()
    vector_files.store(features, vector_files.match(features), network, sample=0)
    assert decoders() == [OLD] * 4
    assert renewing.renew() == 2, "at once, not a day later"


def test_the_command_does_it_too_and_progress_is_visible(images: list[ProductImage], admin_client: Any) -> None:
    out = io.StringIO()
    call_command("pipeline_status", stdout=out)
    assert "4 vectors were made with an earlier decoder." in out.getvalue()
    assert (
        "4 vectors were made with an earlier decoder."
        in admin_client.get("/admin/recommendations/pipeline/").content.decode()
    )
    call_command("embed_catalog", stdout=io.StringIO(), stderr=io.StringIO())
    assert decoders() == [DECODER_VERSION] * 4
