from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.catalog.importing.tables import HEADER, Write, png


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """Writes a table and its pictures. `files` maps names to bytes; the default is coat.png."""

    def write(
        *rows: tuple[str, ...],
        header: tuple[str, ...] = HEADER,
        files: Mapping[str, bytes] | None = None,
        separator: str = ",",
        encoding: str = "utf-8",
        name: str = "catalog.csv",
    ) -> Path:
        text = io.StringIO()
        csv.writer(text, delimiter=separator).writerows([header, *rows])
        contents = {name: text.getvalue().encode(encoding), **({"coat.png": png()} if files is None else files)}
        for file, data in contents.items():
            path = tmp_path / "shop" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / "shop"

    return write
