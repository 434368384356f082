"""Everything under /api/ answers JSON to any request, and validates parameters strictly."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from wsgiref.util import setup_testing_defaults

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from rest_framework.authtoken.models import Token

from catalog.models import Product
from recommendations.models import EmbeddingModel
from shop.wsgi import application
from tests.pictures import picture
from tests.shopkeeper import Shopkeeper

LIST = "/api/v1/products/"


@pytest.fixture
def anybody(db: None) -> Client:
    """A client that does not raise: a crash must be a response here, as it is for real clients."""
    return Client(raise_request_exception=False, enforce_csrf_checks=True)


@pytest.fixture
def keeper(db: None) -> Client:
    token = Token.objects.create(user=User.objects.create_superuser("edges-keeper"))
    return Client(raise_request_exception=False, headers={"Authorization": f"Token {token.key}"})


@pytest.fixture
def dress(shop: Shopkeeper) -> Product:
    return shop.product("Red dress", sku="RED", slug="red-dress")


def problem(response: Any, status: int, code: str | None = None) -> dict[str, Any]:
    """Check that the response is this error, and return its JSON body."""
    assert response.status_code == status, response.content[:500]
    assert response.headers["Content-Type"].partition(";")[0] == "application/json"
    body = response.json()
    assert set(body) <= {"code", "detail", "errors"}
    assert isinstance(body["detail"], str)
    assert code is None or body["code"] == code
    return body


# Addresses and methods


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
@pytest.mark.parametrize(
    "address", ["/api", "/api/", "/api/v1/", "/api/v2/products/", "/api/v1/produkts/", "/api/%0a", "/api/v1/%ff/x"]
)
def test_an_unknown_address_is_404_for_every_method(anybody: Client, method: str, address: str) -> None:
    problem(anybody.generic(method, address, "{}", content_type="application/json"), 404, "not_found")


@pytest.mark.slow
def test_a_missing_slash_is_named(anybody: Client) -> None:
    assert "slash" in problem(anybody.post("/api/v1/products"), 404)["detail"]


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("DELETE", LIST),
        ("PUT", f"{LIST}red-dress/"),
        ("PATCH", f"{LIST}red-dress/"),
        ("GET", f"{LIST}red-dress/images/"),
        ("POST", f"{LIST}red-dress/similar/"),
        ("POST", f"{LIST}red-dress/strip/"),
        ("GET", "/api/v1/search/image/"),
        ("TRACE", LIST),
        ("POST", "/api/v1/schema/"),
        ("POST", "/api/v1/docs/"),
    ],
)
def test_a_wrong_method_is_405_before_credentials_are_asked_for(
    anybody: Client, dress: Product, method: str, address: str
) -> None:
    response = anybody.generic(method, address)
    problem(response, 405, "method_not_allowed")
    assert response.headers["Allow"]


@pytest.mark.slow
@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/xml;q=0.9", "foo", "a/b;x*=nope''y"])
@pytest.mark.parametrize("address", [LIST, f"{LIST}red-dress/", f"{LIST}red-dress/similar/"])
def test_an_answer_that_nobody_accepts_is_406(anybody: Client, dress: Product, accept: str, address: str) -> None:
    problem(anybody.get(address, headers={"Accept": accept}), 406, "not_acceptable")


def test_a_session_without_its_csrf_token_is_403(anybody: Client, dress: Product, admin_user: User) -> None:
    anybody.force_login(admin_user)
    problem(anybody.post(LIST, {}, content_type="application/json"), 403, "permission_denied")


def test_a_wrong_token_is_401_also_for_what_is_public(anybody: Client, dress: Product) -> None:
    response = anybody.get(LIST, headers={"Authorization": "Token wrong"})
    problem(response, 401, "authentication_failed")
    assert response.headers["WWW-Authenticate"] == "Token"
    problem(anybody.post(LIST, {}, content_type="application/json"), 401, "not_authenticated")


def test_a_forged_host_is_400(anybody: Client) -> None:
    problem(anybody.get(LIST, headers={"Host": "evil.example"}), 400)


def test_a_crash_is_json_too_and_logged_once(
    anybody: Client, dress: Product, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("catalog.api.views.ProductViewSet.get_queryset", crash)
    assert "secret" not in problem(anybody.get(LIST), 500, "error")["detail"]
    assert [record.getMessage() for record in caplog.records if record.name == "django.request"] == [
        f"Internal Server Error: {LIST}"
    ]


# Bodies


@pytest.mark.case
@pytest.mark.casefile
def test_deep_json_from_a_file_is_400(keeper: Client, case_folder: Path) -> None:
    body = (case_folder / "deep-1000.json").read_bytes()
    problem(keeper.post(LIST, body, content_type="application/json"), 400)


@pytest.mark.case
@pytest.mark.parametrize("body", ["[" * 1000 + "]" * 1000, '{"a":' * 100_000 + "1" + "}" * 100_000, '{"a":' * 1000])
def test_deep_json_is_400(keeper: Client, body: str) -> None:
    problem(keeper.post(LIST, body, content_type="application/json"), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nonsense", b"\xff\xfe{}", b'{"sku": "\xff"}', b'{"price": NaN}', b'{"price": -Infinity}',
        b'{"stock": ' + b"9" * 5000 + b"}", b'{"sku": "A", "sku": "B"}', b"[]", b"null", b"5", b'"text"', b"[1]",
    ],
)  # fmt: skip
def test_a_body_that_is_no_object_of_json_is_400(keeper: Client, body: bytes) -> None:
    problem(keeper.post(LIST, body, content_type="application/json"), 400)


ODD_TYPES = [
    *(f"application/json; charset={name}" for name in ("zlib", "base64", "rot13", "hex", "utf-16", "utf-7", "idna")),
    "multipart/form-data; boundary=x; charset=bz2",
    "multipart/form-data; boundary*=nope''x",
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ODD_TYPES)
@pytest.mark.parametrize("address", [LIST, "/api/v1/search/image/", "/search/photo/", "/search/", "/admin/login/"])
def test_text_in_an_odd_encoding_is_415(db: None, kind: str, address: str) -> None:
    """Also with a query string, which Django decodes in the same way."""
    status, headers, body = served(address, "POST", b"{}", CONTENT_TYPE=kind, QUERY_STRING="q=red")
    assert status == 415
    assert (headers["Content-Type"] == "application/json") is address.startswith("/api/")
    assert b"UTF-8" in body


# Chunked bodies. Gunicorn decodes them and sets `wsgi.input_terminated`.


def form(*parts: tuple[str, bytes]) -> bytes:
    return b"".join(b"--x\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + data + b"\r\n"
                    for head, data in parts) + b"--x--\r\n"  # fmt: skip


def chunked(address: str, body: bytes | BinaryIO, kind: str, **more: Any) -> tuple[int, dict[str, str], bytes]:
    environ = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True, "CONTENT_TYPE": kind}
    return served(address, "POST", body, **environ | more)


@pytest.mark.slow
@pytest.mark.case
def test_a_body_in_chunks_is_read(keeper: Client, shop: Shopkeeper, network: EmbeddingModel) -> None:
    shop.category("clothes")
    body = b'{"sku": "NEW", "title": "New", "category": "clothes"}'
    token = {"HTTP_AUTHORIZATION": f"Token {Token.objects.get().key}"}
    assert chunked(LIST, body, "application/json", **token)[0] == 201
    upload = form(('name="file"; filename="a.jpg"', picture()))
    address = f"{LIST}{Product.objects.get().slug}/images/"
    assert chunked(address, upload, "multipart/form-data; boundary=x", **token)[0] == 201
    search = form(('name="photo"; filename="a.jpg"', picture()), ('name="limit"', b"1"))
    assert chunked("/api/v1/search/image/", search, "multipart/form-data; boundary=x")[0] == 200


def test_a_body_in_chunks_has_the_same_limits(keeper: Client, settings: Any) -> None:
    settings.IMAGE_MAX_BYTES = 1000
    status, _, body = chunked("/api/v1/search/image/", b"x" * 4_002_000, "multipart/form-data; boundary=x")
    assert (status, json.loads(body)["code"]) == (413, "too_many_bytes")
    token = {"HTTP_AUTHORIZATION": f"Token {Token.objects.get().key}"}
    settings.IMAGE_MAX_BYTES = 20 * 2**20
    assert chunked(LIST, b" " * 3_000_000, "application/json", **token)[0] == 413


def test_a_body_in_chunks_that_breaks_off_is_400(db: None) -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("no more data")

    status, headers, _ = chunked("/api/v1/search/image/", Broken(), "multipart/form-data; boundary=x")
    assert (status, headers["Content-Type"]) == (400, "application/json")


def served(address: str, method: str, body: bytes | BinaryIO, **environ: Any) -> tuple[int, dict[str, str], bytes]:
    """Call the application as a server does; returns status, headers and body."""
    stream = BytesIO(body) if isinstance(body, bytes) else body
    made: dict[str, Any] = {"PATH_INFO": address, "REQUEST_METHOD": method, "wsgi.input": stream}
    if isinstance(body, bytes) and "HTTP_TRANSFER_ENCODING" not in environ:
        made["CONTENT_LENGTH"] = str(len(body))
    made |= environ
    setup_testing_defaults(made)
    started: list[Any] = []
    for signal in (request_started, request_finished):  # keeps the test's connection open
        signal.disconnect(close_old_connections)
    try:
        answer = application(made, lambda status, headers, *_: started.append((status, headers)))
        content = b"".join(answer)
        answer.close()  # type: ignore[attr-defined]
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
    status, headers = started[0]
    return int(status[:3]), dict(headers), content


def test_a_large_json_body_is_413(keeper: Client) -> None:
    body = json.dumps({"description": "x" * 3_000_000})
    problem(keeper.post(LIST, body, content_type="application/json"), 413, "too_many_bytes")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "", "nonsense"])
def test_json_is_the_only_media_type_of_products(keeper: Client, kind: str) -> None:
    problem(keeper.generic("POST", LIST, "{}", content_type=kind), 415, "unsupported_media_type")


@pytest.mark.parametrize("length", ["abc", "-1", "1e3", "٣", "9" * 40])
def test_a_content_length_that_is_no_number_is_400(anybody: Client, length: str) -> None:
    problem(anybody.generic("POST", "/api/v1/search/image/", "x", CONTENT_LENGTH=length), 400)


@pytest.mark.slow
@pytest.mark.parametrize("address", [f"{LIST}red-dress/images/", "/api/v1/search/image/"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"x"),
        ("multipart/form-data; boundary=x", b"nonsense"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n'),
        ("multipart/form-data; boundary=\xff", b"x"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name*=nope''x; filename=a\r\n\r\nx\r\n--x--",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="alt"\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n--x--',
        ),
    ],
)
def test_a_malformed_form_is_400(keeper: Client, dress: Product, address: str, kind: str, body: bytes) -> None:
    problem(keeper.generic("POST", address, body, content_type=kind), 400)


# Fields


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"description": "word " * 260_000}, "description"),
        ({"description": "x" * 20_001}, "description"),
        ({"title": "x" * 256}, "title"),
        ({"title": "a\u0000b"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"title": 5}, "title"),
        ({"title": None}, "title"),
        ({"title": ["Red"]}, "title"),
        ({"sku": "x" * 65}, "sku"),
        ({"sku": "\u0000"}, "sku"),
        ({"slug": "not a slug"}, "slug"),
        ({"brand": "x" * 101}, "brand"),
        ({"category": "nowhere"}, "category"),
        ({"category": "\u0000"}, "category"),
        ({"category": 5}, "category"),
        ({"category": ["clothes"]}, "category"),
        ({"category": {}}, "category"),
        ({"price": -1}, "price"),
        ({"price": 1e400}, "price"),
        ({"price": "1e2"}, "price"),
        ({"price": "Infinity"}, "price"),
        ({"price": "1_0"}, "price"),
        ({"price": " 10"}, "price"),
        ({"price": True}, "price"),
        ({"price": [1]}, "price"),
        ({"price": "9" * 2000}, "price"),
        ({"price": "1.001"}, "price"),
        ({"compare_at_price": "20"}, "compare_at_price"),
        ({"compare_at_price": "20", "price": None}, "compare_at_price"),
        ({"compare_at_price": "20", "price": "20"}, "compare_at_price"),
        ({"stock": -1}, "stock"),
        ({"stock": 2**31}, "stock"),
        ({"stock": 10**30}, "stock"),
        ({"stock": "5"}, "stock"),
        ({"stock": 1.5}, "stock"),
        ({"stock": True}, "stock"),
        ({"published": "yes"}, "published"),
        ({"published": 1}, "published"),
        ({"published": None}, "published"),
        ({"currency": "usd"}, "currency"),
        ({"prize": "10"}, "prize"),
        ({"images": []}, "images"),
        ({"id": 5}, "id"),
    ],
)
def test_a_wrong_or_unknown_field_is_named(
    keeper: Client, shop: Shopkeeper, fields: dict[str, Any], named: str
) -> None:
    shop.category("clothes")
    body = {"sku": "NEW", "title": "New", "category": "clothes"} | fields
    response = keeper.post(LIST, json.dumps(body).replace("Infinity", "1e400"), content_type="application/json")
    if fields == {"price": "Infinity"}:
        response = keeper.post(LIST, json.dumps(body), content_type="application/json")
    assert list(problem(response, 400, "invalid")["errors"]) == [named]
    assert not Product.objects.exists()


def test_an_unknown_field_says_which_are_known(keeper: Client, shop: Shopkeeper) -> None:
    body = problem(keeper.post(LIST, {"prize": 1}, content_type="application/json"), 400)
    assert body["errors"]["prize"][0]["code"] == "unknown"
    assert "price" in body["errors"]["prize"][0]["message"]


@pytest.mark.case
def test_two_files_in_one_upload_are_refused(keeper: Client, dress: Product) -> None:
    def file() -> SimpleUploadedFile:
        return SimpleUploadedFile("a.jpg", picture(), "image/jpeg")

    address = f"{LIST}red-dress/images/"
    body = problem(keeper.post(address, {"file": [file(), file()]}), 400, "invalid")
    assert body["errors"]["file"][0]["code"] == "repeated"
    assert "other" in problem(keeper.post(address, {"file": file(), "other": file()}), 400)["errors"]
    problem(keeper.post("/api/v1/search/image/", {"photo": [file(), file()]}), 400, "several_photos")
    assert "other" in problem(keeper.post("/api/v1/search/image/", {"photo": file(), "other": file()}), 400)["errors"]
    page = keeper.post("/search/photo/", {"photo": [file(), file()]})
    assert page.status_code == 400
    assert "Choose one photo" in page.content.decode()
    assert not dress.images.exists()


# Parameters

PARAMETERS: list[tuple[str, list[str], list[str]]] = [
    # address, its parameters, and those that may be repeated
    (LIST, ["q", "category", "brand", "price_min", "price_max", "limit", "cursor"], []),
    (f"{LIST}red-dress/", [], []),
    (
        f"{LIST}red-dress/similar/",
        ["limit", "price_max", "price_min", "category", "in_stock", "colour_weight", "in_colour", "sort", "cursor"],
        ["brand", "attribute"],
    ),
    (f"{LIST}red-dress/strip/", ["limit"], []),
    ("/api/v1/schema/", ["format"], []),
]
WRONG = {
    "limit": ["0", "-1", "101", "1e9", "abc", "NaN", "1.5", "1.0", "1_0", "+5", " 5", "٣", "9" * 5000, "%00"],
    "price_min": ["-1", "abc", "NaN", "inf", "-Infinity", "1e400", "1e2", "1_0", "1.001", "٣", "9" * 2000, "%00"],
    "price_max": ["-1", "abc", "NaN", "inf", "1e-400", "0x10", "1,500", "10 ", "%00"],
    "category": ["nowhere", "%00", "x" * 5000, "clothes/", "Clothes"],
    "brand": ["%00", "x" * 101],
    "attribute": ["colour", ":", ":x", "colour:", "%00:x", "a:%00"],
    "in_stock": ["yes", "1", "maybe", "True", "null"],
    "colour_weight": ["-0.1", "1.1", "abc", "NaN", "nan", "inf", "1e400", "0_1", "%00"],
    "in_colour": ["%00"],
    "sort": ["price", "%00"],
    "cursor": ["!", "%00", "AAAA" * 5000],
    "q": ["%00", "x" * 201],
    "format": ["xml", "%0a"],
}


@pytest.mark.slow
@pytest.mark.case
@pytest.mark.parametrize(("address", "once", "often"), PARAMETERS)
def test_parameters_are_read_strictly(
    anybody: Client, dress: Product, address: str, once: list[str], often: list[str]
) -> None:
    for name in ["limits", "unknown", "page", "offset", "utm_source", "%00", "version"]:
        body = problem(anybody.get(f"{address}?{name}=5"), 400, "invalid")
        (entry,) = next(iter(body["errors"].values()))
        assert entry["code"] == "unknown"
        assert all(known in entry["message"] for known in [*once, *often])
    for name in once + often:
        assert name in problem(anybody.get(f"{address}?{name}="), 400, "invalid")["errors"], name
        for value in WRONG[name]:
            assert name in problem(anybody.get(f"{address}?{name}={value}"), 400, "invalid")["errors"], (name, value)
    for name in once:
        assert name in problem(anybody.get(f"{address}?{name}=1&{name}=2"), 400, "invalid")["errors"]


@pytest.mark.parametrize("cursor", ["cD1hYmM=", "cD0tMQ==", "p", "cD0" + "5OTk5" * 50])
def test_a_cursor_that_the_list_never_gave_is_400(anybody: Client, dress: Product, cursor: str) -> None:
    assert "cursor" in problem(anybody.get(f"{LIST}?cursor={cursor}"), 400, "invalid")["errors"]


@pytest.mark.case
@pytest.mark.parametrize("version", ["%0a", "%0d%0aSet-Cookie:x", "1", ""])
def test_the_schema_takes_no_version(anybody: Client, version: str) -> None:
    problem(anybody.get(f"/api/v1/schema/?version={version}"), 400, "invalid")


@pytest.mark.slow
def test_the_schema_comes_in_both_formats(anybody: Client) -> None:
    assert anybody.get("/api/v1/schema/").content.startswith(b"openapi:")
    assert anybody.get("/api/v1/schema/?format=json").json()["openapi"].startswith("3.")
    assert anybody.get("/api/v1/schema/", headers={"Accept": "application/json"}).json()["openapi"].startswith("3.")
    problem(anybody.get("/api/v1/schema/", headers={"Accept": "image/png"}), 406)


@pytest.mark.parametrize("query", ["script=%0a", "version=%0a", "lang=%0a", "q=%00", "script=", "format=json"])
def test_the_pages_of_the_docs_take_anything(anybody: Client, query: str) -> None:
    assert anybody.get(f"/api/v1/docs/?{query}").status_code in {200, 400}


@pytest.mark.parametrize(
    "query",
    [
        "limit=1", "limit=100", "price_min=0", "price_max=99999999.99", "price_min=10.5&price_max=20",
        "category=clothes", "brand=Acme", "q=red", "q=%22red+dress%22+-long",
    ],
)  # fmt: skip
def test_what_the_docs_promise_is_taken(anybody: Client, dress: Product, query: str) -> None:
    assert anybody.get(f"{LIST}?{query}").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "?page=abc", "?page=0", "?page=-1", "?page=1e9", "?page=99999999999999999999", "?page=%00", "?q=%00",
        "?q=" + "x" * 5000, "?utm_source=mail&fbclid=1", "?q=a&q=b", "?%00=%00", "?colour=%00", "?viewed=%00",
        "?q=%ed%a0%80", "?q=%ff",
    ],
)  # fmt: skip
@pytest.mark.parametrize("address", ["/", "/search/", "/c/clothes/", "/p/red-dress/", "/search/photo/"])
def test_pages_answer_whatever_their_address_holds(anybody: Client, dress: Product, address: str, query: str) -> None:
    assert anybody.get(f"{address}{query}").status_code in {200, 400, 404}


@pytest.mark.parametrize(
    "address",
    ["/p/%00/", "/c/%00/", "/c/a%0ab/", "/media/products/%00", "/media/../../etc/passwd", "/%ff", "/%ed%a0%80/"],
)
def test_odd_addresses_of_pages_are_not_found(anybody: Client, db: None, address: str) -> None:
    assert anybody.get(address).status_code in {400, 404}
