"""A poisoned file fails itself and nobody else: real children that really sleep, crash and run out."""

import time
from types import SimpleNamespace

import pytest

from ml import images
from tests.ml.conftest import draw, encode

SPEC = SimpleNamespace(input_size=64, fit="letterbox")
GOOD = encode(draw(), "JPEG")


def rejection(data: bytes = GOOD, **limits: float) -> images.ImageRejected:
    with pytest.raises(images.ImageRejected) as rejected:
        images.decode_isolated(data, SPEC, **limits)
    return rejected.value


def test_a_good_picture_comes_back_as_in_this_process() -> None:
    for fit in ("letterbox", "stretch"):
        spec = SimpleNamespace(input_size=64, fit=fit)
        assert (images.decode_isolated(GOOD, spec) == images.to_input(GOOD, spec)).all()


def test_a_rejection_keeps_its_code_and_sentence() -> None:
    with pytest.raises(images.ImageRejected) as here:
        images.to_input(b"text", SPEC)
    there = rejection(b"text")
    assert (there.code, there.message) == (here.value.code, here.value.message)


def test_a_hanging_decoder_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_DECODE_FAULT", "sleep")
    began = time.monotonic()
    assert rejection(timeout_s=1.0).code == "timeout"
    assert time.monotonic() - began < 5


def test_a_spinning_decoder_is_stopped_by_its_processor_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_DECODE_FAULT", "spin")
    assert rejection(timeout_s=1.0).code == "timeout"


def test_a_segmentation_fault_is_a_crash_of_the_child_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_DECODE_FAULT", "segv")
    crashed = rejection()
    assert crashed.code == "crashed"
    assert "signal 11" in crashed.message


def test_exhausted_memory_is_said_to_be_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_DECODE_FAULT", "oom")
    assert rejection().code == "out_of_memory"


def test_a_real_picture_too_large_for_the_limit_is_out_of_memory() -> None:
    large = encode(draw(6000, 6000))
    assert rejection(large, memory_bytes=200 * 2**20).code == "out_of_memory"
    assert images.decode_isolated(large, SPEC).shape == (64, 64, 3)
