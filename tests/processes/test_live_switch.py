"""The shop changes its model while shoppers search, staff upload and delete, and workers embed: real processes, real
requests."""

from __future__ import annotations

import io
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from rest_framework.authtoken.models import Token

from catalog.models import Product
from ml.pictures.codec import to_input
from recommendations.embeddings.coverage import coverage
from recommendations.embeddings.indexes import index_exists
from recommendations.lifecycle import artifacts
from recommendations.models import EmbeddingModel, ImageEmbedding
from tests.models import Added
from tests.processes.conftest import Start, until
from tests.processes.test_worker import answers
from tests.processes.traffic import LIMIT, Answer, Traffic, drawn, stored

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]

PORT = "8472"
QUICK = {"EMBEDDING_LEASE_SECONDS": "10", "EMBEDDING_SWEEP_SECONDS": "2", "EMBEDDING_INDEX_MIN_ROWS": "100"}
STABLE, MORTAL = 120, 40  # products that are searched with, and some that staff delete
# Stored vectors are halves; the test computes in floats.
TOLERANCE = 2e-3


def embedded(model: EmbeddingModel, files: dict[str, bytes]) -> dict[str, np.ndarray]:
    """The vectors that this model must produce, computed in the test."""
    vectors = artifacts.embedder(model).embed([to_input(data, model.spec) for data in files.values()])
    return dict(zip(files, vectors, strict=True))


def fits(answer: Answer, vectors: dict[str, np.ndarray]) -> bool:
    """Whether every score matches these vectors."""
    scores = [vectors[answer.asked] @ vectors[sku] for sku, _ in answer.results]
    return bool(np.allclose(scores, [score for _, score in answer.results], atol=TOLERANCE))


def missed(answer: Answer, vectors: dict[str, np.ndarray], always: list[str]) -> int:
    """Products that existed all the time and belong among the first results, but are missing from the answer."""
    shown, least = {sku for sku, _ in answer.results}, answer.results[-1][1]
    nearer = [sku for sku in always if vectors[answer.asked] @ vectors[sku] > least + 2 * TOLERANCE]
    return len(set(nearer) - shown - {answer.asked})


def test_the_shop_changes_its_model_and_back_under_traffic(
    start: Start, added: Added, tmp_path: Path, settings: Any
) -> None:
    settings.EMBEDDING_INDEX_MIN_ROWS = int(QUICK["EMBEDDING_INDEX_MIN_ROWS"])
    (tmp_path / "Things").mkdir()
    for number in range(STABLE + MORTAL):
        (tmp_path / "Things" / f"{number:04d}.jpg").write_bytes(drawn(number))
    quiet = {"stdout": io.StringIO(), "stderr": io.StringIO()}
    call_command("import_catalog", tmp_path, **quiet)
    wide = added("wide")
    for action in ("build", "activate"):
        call_command("embedding_models", action, "wide", **quiet)
    split = added("split")

    products = list(Product.objects.order_by("pk"))
    staff = User.objects.create_user("staff", is_staff=True, is_superuser=True)
    traffic = Traffic(
        url=f"http://127.0.0.1:{PORT}",
        token=Token.objects.create(user=staff).key,
        stable=[(product.sku, product.slug) for product in products[:STABLE]],
        mortal=[product.sku for product in products[STABLE:]],
        photos={f"photo {number}": drawn(20_000 + number) for number in range(6)},
        files={product.sku: stored(product) for product in products},
    )
    web = start("web", "--bind", f"127.0.0.1:{PORT}", PHOTO_SEARCH_RATE="100000/min")
    workers = [start("worker", **QUICK), start("scheduler", **QUICK)]
    until(lambda: answers(PORT, "/healthz"), 60, lambda: web.log)

    # (from, to): in between, the answer may come from either model.
    switches: list[tuple[float, float, str]] = []

    def switch(*arguments: str, to: str) -> None:
        began = time.monotonic()
        command = start("switch", command=[sys.executable, "manage.py", "embedding_models", *arguments], **QUICK)
        until(lambda: command.popen.poll() is not None, 120, lambda: command.log)
        assert command.popen.returncode == 0, command.log
        switches.append((began, time.monotonic(), to))
        answered(switches[-1][1])

    def answered(since: float) -> None:
        until(lambda: traffic.heard(since), 120, lambda: web.log)
        assert not traffic.problems, (traffic.problems, web.log)

    with traffic.going_on():
        answered(0.0)
        before = len(traffic.uploaded)
        command = [sys.executable, "manage.py", "embedding_models", "build", "split"]
        build = start("build", command=command, **QUICK)
        until(lambda: build.popen.poll() is not None, 240, lambda: build.log)
        assert build.popen.returncode == 0, build.log
        assert index_exists(split), "built CONCURRENTLY beside all this"
        built = time.monotonic()
        during = traffic.uploaded[before:]
        answered(built)
        assert {answer.model for answer in traffic.answers} == {"wide"}, "the former one serves until the switch"
        switch("activate", "split", to="split")
        switch("rollback", to="wide")
        switch("rollback", to="split")
    assert not traffic.problems
    assert "Traceback" not in web.log, web.log

    # Every answer names a model that was active at the time, and all its scores are that model's.
    networks = {model.name: embedded(model, {**traffic.files, **traffic.photos}) for model in (wide, split)}
    always = [sku for sku, _ in traffic.stable]
    other = {"wide": "split", "split": "wide"}
    misfits = alike = absent = 0
    for answer in traffic.answers:
        assert answer.model in active_during(answer, switches), answer
        skus = [sku for sku, _ in answer.results]
        assert len(set(skus) - {answer.asked}) == LIMIT, "as many as asked for, each once"
        misfits += not fits(answer, networks[answer.model])
        alike += fits(answer, networks[other[answer.model]])
        absent += missed(answer, networks[answer.model], always)
    assert misfits == 0
    assert alike < 0.02 * len(traffic.answers), "or the check above tells nothing"
    assert absent <= 0.01 * LIMIT * len(traffic.answers), "recall@10 of 0.99"
    assert Counter(answer.model for answer in traffic.answers).keys() == {"wide", "split"}

    # No upload is lost to either model.
    assert during, "staff uploaded during the build"
    assert traffic.deleted
    for model in (wide, split):
        until(lambda model=model: not coverage(model).missing, 120, lambda: "".join(one.log for one in workers))  # type: ignore[misc]
    for sku in set(traffic.uploaded) - set(traffic.deleted):
        rows = ImageEmbedding.objects.filter(image__product__sku=sku)
        assert dict(rows.values_list("model__name", "state")) == {"wide": "ready", "split": "ready"}
    left = len(products) + len(traffic.uploaded) - len(traffic.deleted)
    assert ImageEmbedding.objects.count() == 2 * left, "one row a picture and model; none of what was deleted"


def active_during(answer: Answer, switches: list[tuple[float, float, str]]) -> set[str]:
    """The models that were active at any moment between request and response."""
    current, found = "wide", set[str]()
    for began, ended, to in switches:
        if answer.began <= ended:
            found.add(current)
        if answer.ended <= began:
            return found
        current = to
    return found | {current}
