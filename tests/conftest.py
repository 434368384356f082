"""A shop of its own for one test run: fresh VAR_DIR, embedded Postgres and Redis, no `.env`."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# Before Django reads its settings. Registered before the embedded services register theirs, so run after them.
VAR_DIR = Path(tempfile.mkdtemp(prefix="lookalike-tests-"))
atexit.register(shutil.rmtree, VAR_DIR, ignore_errors=True)
os.environ.update(
    ENV_FILE=os.devnull,
    SECRET_KEY="only-for-tests",
    VAR_DIR=str(VAR_DIR),
    HTTPS_ONLY="false",
    EMBEDDING_WEIGHTS="untrained",
)
for name in ("DATABASE_URL", "REDIS_URL", "DEBUG", "MEDIA_ROOT"):
    os.environ.pop(name, None)

import pytest  # noqa: E402

from tests.shopkeeper import Shopkeeper  # noqa: E402

pytest_plugins = ["tests.models"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Fast tests first. Tests on real pictures run where LOOKALIKE_DATA names them, and are counted elsewhere."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
    if "LOOKALIKE_DATA" in os.environ:
        return
    without = [item for item in items if item.get_closest_marker("realdata")]
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]
        print(f"\nLOOKALIKE_DATA is not set: {len(without)} tests on real pictures are deselected.")  # noqa: T201


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Real pictures. Set but missing is an error, not a reason to skip."""
    folder = Path(os.environ["LOOKALIKE_DATA"])
    assert folder.is_dir(), f"LOOKALIKE_DATA names {folder}, which is not there"
    return folder


@pytest.fixture
def shop(db: None) -> Shopkeeper:
    return Shopkeeper()
