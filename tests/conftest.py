from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.shopkeeper import Shopkeeper

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
