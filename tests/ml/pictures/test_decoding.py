"""A harmful file fails alone: real decoders that really sleep, crash and run out of memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from catalog.decoding import decoders as shared_decoders
from ml.pictures import codec
from ml.pictures.decoding import Decoders, DecoderUnavailable
from tests.ml.conftest import draw, encode
from tests.pictures import picture
from tests.poison import WEAKNESS, poisoned

SPEC = SimpleNamespace(input_size=64, fit="letterbox")
GOOD = picture(seed=1)


@pytest.fixture
def decoders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoders]:
    for name, value in WEAKNESS.items():
        monkeypatch.setenv(name, value)
    shared_decoders().close()  # those that other tests left
    made = Decoders(2)
    yield made
    made.close()


def rejection(decoders: Decoders, data: bytes, **limits: float) -> codec.ImageRejected:
    with pytest.raises(codec.ImageRejected) as rejected:
        decoders.to_input(data, SPEC, **limits)
    return rejected.value


def running() -> list[int]:
    """Process ids of the decoders of this process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"ml.pictures.decoding" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_a_good_picture_comes_back_as_in_this_process(decoders: Decoders) -> None:
    for fit in ("letterbox", "stretch"):
        spec = SimpleNamespace(input_size=64, fit=fit)
        assert (decoders.to_input(GOOD, spec) == codec.to_input(GOOD, spec)).all()
    for data in (GOOD, encode(draw(), "JPEG", comment=b"secret"), picture(format="GIF")):
        assert decoders.clean(data) == codec.clean(data)
    assert len(running()) == 1, "kept for the next picture"


@pytest.mark.slow
def test_a_rejection_keeps_its_code_and_sentence(decoders: Decoders) -> None:
    with pytest.raises(codec.ImageRejected) as here:
        codec.to_input(b"text", SPEC)
    there = rejection(decoders, b"text")
    assert (there.code, there.message) == (here.value.code, here.value.message)
    assert len(running()) == 1, "nothing is wrong with the decoder"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["hang", "spin"])
def test_a_hanging_decoder_is_killed_for_a_timeout(decoders: Decoders, fault: str) -> None:
    decoders.to_input(GOOD, SPEC)
    assert rejection(decoders, poisoned(fault), timeout_s=1.0).code == "timeout"
    assert running() == []
    decoders.to_input(GOOD, SPEC)


@pytest.mark.slow
def test_a_segmentation_fault_is_a_crash_of_the_decoder_only(decoders: Decoders) -> None:
    decoders.to_input(GOOD, SPEC)
    crashed = rejection(decoders, poisoned("segfault"))
    assert crashed.code == "crashed"
    assert "signal 11" in crashed.logged
    decoders.to_input(GOOD, SPEC)


@pytest.mark.slow
def test_exhausted_memory_is_said_to_be_that(decoders: Decoders) -> None:
    assert rejection(decoders, poisoned("memory")).code == "out_of_memory"
    decoders.to_input(GOOD, SPEC)


@pytest.mark.slow
def test_what_the_kernel_kills_for_want_of_memory_is_said_to_be_that(decoders: Decoders) -> None:
    decoders.to_input(GOOD, SPEC)
    (pid,) = running()
    assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000", "it is the one to be taken"
    assert rejection(decoders, poisoned("kill")).code == "out_of_memory"


@pytest.mark.slow
def test_a_decoder_that_died_meanwhile_is_not_blamed_on_the_next_picture(decoders: Decoders) -> None:
    decoders.to_input(GOOD, SPEC)
    os.kill(running()[0], signal.SIGKILL)
    decoders.to_input(GOOD, SPEC)


@pytest.mark.slow
def test_a_real_picture_too_large_for_the_limit_is_out_of_memory(decoders: Decoders) -> None:
    large = encode(draw(6000, 6000))
    small = Decoders(1, memory_bytes=200 * 2**20)
    assert rejection(small, large).code == "out_of_memory"
    small.close()
    assert decoders.to_input(large, SPEC).shape == (64, 64, 3)


@pytest.mark.slow
def test_the_largest_picture_allowed_can_be_cleaned_within_the_memory_allowed(decoders: Decoders) -> None:
    exif = codec.Image.Exif()
    exif[codec.ExifTags.Base.Orientation] = 6
    large = picture(size=(8000, 5000), format="PNG", exif=exif)
    cleaned, info = decoders.clean(large, timeout_s=60)
    assert (info.width, info.height) == (5000, 8000)
    assert cleaned != large


@pytest.mark.slow
def test_no_more_than_the_given_number_decode_at_once_and_few_wait(decoders: Decoders) -> None:
    outcomes: list[str] = []

    def ask() -> None:
        try:
            decoders.to_input(poisoned("hang"), SPEC, timeout_s=1.0)
        except codec.ImageRejected as rejected:
            outcomes.append(rejected.code)
        except DecoderUnavailable:
            outcomes.append("busy")

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["busy", "busy", "timeout", "timeout", "timeout", "timeout"]


@pytest.mark.slow
def test_a_decoder_that_cannot_start_is_no_fault_of_the_picture(
    monkeypatch: pytest.MonkeyPatch, decoders: Decoders, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(9)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DecoderUnavailable, match="exit code 9"):
        decoders.to_input(GOOD, SPEC)


ORPHAN = """
import os, threading, time
from types import SimpleNamespace
from ml.pictures.decoding import Decoders
from tests.poison import poisoned
ask = lambda: Decoders(1).to_input(poisoned("hang"), SimpleNamespace(input_size=64, fit="letterbox"), timeout_s=1.0)
from tests.ml.pictures.test_decoding import running
threading.Thread(target=ask, daemon=True).start()
while not (found := running()):
    time.sleep(0.01)
time.sleep(1.0)
print(*found, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.slow
def test_no_decoder_outlives_whoever_asked_it(decoders: Decoders) -> None:
    """Not even a decoder that hangs after its parent has died."""
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    (pid,) = done.stdout.split()
    deadline = time.monotonic() + 20
    command = Path(f"/proc/{pid}/cmdline")
    while command.exists() and b"ml.pictures.decoding" in command.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.1)
