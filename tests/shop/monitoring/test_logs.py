"""Log lines, and the request id that connects the lines of one request."""

from __future__ import annotations

import json
import logging
import re
import sys

import pytest
from django.conf import settings
from django.test import Client

from catalog.models import ProductImage
from common.request_ids import accepted, current_request_id, request_id
from shop.monitoring.logs import formatter
from tests.shopkeeper import Shopkeeper

FRESH = re.compile(r"[0-9a-f]{32}")


LINE, JSON = formatter("line"), formatter("json")
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} "


def line(form: logging.Formatter, message: str, *args: object, **extra: object) -> str:
    logger = logging.getLogger("tests.lines")
    return form.format(logger.makeRecord("tests.lines", logging.WARNING, "file", 1, message, args, None, extra=extra))


@pytest.mark.parametrize("given", ["0123abcd", "a-proxy_made.this:1", "A" * 64])
def test_an_id_that_comes_with_the_request_is_kept(db: None, client: Client, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given", [None, "", "short", "A" * 65, "two words of it", 'a"quote"d', "line\nbreak-1", "Größe-12345", "-12345678"]
)
def test_what_could_forge_a_line_is_replaced(given: str | None) -> None:
    assert FRESH.fullmatch(accepted(given))


def test_each_answer_names_its_own_id_errors_included(db: None, client: Client) -> None:
    answers = [client.get(path) for path in ("/healthz", "/no-such-page", "/api/v1/no-such", "/metrics")]
    ids = [answer["X-Request-ID"] for answer in answers]
    assert all(FRESH.fullmatch(each) for each in ids)
    assert len(set(ids)) == len(ids)
    assert current_request_id() == "", "none is left behind"


def test_a_picture_keeps_the_id_of_its_upload_and_of_nobody(shop: Shopkeeper) -> None:
    with request_id("upload-0001"):
        shop.image(shop.product())
    shop.image(shop.product())
    assert list(ProductImage.objects.order_by("pk").values_list("request_id", flat=True)) == ["upload-0001", ""]


def test_json_is_one_object_a_line_whatever_the_message_holds() -> None:
    with request_id("upload-0001"):
        text = line(JSON, 'Refused "%s"', "a\nb", images=[1], code="corrupt")
    assert "\n" not in text
    found = json.loads(text)
    assert found["message"] == 'Refused "a\nb"'
    assert (found["request_id"], found["level"], found["logger"]) == ("upload-0001", "warning", "tests.lines")
    assert (found["images"], found["code"]) == ([1], "corrupt")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", found["time"])


def test_json_holds_tracebacks_and_leaves_out_whole_requests() -> None:
    try:
        raise ValueError("inside")
    except ValueError:
        record = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, "Oh", (), sys.exc_info())
    record.request = object()
    found = json.loads(JSON.format(record))
    assert "ValueError: inside" in found["traceback"]
    assert not {"request", "args", "msg", "exc_info"} & found.keys()


def test_a_line_for_people_ends_with_the_id_where_there_is_one() -> None:
    assert re.fullmatch(TIME + "WARNING tests.lines: Said", line(LINE, "Said"))
    given = line(LINE, "Said", request_id="by the caller")
    assert re.fullmatch(TIME + r"WARNING tests.lines: Said \[by the caller\]", given)
    with request_id("upload-0001"):
        assert re.fullmatch(TIME + r"WARNING tests.lines: Said \[upload-0001\]", line(LINE, "Said"))
        assert line(LINE, "Said", request_id="").endswith("Said"), "a batch of several uploads has no id of its own"


@pytest.mark.parametrize(
    ("path", "logger"),
    [
        ("/admin/catalog/product/?images__embeddings__error=x", "DisallowedModelAdminLookup"),
        ("/no-such-page", "request"),
    ],
)
def test_what_django_refuses_is_one_line(
    admin_client: Client, caplog: pytest.LogCaptureFixture, path: str, logger: str
) -> None:
    """Anyone can send any number of such requests."""
    assert admin_client.get(path).status_code in (302, 400, 404)
    records = [record for record in caplog.records if record.name.endswith(logger)]
    assert records
    for record in records:
        assert "\n" not in LINE.format(record)
        assert "traceback" not in json.loads(JSON.format(record))


def test_the_shop_s_own_faults_keep_their_traceback() -> None:
    try:
        raise ValueError("inside")
    except ValueError:
        record = logging.getLogger("x").makeRecord("x", logging.ERROR, "f", 1, "Oh", (), sys.exc_info())
    record.status_code = 500
    assert "ValueError: inside" in LINE.format(record)


def test_every_handler_of_the_shop_uses_this_formatter() -> None:
    config = settings.LOGGING
    assert config["handlers"]
    for handler in config["handlers"].values():
        assert config["formatters"][handler["formatter"]] == {"()": formatter, "form": settings.LOG_FORMAT}
