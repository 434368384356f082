"""No exported table runs in a spreadsheet, and every text comes back from it as it was."""

from __future__ import annotations

import ast
import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.files.tables import Writer, neutralised, restored

ROOT = Path(__file__).resolve().parents[3]
DANGEROUS = [
    "=1+1",
    "+1",
    "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "=HYPERLINK(\"http://x\")", "＝1", "＋1", "－1", "＠x", "'=1", "''=1",
]  # fmt: skip


@pytest.mark.case
@pytest.mark.parametrize("text", DANGEROUS)
def test_a_formula_is_written_as_text_and_read_as_it_was(text: str) -> None:
    stream = io.StringIO(newline="")
    Writer(stream).writerow([text, "plain"])
    (cells,) = csv.reader(io.StringIO(stream.getvalue(), newline=""))
    assert cells == [f"'{text}", "plain"]
    assert restored(cells[0]) == text


@pytest.mark.parametrize("cell", ["", "'", "'tis", 'Dress, "red"', "1", "a=b", " =1", "x-1"])
def test_ordinary_text_stays_as_it_is(cell: str) -> None:
    assert neutralised(cell) == restored(cell) == cell


def test_numbers_stay_numbers() -> None:
    assert [neutralised(number) for number in (-1, -0.5)] == [-1, -0.5]


@pytest.mark.slow
@given(st.text(alphabet=st.sampled_from("'=+-@\t\r\n ax＝"), max_size=8) | st.text())
def test_any_text_comes_back(text: str) -> None:
    assert restored(neutralised(text)) == text
    assert neutralised(text)[:1] not in set("=+-@\t\r\n")


@pytest.mark.slow
def test_no_table_is_written_by_other_means() -> None:
    for app in ("bench", "catalog", "ml", "recommendations", "shop"):
        for path in (ROOT / app).rglob("*.py"):
            calls = {
                ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
            }
            if path != ROOT / "ml" / "files" / "tables.py":
                assert not calls & {"csv.writer", "csv.DictWriter"}, path
