"""Each service of docker-compose.yml, started as in its image but with the test's Postgres and Redis."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from catalog.models import ProductImage
from recommendations.models import EmbeddingModel
from recommendations.monitoring.status import pipeline_status
from shop.celery import app
from tests.deploy.files import ROOT, declared, environment, image
from tests.processes import conftest as processes
from tests.processes.conftest import Process, Start, until
from tests.shopkeeper import Shopkeeper

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


class Deployment:
    """Starts services with their own command and environment; only addresses and folders come from the test."""

    def __init__(self, start: Start, folder: Path, static: Path, **variables: str) -> None:
        self.start_process = start
        self.folder = folder
        self.static = static
        self.variables = variables
        self.services: dict[str, Any] = declared()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def environment(self, name: str) -> dict[str, str]:
        target = self.services[name]["build"]["target"]
        return {
            **image(target).environment,
            **environment(name, **self.variables),
            **processes.services(),
            "VAR_DIR": str(settings.VAR_DIR),
            "ENV_FILE": os.devnull,
            "PATH": PATH,
            **(self.as_web_image() if target == "web" else {}),
        }

    def as_web_image(self) -> dict[str, str]:
        """Collected static files, and no TensorFlow: importing it fails with an explanation."""
        for module in ("tensorflow", "keras"):
            (self.folder / f"{module}.py").write_text("raise ImportError('not in the web image')")
        return {"STATIC_ROOT": str(self.static), "PYTHONPATH": str(self.folder)}

    def command(self, name: str) -> list[str]:
        service = self.services[name]
        built = image(service["build"]["target"])
        command = service.get("entrypoint", built.entrypoint) + service.get("command", built.command)
        return [part.replace("0.0.0.0:8000", f"127.0.0.1:{self.port}") for part in command]

    def start(self, name: str, **changes: str) -> Process:
        variables = {**self.environment(name), **changes}
        pairs = [f"{key}={value}" for key, value in variables.items()]
        return self.start_process(name, command=["env", "-i", *pairs, *self.command(name)])

    def get(self, path: str, **headers: str) -> http.client.HTTPResponse:
        caller = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        caller.request("GET", path, headers={"Host": "localhost", **names})
        return caller.getresponse()

    def answers(self, path: str) -> bool:
        try:
            return self.get(path).status == 200
        except OSError:
            return False

    def stops_in_time(self, name: str, process: Process) -> None:
        """Like `docker stop`: SIGTERM, then SIGKILL after the grace period."""
        grace = float(self.services[name].get("stop_grace_period", "10s").removesuffix("s"))
        before = time.monotonic()
        process.popen.send_signal(signal.SIGTERM)
        code = process.popen.wait(timeout=grace)
        assert code == 0, f"{name} exits with {code} after {time.monotonic() - before:.1f} s:\n{process.log}"


@pytest.fixture(scope="module")
def collected_static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The content of STATIC_ROOT after the build of the web image."""
    folder = tmp_path_factory.mktemp("build")
    static = folder / "static"
    (run,) = (run for run in image("web").runs if "collectstatic" in run)
    variables = {"PATH": PATH, "ENV_FILE": os.devnull, "VAR_DIR": str(folder / "var"), "STATIC_ROOT": str(static)}
    built = subprocess.run(["sh", "-c", run], env=variables, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert not (folder / "var").exists(), "a build starts no database"
    return static


@pytest.fixture
def deployment(start: Start, tmp_path: Path, collected_static: Path) -> Deployment:
    settings_of_the_installation = {"SITE_ADDRESS": "shop.example.com", "EMBEDDING_SWEEP_SECONDS": "2"}
    return Deployment(start, tmp_path, collected_static, **settings_of_the_installation)


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The URL of a database without tables."""
    name = f"{connection.settings_dict['NAME']}_empty"
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    own = processes.services()["DATABASE_URL"]
    yield own.rpartition("/")[0] + f"/{name}"
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_migrate_makes_the_tables_of_an_empty_database_and_ends(deployment: Deployment, empty_database: str) -> None:
    migrate = deployment.start("migrate", DATABASE_URL=empty_database)
    assert migrate.popen.wait(timeout=120) == 0, migrate.log
    with psycopg.connect(empty_database) as fresh:
        assert fresh.execute("SELECT count(*) FROM recommendations_imageembedding").fetchone() == (0,)
    again = deployment.start("migrate", DATABASE_URL=empty_database)
    assert again.popen.wait(timeout=120) == 0, again.log
    assert "No migrations to apply" in again.log


def test_web_answers_its_proxy_and_sends_everybody_else_to_https(deployment: Deployment) -> None:
    web = deployment.start("web")
    until(lambda: deployment.answers("/healthz"), 60, lambda: web.log)
    assert len(web.children()) == 2, "--processes 2"
    assert deployment.get("/readyz").status == 200

    home = deployment.get("/", Host="shop.example.com", X_Forwarded_Proto="https")
    page = home.read().decode()
    assert home.status == 200, web.log
    stylesheet = page.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
    assert stylesheet.startswith("/static/css/tokens.")
    assert stylesheet != "/static/css/tokens.css", "the name of a collected file has a hash"
    served = deployment.get(stylesheet, Host="shop.example.com", X_Forwarded_Proto="https")
    assert (served.status, "immutable" in served.headers["Cache-Control"]) == (200, True)

    plain = deployment.get("/", Host="shop.example.com")
    assert (plain.status, plain.headers["Location"]) == (301, "https://shop.example.com/")
    assert deployment.get("/", Host="other.example.com", X_Forwarded_Proto="https").status == 400
    deployment.stops_in_time("web", web)


def test_worker_and_scheduler_embed_a_picture_whose_message_was_lost(
    deployment: Deployment, network: EmbeddingModel
) -> None:
    shop = Shopkeeper()
    shop.image(shop.product())
    with app.connection_for_write() as broker:
        broker.default_channel.client.flushall()
    worker, scheduler = deployment.start("worker"), deployment.start("scheduler")
    until(lambda: pipeline_status().ready == 1, 90, lambda: worker.log + scheduler.log)
    assert ProductImage.objects.count() == 1
    deployment.stops_in_time("scheduler", scheduler)
    deployment.stops_in_time("worker", worker)


def test_every_service_that_is_built_here_is_started_by_a_test(deployment: Deployment) -> None:
    built = {name for name, service in deployment.services.items() if "build" in service}
    text = Path(__file__).read_text()
    assert {name for name in built if f'deployment.start("{name}"' in text} == built
