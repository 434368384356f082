"""A build is killed while a worker continues."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from recommendations.embeddings.coverage import coverage
from recommendations.models import EmbeddingModel, ImageEmbedding, ModelState
from tests.models import Added
from tests.pictures import picture
from tests.processes.conftest import Start, until
from tests.processes.test_worker import write_pictures
from tests.shopkeeper import Shopkeeper

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]

QUICK = {"EMBEDDING_LEASE_SECONDS": "4", "EMBEDDING_SWEEP_SECONDS": "2", "EMBEDDING_BATCH_SIZE": "8"}
TOTAL = 400


def test_a_killed_build_is_completed_and_uploads_meanwhile_get_both_vectors(
    start: Start, added: Added, tmp_path: Path
) -> None:
    write_pictures(tmp_path, TOTAL)
    quiet = {"stdout": io.StringIO(), "stderr": io.StringIO()}
    call_command("import_catalog", tmp_path, **quiet)
    added("wide")
    for action in ("build", "activate"):
        call_command("embedding_models", action, "wide", **quiet)
    split = added("split")

    command = [sys.executable, "manage.py", "embedding_models", "build", "split"]
    first = start("build", command=command, **QUICK)
    ready = ImageEmbedding.objects.filter(model=split, state="ready")
    until(lambda: ready.count() > 40, 120, lambda: first.log)
    os.killpg(first.popen.pid, signal.SIGKILL)
    first.popen.wait()
    assert ready.count() < TOTAL, "in the middle"
    assert EmbeddingModel.objects.get(name="split").state == ModelState.BUILDING

    worker = start("worker", **QUICK)
    again = start("again", command=command, **QUICK)
    shop = Shopkeeper()
    uploads = [shop.image(shop.product(), picture(seed=TOTAL + number)) for number in range(3)]
    until(lambda: again.popen.poll() is not None, 240, lambda: again.log + worker.log)
    assert again.popen.returncode == 0, again.log
    assert "split is ready" in again.log
    until(lambda: not coverage(split).missing, 120, lambda: worker.log)
    for name in ("wide", "split"):
        found = coverage(EmbeddingModel.objects.get(name=name))
        assert (found.ready, found.failed) == (TOTAL + len(uploads), 0)
    assert ImageEmbedding.objects.count() == 2 * (TOTAL + len(uploads)), "one row a picture and model"
    assert set(ImageEmbedding.objects.values_list("attempts", flat=True)) <= {1, 2}
