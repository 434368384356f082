"""docker-compose.yml is complete, safe by default and true to the rest of the project."""

from __future__ import annotations

import re
from typing import Any

import pytest

from shop.embedded import MAINTENANCE_LEAST, POSTGRES_CONF, SHARED_LEAST
from tests.deploy.files import ROOT, SECRETS, compose_config, declared, environment

OURS = {"migrate", "web", "worker", "scheduler"}
# Settings that an installation in containers does not choose: they belong to the image, or to development.
WITHHELD = {"DATABASE_POOL", "DEBUG", "ENV_FILE", "MEDIA_ROOT", "STATIC_ROOT", "VAR_DIR"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return declared()


def test_the_two_secrets_are_all_that_must_be_set() -> None:
    done = compose_config("-q", **SECRETS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_missing_secret_is_named(name: str) -> None:
    done = compose_config("-q", **{other: value for other, value in SECRETS.items() if other != name})
    assert done.returncode != 0
    assert f"set {name} in .env" in done.stderr


def test_make_env_fills_in_both_secrets() -> None:
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


def test_https_is_required_unless_the_site_says_otherwise() -> None:
    assert environment("web")["HTTPS_ONLY"] == "true"
    # What `make setup` leaves in .env for `make demo` must not open a public shop.
    assert environment("web", HTTPS_ONLY="false")["HTTPS_ONLY"] == "true"
    assert environment("web", SITE_HTTPS_ONLY="false")["HTTPS_ONLY"] == "false"


def test_a_setting_of_the_installation_reaches_the_shop() -> None:
    assert "SHOP_NAME" not in environment("web"), "or an empty name would replace the default"
    assert environment("web", SHOP_NAME="Corner shop")["SHOP_NAME"] == "Corner shop"


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
    # The image's defaults suit a server of its own, which has the shared memory for a parallel build.
    own = {"max_connections", "unix_socket_permissions", "max_parallel_maintenance_workers"}
    assert set(given) == set(embedded) - own


def test_redis_keeps_nothing(services: dict[str, Any]) -> None:
    assert services["redis"]["command"][:5] == ["redis-server", "--save", "", "--appendonly", "no"]
