"""Uploads, embedding and photo search give the same verdict on any file."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.verdicts import ask, faults_of
from catalog import services
from tests.odd_pictures import SECRET, odd_pictures

REFUSALS = {"empty", "too_many_bytes", "too_many_pixels", "unsupported_format", "corrupt"}


@pytest.mark.drill
@pytest.mark.case
@pytest.mark.filterwarnings("ignore")
def test_two_thousand_odd_pictures_get_one_verdict_at_every_door() -> None:
    said: Counter[str] = Counter()
    wrong: dict[str, object] = {}
    for name, data in odd_pictures():
        verdict = ask(data)
        said[verdict.query] += 1
        if not verdict.is_one:
            wrong[name] = (verdict.query, verdict.upload, verdict.pipeline)
        elif verdict.accepted is not None:
            stored = verdict.accepted.data
            faults = faults_of(data, verdict.accepted, is_damaged="cut" in name or "damaged" in name, secret=SECRET)
            if stored is not data and services.accept_image(stored).data != stored:
                faults.append("it is not the same when it is uploaded again")
            if faults:
                wrong[name] = faults
    assert not wrong
    assert set(said) <= {"ok"} | REFUSALS, "nothing here takes long, or much memory, or kills its decoder"
    assert said.total() >= 2000
    assert min(said[code] for code in ("ok", "corrupt")) > 300
