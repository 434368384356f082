"""`python -m bench chaos` for half a minute: no accepted upload is lost, and the table shows it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.ledger import Entry, Ledger, Verdict

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "worker's child killed",
    "worker killed with its group",
    "worker told to stop",
    "Redis shut down",
    "Redis emptied",
    "Postgres stopped at once",
}


@pytest.mark.drill
def test_half_a_minute_of_chaos_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "chaos", "--minutes", "0.4", "--seed", "3"],
        cwd=ROOT, env={**os.environ, "BENCH_VAR_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=400,
        check=False,
    )  # fmt: skip
    table = dict(re.findall(r"^  (\S.*?) {2,}([\d,]+)\b", done.stdout, re.M))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (table["duplicates"], table["stuck"], table["lost"]) == ("0", "0", "0"), done.stdout
    accepted, ready, failed, deleted = (
        int(table[name].replace(",", "")) for name in ("accepted (201)", "ready", "failed, with a reason", "deleted")
    )
    assert accepted == ready + failed + deleted > 20, done.stdout
    assert int(table["faults injected"]) >= 3, done.stdout
    assert set(re.findall(r"^ +\d+ s  (.*?);", done.stdout, re.M)) <= KINDS
    assert not list(tmp_path.glob("chaos-*")), "nothing is left behind"


@pytest.mark.parametrize("trouble", ["lost", "stuck", "double"])
def test_a_verdict_is_sound_only_without_any_trouble(trouble: str) -> None:
    assert Verdict(ready=3).sound
    assert not Verdict(ready=3, **{trouble: ["picture 1 …"]}).sound


def test_the_ledger_counts_every_try_once() -> None:
    ledger = Ledger(accepted=[Entry(1, 0.0, {"a"})])
    ledger.refused.update({"400": 2, "503": 1, "no answer": 1})
    assert ledger.tried == 5
