"""The switch that holds the pipeline."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from catalog.models import ProductImage
from recommendations.embeddings import claims
from recommendations.models import EmbeddingModel, ImageEmbedding, Pause
from recommendations.monitoring.status import pipeline_status
from recommendations.pipeline import control, worker
from recommendations.pipeline.control import Halt
from tests.shopkeeper import Shopkeeper

pytestmark = pytest.mark.django_db


@pytest.fixture
def images(shop: Shopkeeper) -> list[ProductImage]:
    return [shop.image(shop.product()) for _ in range(3)]


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


@pytest.mark.slow
def test_nothing_is_claimed_while_paused_and_everything_afterwards(
    images: list[ProductImage], network: EmbeddingModel
) -> None:
    control.pause()
    claims.add_missing_rows(network)
    assert claims.claim_batch(network, 10) == []
    assert claims.claim_batch(network, 10, [images[0].pk]) == []
    assert worker.embed_now([images[0].pk]).ready == 0
    assert worker.drain() == worker.Drained(0, 0, more=False, halt=Halt.PAUSED)
    assert set(ImageEmbedding.objects.values_list("state", "attempts")) == {("pending", 0)}
    assert control.resume()
    assert len(claims.claim_batch(network, 10)) == 3


@pytest.mark.slow
def test_a_pause_of_bulk_work_leaves_uploads_out(images: list[ProductImage], network: EmbeddingModel) -> None:
    control.pause(bulk_only=True)
    assert worker.embed_now([images[0].pk]).ready == 1
    assert worker.drain().halt is Halt.PAUSED
    assert pipeline_status().pending == 2


@pytest.mark.slow
def test_a_sweep_makes_rows_but_calls_nobody_while_paused(images: list[ProductImage], network: EmbeddingModel) -> None:
    control.pause()
    assert not worker.sweep()
    assert ImageEmbedding.objects.count() == 3
    control.resume()
    assert worker.sweep()


@pytest.mark.slow
def test_the_status_says_since_when_by_whom_and_why(network: EmbeddingModel) -> None:
    assert json.loads(run("pipeline_status", "--json"))["paused"] is None
    made = control.pause(by="ada", reason="the disk is being replaced", bulk_only=True)
    again = control.pause(by="ada", reason="the disk is being replaced")
    assert again.since == made.since
    found = json.loads(run("pipeline_status", "--json"))["paused"]
    assert (found["since"], found["by"], found["bulk_only"]) == (made.since.isoformat(), "ada", False)
    text = run("pipeline_status")
    assert f"Paused since {made.since:%Y-%m-%d %H:%M} UTC by ada: the disk is being replaced" in text


def test_the_command_pauses_and_resumes() -> None:
    assert run("pipeline", "pause", "--bulk-only", "--reason", "an import").startswith(
        "Paused except for uploads since"
    )
    assert Pause.objects.get().reason == "an import"
    assert run("pipeline", "resume") == "Pipeline resumed.\n"
    assert run("pipeline", "resume") == "The pipeline was not paused.\n"


def test_there_is_one_pause_at_most() -> None:
    control.pause()
    with pytest.raises(IntegrityError), transaction.atomic():
        Pause.objects.create(pk=2)
