"""Asked to end, a process finishes what it has in hand, or gives it back, within `GRACE` seconds.

Celery tells the children of a worker nothing of a warm shutdown, so the request is a byte of memory that children share
with the process they were forked from.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

GRACE = 6.0  # seconds; with what follows, less than the 10 that supervisors usually give
LOOK = 0.2
_asked = mmap.mmap(-1, 1)


def ask() -> None:
    """From any thread: this process, and those forked from it, are to end."""
    _asked[0] = 1


def asked() -> bool:
    return _asked[0] != 0


def guard_child(give_back: Callable[[], None]) -> None:
    """In a worker's child: what cannot be finished in time, a network on a slow machine or a storage that hangs, is
    given back, and the child ends in the middle of it."""

    def watch() -> None:
        pause = threading.Event()  # never set: a child that is done ends, and its threads with it
        while not asked():
            pause.wait(LOOK)
        pause.wait(GRACE)
        _end(give_back, 0)

    threading.Thread(target=watch, name="stopping", daemon=True).start()


@contextmanager
def on_signals(give_back: Callable[[], None]) -> Iterator[None]:
    """For commands: SIGTERM and Ctrl-C ask to stop; a second Ctrl-C interrupts at once.

    The first is heard by a thread (`signal.set_wakeup_fd`): the main one may be deep in a forward pass, where Python's
    handlers wait for its end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ears, mouth = socket.socketpair()
    mouth.setblocking(False)
    done = threading.Event()

    def listen() -> None:
        heard = ears.recv(1)
        if not heard:
            return
        ask()
        if not done.wait(GRACE):
            _end(give_back, 128 + heard[0])

    def handle(number: int, frame: FrameType | None) -> None:
        for each, handler in former.items():
            signal.signal(each, handler)

    former = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    fd = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=listen, name="stopping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        signal.set_wakeup_fd(fd)
        for number, handler in former.items():
            signal.signal(number, handler)
        mouth.close()
        thread.join()
        ears.close()
        _asked[0] = 0


def _end(give_back: Callable[[], None], status: int) -> None:
    try:
        give_back()
    finally:
        os._exit(status)
