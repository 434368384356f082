"""Turns at the decoders: fair between clients, and never all decoders for large pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ml.pictures.decoding import gate
from ml.pictures.decoding.gate import WAITING_OF_ONE, Busy, Gate
from ml.pictures.decoding.sizes import stated_pixels
from tests.pictures import picture


class Callers:
    """Threads at a gate. Each enters when it may, and leaves when the test says so."""

    def __init__(self, at: Gate) -> None:
        self.gate = at
        self.inside: list[str] = []
        self.order: list[str] = []
        self.refused: list[str] = []
        self._leave: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def call(self, name: str, client: str | None, *, large: bool = False) -> None:
        """Return when the call is inside, is waiting, or was refused."""
        self._leave[name] = threading.Event()
        known = self._known()
        thread = threading.Thread(target=self._go, args=(name, client, large))
        self._threads.append(thread)
        thread.start()
        until(lambda: self._known() > known)

    def let_out(self, *names: str) -> None:
        for name in names:
            until(lambda name=name: name in self.inside)
            self._leave[name].set()
            until(lambda name=name: name not in self.inside)

    def finish(self) -> None:
        for event in self._leave.values():
            event.set()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()

    def _known(self) -> int:
        waiting = sum(len(queue) for queue in list(self.gate._waiting.values()))
        return len(self.order) + len(self.refused) + waiting

    def _go(self, name: str, client: str | None, large: bool) -> None:
        try:
            with self.gate.turn(client, large=large):
                self.inside.append(name)
                self.order.append(name)
                self._leave[name].wait(20)
                self.inside.remove(name)
        except Busy:
            self.refused.append(name)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@contextmanager
def callers(slots: int) -> Iterator[Callers]:
    made = Callers(Gate(slots))
    try:
        yield made
    finally:
        made.finish()


def test_clients_take_turns_whoever_sent_more() -> None:
    with callers(2) as at:
        at.call("other", "x")
        at.call("a1", "a")
        at.call("a2", "a")
        at.call("a3", "a")
        at.call("b1", "b")
        at.let_out("a1")
        until(lambda: "a2" in at.inside)
        at.let_out("a2")
        until(lambda: len(at.inside) == 2)
        assert at.inside == ["other", "b1"], "b came after a3, but it is its turn"


def test_large_pictures_leave_a_slot_to_all_others() -> None:
    with callers(2) as at:
        for client in "abc":
            at.call(f"large {client}", client, large=True)
        assert at.inside == ["large a"]
        at.call("small", "d")
        assert at.inside == ["large a", "small"]
        at.let_out("small")
        assert at.inside == ["large a"], "the freed slot is not for another large one"


def test_a_client_with_large_pictures_is_no_obstacle_to_its_own_small_ones() -> None:
    with callers(2) as at:
        at.call("large", "office", large=True)
        at.call("small", "office")
        assert at.inside == ["large", "small"]


def test_one_client_never_has_every_slot() -> None:
    with callers(3) as at:
        for number in range(3):
            at.call(f"a{number}", "a")
        at.call("b", "b")
        assert sorted(at.inside) == ["a0", "a1", "b"]


def test_who_finds_too_many_of_its_own_waiting_is_told_when_to_come_back() -> None:
    with callers(1) as at:
        at.call("inside", "a")
        for number in range(WAITING_OF_ONE):
            at.call(f"waits {number}", "a")
        with pytest.raises(Busy) as busy, at.gate.turn("a", large=False):
            pass
        assert 1 <= busy.value.seconds <= 30
        at.call("somebody else", "b")
        assert at.refused == []


def test_nobody_waits_for_longer_than_patience_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "PATIENCE_S", 0.05)
    with callers(1) as at:
        at.call("inside", "a")
        with pytest.raises(Busy), at.gate.turn("b", large=False):
            pass
        assert not at.gate._waiting, "who gave up leaves no place in the queue behind"


def test_what_no_client_waits_for_uses_every_slot_and_is_never_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "PATIENCE_S", 0.01)
    with callers(2) as at:
        for number in range(6):
            at.call(f"import {number}", None, large=True)
        assert len(at.inside) == 2
        time.sleep(0.05)
        assert at.refused == []
        at.let_out("import 0", "import 1")
        until(lambda: len(at.inside) == 2)


def test_imports_and_clients_take_turns() -> None:
    with callers(1) as at:
        at.call("import 0", None)
        at.call("import 1", None)
        at.call("import 2", None)
        at.call("search", "a")
        at.let_out("import 0", "import 1")
        until(lambda: bool(at.inside))
        assert at.inside == ["search"]


def test_a_thread_that_fails_inside_gives_its_slot_back() -> None:
    at = Gate(1)
    for _ in range(3):
        with pytest.raises(RuntimeError), at.turn("a", large=False):
            raise RuntimeError


@pytest.mark.parametrize("format", ["JPEG", "PNG", "GIF", "WEBP", "AVIF"])
@pytest.mark.parametrize("size", [(64, 48), (1000, 700)])
def test_the_size_is_read_from_the_header_of_every_format_taken(format: str, size: tuple[int, int]) -> None:
    assert stated_pixels(picture(size=size, format=format)) == size[0] * size[1]


@pytest.mark.parametrize("data", [b"", b"text", b"\xff\xd8\xff", b"RIFF....WEBPVP8X", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_what_has_no_plain_header_has_no_stated_size(data: bytes) -> None:
    assert stated_pixels(data) is None


def test_no_cut_of_a_header_raises() -> None:
    for format in ("JPEG", "PNG", "GIF", "WEBP", "AVIF"):
        data = picture(size=(64, 48), format=format)
        for end in range(min(len(data), 700)):
            stated_pixels(data[:end])
