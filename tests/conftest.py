from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.test import override_settings
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from catalog.storefront import menu
from shop.embedded import roles, servers
from tests.prepared import prepared
from tests.running import ROOT
from tests.shopkeeper import Shopkeeper

pytest_plugins = ["tests.models"]

# A busy machine is no fault of what is tested.
hypothesis.settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any machine")

#: For databases that end with the run.
FORGETFUL = """
fsync = off
synchronous_commit = off
full_page_writes = off
"""
#: Markers of tests that need files from outside the repository, and the variables that name their folders.
OUTSIDE = {"realdata": "LOOKALIKE_DATA", "casefile": "LOOKALIKE_CASES"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run fast tests first. Tests on outside files run only if their folder is named, and are counted otherwise."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
    for marker, variable in OUTSIDE.items():
        if variable in os.environ:
            continue
        without = [item for item in items if item.get_closest_marker(marker)]
        if without:
            config.hook.pytest_deselected(items=without)
            items[:] = [item for item in items if item not in without]
            print(f"\n{variable} is not set: {len(without)} tests marked {marker!r} are deselected.")  # noqa: T201


def _outside(variable: str) -> Path:
    """A folder that is named but missing is an error, not a reason to skip."""
    folder = Path(os.environ[variable])
    assert folder.is_dir(), f"{variable} names {folder}, which is not there"
    return folder


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real pictures."""
    return _outside("LOOKALIKE_DATA")


@pytest.fixture(scope="session")
def case_folder() -> Path:
    """Inputs that once failed."""
    return _outside("LOOKALIKE_CASES")


@pytest.fixture
def shop(db: None) -> Shopkeeper:
    return Shopkeeper()


@pytest.fixture(autouse=True)
def no_mark_of_another_test() -> None:
    """Tests share a media storage and each starts with another database, which the storage's mark would report."""
    (Path(os.environ["VAR_DIR"]) / "media" / "database.json").unlink(missing_ok=True)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Real password hashes are slow on purpose: about a second on a busy core for every test with an account."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def no_menu_of_another_test() -> Iterator[None]:
    """Tests share a cache, and what they roll back sends no signal."""
    kept, menu.SECONDS = menu.SECONDS, 0
    yield
    menu.SECONDS = kept


@pytest.fixture(scope="session", autouse=True)
def static_files_found_once() -> Iterator[None]:
    """Every test client builds the middleware again, and WhiteNoise would look for all static files each time: a tenth
    of a second, more than most tests take."""
    look = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, dict[str, StaticFile]] = {}

    def add(middleware: WhiteNoiseMiddleware) -> None:
        if middleware.static_prefix not in found:
            look(middleware)
            found[middleware.static_prefix] = dict(middleware.files)
        middleware.files.update(found[middleware.static_prefix])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", add)
        yield


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Path:
    """The data directory of a stopped Postgres whose database is migrated. It need not survive a power cut."""

    def migrate(folder: Path) -> None:
        var = Path(tempfile.mkdtemp(prefix="lookalike-template-"))
        try:
            command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(command, cwd=ROOT, env={**os.environ, "VAR_DIR": str(var)}, check=True)
            shutil.copytree(servers.Layout(var).postgres_data, folder / "postgres")
        finally:
            shutil.rmtree(var, ignore_errors=True)
        with (folder / "postgres" / "postgresql.conf").open("a") as conf:
            conf.write(FORGETFUL)

    sources = ["*/migrations/*.py", "shop/embedded/*.py", "shop/settings.py", "tests/conftest.py"]
    return prepared(request.config, "cluster", sources, migrate) / "postgres"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, cluster: Path) -> None:
    """Tests create databases, which the shop's role may not."""
    layout = servers.Layout(settings.VAR_DIR)
    if not layout.postgres_data.exists():
        shutil.copytree(cluster, layout.postgres_data)
        settings.DATABASES["default"]["TEST"]["TEMPLATE"] = servers.DATABASE
    servers.services(settings.VAR_DIR).ensure_postgres()
    with psycopg.connect(host=str(layout.sockets), user=roles.SUPERUSER, dbname="postgres", autocommit=True) as owner:
        owner.execute(f"ALTER ROLE {roles.ROLE} CREATEDB")
