"""A separate shop for every test to break; see `tests.faults.own_shop`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.own_shop import OwnShop
from tests.prepared import SHOP, prepared

# Several of these may run at once on a small machine. The servers are killed, but the machine is not.
POSTGRES_CONF = """
fsync = off
shared_buffers = 16MB
maintenance_work_mem = 16MB
max_wal_size = 64MB
min_wal_size = 32MB
"""


@pytest.fixture(scope="session")
def furnished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The VAR_DIR of a shop with tables, staff and a model and with stopped servers; copied for each test."""

    def furnish(folder: Path) -> None:
        shop = OwnShop(tmp_path_factory.mktemp("furnished"))
        try:
            shop.postgres.start()
            shop.redis.start()
            shop.chore("furnish()")
            shop.postgres.stop()
        finally:
            shop.close()
        with (shop.postgres.data / "postgresql.conf").open("a") as conf:
            conf.write(POSTGRES_CONF)
        shutil.copytree(shop.var, folder / "var")

    return prepared(request.config, "furnished", [*SHOP, "tests/faults/**/*.py"], furnish) / "var"


@pytest.fixture
def open_shop(furnished: Path, tmp_path: Path) -> Iterator[Callable[..., OwnShop]]:
    """Opens shops: `open_shop()`, or `open_shop(var=…)` for a VAR_DIR in a special place."""
    opened: list[OwnShop] = []

    def open_one(*, var: Path | None = None) -> OwnShop:
        shop = OwnShop(tmp_path, var=var)
        shutil.copytree(furnished, shop.var, dirs_exist_ok=True)
        opened.append(shop)
        shop.postgres.start()
        shop.redis.start()
        return shop

    yield open_one
    for shop in opened:
        shop.close()


@pytest.fixture
def own_shop(open_shop: Callable[..., OwnShop]) -> OwnShop:
    return open_shop()
