"""Graceful shutdown: a process finishes or releases its claimed work within `GRACE` seconds.

Celery does not tell a worker's children about a warm shutdown, so the request is a byte of memory that children share
with their parent process.
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

GRACE = 6.0  # seconds; together with the steps after it, less than the 10 s that supervisors usually allow
LOOK = 0.2
_asked = mmap.mmap(-1, 1)


def ask() -> None:
    """Ask this process, and those forked from it, to shut down. Works from any thread."""
    _asked[0] = 1


def asked() -> bool:
    return _asked[0] != 0


def guard_child(give_back: Callable[[], None]) -> None:
    """Make a worker's child end in time: if it cannot finish, because of a slow network or a hanging storage, its
    claims are released and it ends in the middle of the work."""

    def watch() -> None:
        pause = threading.Event()  # never set: when a child is done it ends, together with its threads
        while not asked():
            pause.wait(LOOK)
        pause.wait(GRACE)
        _end(give_back, 0)

    threading.Thread(target=watch, name="stopping", daemon=True).start()


@contextmanager
def on_signals(give_back: Callable[[], None]) -> Iterator[None]:
    """For commands: SIGTERM and Ctrl-C request a graceful shutdown; a second Ctrl-C interrupts at once.

    A thread receives the first signal (`signal.set_wakeup_fd`), because Python's handlers would wait until the main
    thread leaves a forward pass.
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
