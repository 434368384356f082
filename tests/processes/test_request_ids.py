"""One request id from an HTTP upload to the worker's log line about the stored vector, in real processes."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.contrib.auth.models import User
from rest_framework.authtoken.models import Token

from catalog.models import ProductImage
from common.request_ids import request_id
from recommendations.models import EmbeddingModel, ImageEmbedding, Stage, StagePictures, StageTime, Worker
from recommendations.monitoring.status import pipeline_status
from tests.pictures import picture
from tests.processes.conftest import Process, Start, until
from tests.processes.test_worker import answers
from tests.shopkeeper import Shopkeeper

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PORT = "8476"
GIVEN = "checkout-7f3a.91"


def events(process: Process) -> list[dict[str, Any]]:
    """All lines, parsed as JSON: any other line fails the test."""
    return [json.loads(line) for line in process.log.splitlines()]


def upload(slug: str, token: str, data: bytes, **headers: str) -> str:
    """Upload a picture and return the request id of the response."""
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + data + b"\r\n--x--\r\n"
    request = Request(
        f"http://127.0.0.1:{PORT}/api/v1/products/{slug}/images/",
        data=body,
        headers={"Content-Type": "multipart/form-data; boundary=x", "Authorization": f"Token {token}", **headers},
    )
    with urlopen(request, timeout=60) as answer:
        assert answer.status == 201
        return str(answer.headers["X-Request-ID"])


@pytest.fixture
def token(db: None) -> str:
    staff = User.objects.create_user("staff", is_staff=True, is_superuser=True)
    return str(Token.objects.create(user=staff).key)


def test_one_id_leads_from_the_upload_to_the_stored_vector(start: Start, network: EmbeddingModel, token: str) -> None:
    web = start("web", "--bind", f"127.0.0.1:{PORT}", LOG_FORMAT="json")
    worker = start("worker", LOG_FORMAT="json")
    until(lambda: answers(PORT, "/healthz"), 60, lambda: web.log)
    product = Shopkeeper().product()
    assert upload(product.slug, token, picture(seed=1), **{"X-Request-ID": GIVEN}) == GIVEN
    fresh = upload(product.slug, token, picture(seed=2))
    until(lambda: pipeline_status().ready == 2, 60, lambda: worker.log)
    first, second = ProductImage.objects.order_by("pk")

    for image, expected in ((first, GIVEN), (second, fresh)):
        accepted = [event for event in events(web) if event.get("request_id") == expected]
        assert [event["images"] for event in accepted if event["message"].startswith("Accepted")] == [[image.pk]]
        stored = [event for event in events(worker) if event.get("request_id") == expected]
        assert [event["images"] for event in stored if event["message"].startswith("Vector")] == [
            [{"image": image.pk, "digest": image.digest, "attempt": 1, "request_id": expected}]
        ]
    text = web.log + worker.log
    assert token not in text
    assert "staff" not in text, "nobody is named"

    # The same worker reported its figures and its heartbeat.
    until(lambda: StagePictures.objects.filter(stage="write", count=2).exists(), 60, lambda: worker.log)
    assert dict(StagePictures.objects.filter(outcome="ok").values_list("stage", "count")) == dict.fromkeys(Stage, 2)
    assert set(StageTime.objects.values_list("stage", flat=True)) == set(Stage)
    until(lambda: Worker.objects.count() == 1, 60, lambda: worker.log)
    worker.stop()
    assert not Worker.objects.exists(), "gone in order"


@pytest.mark.drill
def test_the_id_outlives_a_message_that_was_lost(start: Start, network: EmbeddingModel, token: str) -> None:
    web = start("web", "--bind", f"127.0.0.1:{PORT}", LOG_FORMAT="json", REDIS_URL="redis://127.0.0.1:9/0")
    until(lambda: answers(PORT, "/healthz"), 60, lambda: web.log)
    product = Shopkeeper().product()
    upload(product.slug, token, picture(seed=1), **{"X-Request-ID": GIVEN})
    assert not ImageEmbedding.objects.exists()
    worker, _ = start("worker", LOG_FORMAT="json"), start("scheduler", EMBEDDING_SWEEP_SECONDS="2")
    until(lambda: pipeline_status().ready == 1, 60, lambda: worker.log)
    image = ProductImage.objects.get()
    (stored,) = (event for event in events(worker) if event["message"].startswith("Vector"))
    assert stored["request_id"] == GIVEN
    assert stored["images"] == [{"image": image.pk, "digest": image.digest, "attempt": 1, "request_id": GIVEN}]


def test_the_message_carries_the_id_where_no_picture_is_claimed(start: Start, plane: EmbeddingModel) -> None:
    worker = start("worker", LOG_FORMAT="json")
    with request_id(GIVEN):
        Shopkeeper().image(Shopkeeper().product())
    until(lambda: "stay pending" in worker.log, 60, lambda: worker.log)  # the model has no network
    (told,) = (event for event in events(worker) if "stay pending" in event["message"])
    assert (told["request_id"], told["level"]) == (GIVEN, "error")
