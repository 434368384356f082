"""`python -m bench search` on a small shop: its output must be true."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bench import search
from bench.emptying import empty_shop
from bench.rivals import MISSING, MODULES, missing
from bench.shop import ScratchShop
from bench.stock import stock
from bench.vectors import SETS, Vectors, VectorSet
from catalog.models import Product
from ml.weights import resolve
from recommendations.models import ImageEmbedding

ROWS = 1500


@pytest.fixture
def vectors(tmp_path: Path) -> Vectors:
    weights = resolve("bundled", cache_dir=tmp_path)
    values = np.random.default_rng(0).standard_normal((ROWS, weights.spec.dimension), dtype=np.float32)
    return Vectors("test", weights, values / np.linalg.norm(values, axis=1, keepdims=True), ROWS)


@pytest.fixture
def scratch(tmp_path: Path, transactional_db: None) -> ScratchShop:
    return ScratchShop(Path(__file__).resolve().parents[2], tmp_path, None, "untrained")


@pytest.mark.drill
def test_every_filter_is_measured_and_every_search_gets_as_many_as_there_are(
    scratch: ScratchShop, vectors: Vectors, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def given(wanted: VectorSet, shop: ScratchShop, *, most: int | None) -> Vectors:
        return vectors

    monkeypatch.setattr(search, "vectors_of", given)
    search.measure(scratch, sets="fashion256", queries=20, quick=True, libraries="", build_only=False, fresh=False)
    printed = capsys.readouterr().out
    rows = re.findall(r"^ +(none|[\d.]+%) +(index|exact) +([\d.]+) +([\d.]+) +([\d.]+)% +([\d.]+)$", printed, re.M)
    assert [row[0] for row in rows] == ["none", "50.0%", "10.0%", "1.0%", "0.1%"]
    assert [row[1] for row in rows][::4] == ["index", "exact"]
    assert {row[4] for row in rows} == {"100.0"}
    assert all(float(row[5]) == 1.0 for row in rows if row[1] == "exact")
    assert all(float(row[5]) > 0.8 for row in rows)  # noise, which has no neighbourhoods to walk through
    empty_shop()


@pytest.mark.slow
def test_a_shop_that_an_earlier_run_left_is_taken_as_it_is(scratch: ScratchShop, vectors: Vectors) -> None:
    first = stock(scratch, vectors, fresh=False)
    again = stock(scratch, vectors, fresh=False)
    assert (again.model, again.indexed_s) == (first.model, first.indexed_s)
    stored = ImageEmbedding.objects.get(image__product__sku="B7")
    assert np.asarray(stored.vector) == pytest.approx(vectors.values[7], abs=1e-3)
    assert Product.objects.get(sku="B7").price == int(again.prices[7])
    assert stock(scratch, vectors, fresh=True).model.created_at > first.model.created_at
    empty_shop()


def test_a_library_that_is_not_installed_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MODULES:
        monkeypatch.setitem(MODULES, name, "no_such_module")
    assert missing(["faiss"]) == [f"faiss is not installed: {MISSING['faiss']}"]
    assert "requirements/bench.txt" in MISSING["faiss"]
    assert SETS["million256"].rows == 1_000_000
