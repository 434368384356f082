"""How slowly a client may send its request and read its answer, and how much of both is kept for it.

The same rule as Apache's mod_reqtimeout: a time to begin with, and more of it for every byte that has come. Who keeps
up a modem's pace may take a quarter of an hour; who sends a byte now and then has the time to begin with.
"""

from __future__ import annotations

import socket
import threading
import time
from tempfile import SpooledTemporaryFile

HEAD_SECONDS = 10.0  # for the whole of the request line and the headers, from the first connection or byte on
BODY_SECONDS = 20.0  # for a body, and for an answer, before their pace counts
BYTES_PER_SECOND = 4096
LONGEST_SECONDS = 900.0  # whatever the pace: 100 MB at 1 Mbit/s take 840
MEMORY_BYTES = 256 * 1024  # of one body or answer; beyond, it is in a file
KEPT_BYTES = 512 * 2**20  # of all bodies and answers of this process together


class TooSlow(Exception):
    """The client has used up its time."""


class NoRoom(Exception):
    """Slow clients already keep `KEPT_BYTES` here."""


class Pace:
    """Deadlines of one direction of a connection, moved by what passes."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._seconds = HEAD_SECONDS
        self._passed: int | None = None

    def head(self) -> None:
        self._started, self._seconds, self._passed = time.monotonic(), HEAD_SECONDS, None

    def body(self) -> None:
        self._started, self._seconds, self._passed = time.monotonic(), BODY_SECONDS, 0

    def left(self) -> float:
        """Seconds.

        Raises:
            TooSlow: there are none.
        """
        seconds = self._seconds
        if self._passed is not None:
            seconds = min(seconds + self._passed / BYTES_PER_SECOND, LONGEST_SECONDS)
        left = self._started + seconds - time.monotonic()
        if left <= 0:
            raise TooSlow
        return left

    def passed(self, count: int) -> None:
        if self._passed is not None:
            self._passed += count


class PacedSocket:
    """What gunicorn's parser reads from: the connection's socket, within the deadlines of `pace`."""

    def __init__(self, sock: socket.socket, pace: Pace) -> None:
        self._sock, self.pace = sock, pace

    def recv(self, size: int) -> bytes:
        self._sock.settimeout(self.pace.left())
        try:
            data = self._sock.recv(size)
        except TimeoutError:
            raise TooSlow from None
        self.pace.passed(len(data))
        return data


class Room:
    """The bytes that may be kept, shared by all connections of a process."""

    def __init__(self, size: int = KEPT_BYTES) -> None:
        self._left = size
        self._mutex = threading.Lock()

    def take(self, count: int) -> None:
        """
        Raises:
            NoRoom: as many are not left.
        """
        with self._mutex:
            if count > self._left:
                raise NoRoom
            self._left -= count

    def give_back(self, count: int) -> None:
        with self._mutex:
            self._left += count


class Kept:
    """A body or an answer: in memory while it is small, in a temporary file when it is not."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.file = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115  (lives as long as this)
        self.size = 0

    def add(self, data: bytes) -> None:
        self._room.take(len(data))
        self.size += len(data)
        self.file.write(data)

    def close(self) -> None:
        self.file.close()
        self._room.give_back(self.size)
        self.size = 0


class Answer:
    """The socket that an application's thread writes to: what the client does not take at once is kept for it."""

    def __init__(self, sock: socket.socket, room: Room) -> None:
        self._sock, self._room = sock, room
        self.kept: Kept | None = None

    def sendall(self, data: bytes) -> None:
        view = memoryview(data).cast("B")
        if self.kept is None:
            view = view[self._send_now(view) :]
        if view:
            if self.kept is None:
                self.kept = Kept(self._room)
            self.kept.add(bytes(view))

    def _send_now(self, view: memoryview) -> int:
        sent = 0
        while sent < len(view):
            try:
                sent += self._sock.send(view[sent:], socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
        return sent

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def flush(self) -> None:
        """Send what was kept.

        Raises:
            TooSlow, OSError: the client does not take it.
        """
        if self.kept is None:
            return
        pace = Pace()
        pace.body()
        self.kept.file.seek(0)
        while data := self.kept.file.read(64 * 1024):
            view = memoryview(data)
            while view:
                self._sock.settimeout(pace.left())
                try:
                    sent = self._sock.send(view)
                except TimeoutError:
                    raise TooSlow from None
                pace.passed(sent)
                view = view[sent:]

    def close_kept(self) -> None:
        if self.kept is not None:
            self.kept.close()
            self.kept = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)
