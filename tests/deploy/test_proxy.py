"""A real Caddy with the real deploy/Caddyfile, in front of a real web process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from bench.slow import KINDS, SlowClients, ask_for
from catalog.media import renditions
from catalog.models.image import FOLDER, MIME, RENDITIONS, rendition_name
from ml.pictures.renditions import FORMATS
from recommendations.models import EmbeddingModel
from shop.requests.body_limits import PICTURE_PATHS, UPLOADS_AT_ONCE, body_limit
from tests.deploy.files import CADDYFILE, COMPOSE_FILE, tool
from tests.pictures import picture
from tests.processes.conftest import Process, Start, until
from tests.shopkeeper import Shopkeeper


def test_the_caddyfile_is_valid(tmp_path: Path) -> None:
    done = subprocess.run(
        [tool("caddy"), "validate", "--config", str(CADDYFILE), "--adapter", "caddyfile"],
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_caddyfile_is_formatted() -> None:
    # `fmt --diff` exits 0 either way in Caddy 2.6; without it, the formatted file is printed.
    done = subprocess.run([tool("caddy"), "fmt", str(CADDYFILE)], capture_output=True, text=True, check=False)
    assert done.stdout == CADDYFILE.read_text()


def test_caddy_serves_the_same_names_as_the_shop() -> None:
    (pattern,) = re.findall(r"@picture path_regexp (\S+)", CADDYFILE.read_text())
    stem = "[0-9a-f]{2}/[0-9a-f]{32}"
    picture, rendition = (
        rf"{FOLDER}/{stem}\.({'|'.join(MIME)})",
        rf"{RENDITIONS}/{stem}-[0-9]{{1,4}}\.({'|'.join(FORMATS)})",
    )
    assert pattern == f"^/media/({picture}|{rendition})$"


@pytest.mark.parametrize(
    ("variable", "path"),
    [("ADMIN_MAX_SIZE", "/admin/"), ("UPLOAD_MAX_SIZE", "/search/photo/"), ("REQUEST_MAX_SIZE", "/")],
)
def test_caddy_and_the_shop_take_the_same(variable: str, path: str) -> None:
    sizes = set(re.findall(rf"{{\${variable}:(\d+)MB}}", CADDYFILE.read_text()))
    assert len(sizes) == 1
    taken, limit = int(sizes.pop()) * 1_000_000, body_limit(path)
    assert limit <= taken <= limit * 1.02
    assert f"${{{variable}:-{taken // 1_000_000}MB}}" in COMPOSE_FILE.read_text()


def test_caddy_and_the_shop_sort_addresses_alike() -> None:
    assert set(re.findall(r"path_regexp (\^/\(\S+)", CADDYFILE.read_text())) == {PICTURE_PATHS}
    assert f"~{PICTURE_PATHS} " in CADDYFILE.read_text()


@dataclass
class Site:
    web: Process
    caddy: Process
    web_port: int
    port: int

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> http.client.HTTPResponse:
        caller = http.client.HTTPConnection("localhost", self.port, timeout=30)
        caller.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return caller.getresponse()

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        return self.ask("GET", path, **headers)

    def answers(self, path: str) -> bool:
        try:
            return self.get(path).status == 200
        except OSError:
            return False

    @property
    def log(self) -> str:
        return self.web.log + self.caddy.log


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def started(start: Start, folder: Path, **environment: str) -> Site:
    web_port, port = free_port(), free_port()
    web = start("web", "--bind", f"127.0.0.1:{web_port}", BEHIND_PROXY="true", NUM_PROXIES="1", **environment)
    caddy = start(
        "caddy", command=[tool("caddy"), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"],
        SITE_ADDRESS=f"http://localhost:{port}", WEB_UPSTREAM=f"127.0.0.1:{web_port}",
        MEDIA_ROOT=str(settings.MEDIA_ROOT), XDG_DATA_HOME=str(folder / "data"), XDG_CONFIG_HOME=str(folder / "config"),
    )  # fmt: skip
    site = Site(web, caddy, web_port, port)
    until(lambda: site.answers("/healthz"), 60, lambda: site.log)
    return site


@pytest.fixture
def site(start: Start, tmp_path: Path) -> Site:
    return started(start, tmp_path)


MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}
PHOTO = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
HIDDEN = [
    "/media/models/x.onnx",
    "/MEDIA/models/x.onnx",
    "//media/models/x.onnx",
    "/media//models/x.onnx",
    "/media/products/../models/x.onnx",
    "/media/products/%2e%2e/models/x.onnx",
    "/media/models%2fx.onnx",
    "/media/products/ab/notes.txt",
    "/media/products/",
    "/media/renditions/ab/notes.txt",
    "/media/renditions/",
    "/media/",
]


@pytest.mark.drill
@pytest.mark.django_db(transaction=True)
class TestRunning:
    def test_pages_pass_through_compressed(self, site: Site) -> None:
        Shopkeeper().product("Red dress")
        home = site.get("/", Accept_Encoding="gzip")
        assert (home.status, home.headers["Content-Encoding"]) == (200, "gzip"), site.log
        assert "frame-ancestors 'none'" in home.headers["Content-Security-Policy"]

    def test_a_picture_comes_from_caddy_just_as_the_shop_would_serve_it(self, site: Site) -> None:
        shop = Shopkeeper()
        data = picture()
        image = shop.image(shop.product(), data)
        served = site.get(image.file.url)
        assert (served.status, served.read()) == (200, data)
        own = http.client.HTTPConnection("127.0.0.1", site.web_port, timeout=30)
        own.request("GET", image.file.url)
        expected = own.getresponse()
        assert (served.headers["Server"], expected.headers["Server"]) == ("Caddy", "gunicorn")
        for name in (
            "Content-Type", "Cache-Control", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy",
            "Cross-Origin-Opener-Policy", "X-Frame-Options", "Content-Length",
        ):  # fmt: skip
            assert set(served.headers[name].split("; ")) == set(expected.headers[name].split("; ")), name
        assert served.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"

    def test_so_does_a_rendition_and_while_it_is_missing_the_picture_itself(self, site: Site) -> None:
        shop = Shopkeeper()
        data = picture(size=(300, 400), quality=95)
        name = rendition_name(shop.image(shop.product(), data).file.name, 300, "avif")
        whole = site.get(f"/media/{name}")
        assert (whole.status, whole.headers["Content-Type"], whole.read()) == (200, "image/jpeg", data)
        assert whole.headers["Cache-Control"] == "public, max-age=60"
        renditions.make()
        served = site.get(f"/media/{name}")
        assert (served.status, served.headers["Content-Type"], served.headers["Server"]) == (200, "image/avif", "Caddy")
        assert served.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert served.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"

    def test_nothing_else_of_the_media_folder_is_public(self, site: Site) -> None:
        private = ("models/x.onnx", f"{FOLDER}/ab/notes.txt", f"{RENDITIONS}/ab/notes.txt")
        for name in private:
            default_storage.save(name, ContentFile(b"not for the public"))
        answers = {path: site.get(path) for path in HIDDEN}
        for name in private:
            default_storage.delete(name)
        assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(HIDDEN, 404)
        assert not any(b"not for the public" in answer.read() for answer in answers.values())

    def test_a_picture_that_is_gone_is_not_remembered_as_such(self, site: Site) -> None:
        gone = site.get(f"/media/{FOLDER}/00/{'0' * 32}.jpg")
        assert (gone.status, gone.headers["Cache-Control"]) == (404, None)

    def test_an_upload_over_the_limit_is_refused(self, site: Site) -> None:
        token = site.get("/search/photo/").headers["Set-Cookie"].partition("csrftoken=")[2].partition(";")[0]
        headers = {**MULTIPART, "Cookie": f"csrftoken={token}", "X-CSRFToken": token}
        caller = http.client.HTTPConnection("localhost", site.port, timeout=30)
        # The response may arrive before the end of the request.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            caller.request("POST", "/search/photo/", PHOTO + b"0" * 25_000_000, headers)
        answer = caller.getresponse()
        # The shop refuses it by its Content-Length before the body arrives; without the header, Caddy stops it.
        assert (answer.status, b"The request is too large." in answer.read()) == (413, True), site.log

    def test_a_photo_of_the_largest_size_reaches_the_shop(self, site: Site, network: EmbeddingModel) -> None:
        body = PHOTO + b"\0" * settings.IMAGE_MAX_BYTES + b"\r\n--x--\r\n"
        answer = site.ask("POST", "/api/v1/search/image/", body, **MULTIPART)
        assert (answer.status, json.load(answer)["code"]) == (400, "unsupported_format"), site.log

    @pytest.mark.case
    @pytest.mark.parametrize("kind", KINDS)
    def test_two_hundred_slow_clients_stop_nobody(self, site: Site, kind: str) -> None:
        with SlowClients(site.port, kind, 200):
            waited = ask_for(f"http://localhost:{site.port}", 10)
        assert waited.failed == [], site.log
        assert len(waited.seconds["/"]) >= 2

    @pytest.mark.case
    def test_a_form_of_the_admin_may_carry_five_pictures(self, site: Site) -> None:
        token = site.get("/admin/login/").headers["Set-Cookie"].partition("csrftoken=")[2].partition(";")[0]
        headers = {**MULTIPART, "Cookie": f"csrftoken={token}", "X-CSRFToken": token}
        body = PHOTO + b"\0" * (UPLOADS_AT_ONCE * settings.IMAGE_MAX_BYTES) + b"\r\n--x--\r\n"
        assert site.ask("POST", "/admin/login/", body, **headers).status == 200, site.log

    def test_an_api_request_over_the_limit_is_refused_with_a_code(self, site: Site) -> None:
        caller = http.client.HTTPConnection("localhost", site.port, timeout=30)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            caller.request("POST", "/api/v1/nothing/", b"0" * 4_100_000, {"Content-Type": "text/plain"})
        answer = caller.getresponse()
        assert (answer.status, json.load(answer)["code"]) == (413, "too_many_bytes"), site.log

    def test_a_client_cannot_pretend_to_have_come_by_https(self, start: Start, tmp_path: Path) -> None:
        strict = started(start, tmp_path, HTTPS_ONLY="true")
        answer = strict.get("/", X_Forwarded_Proto="https")
        assert (answer.status, answer.headers["Location"]) == (301, f"https://localhost:{strict.port}/")
